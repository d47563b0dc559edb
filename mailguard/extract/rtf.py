"""RTF, with what other readers of it leave out: headers, notes, comments, hidden text, and what its info says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailguard.extract.work import Work
from mailguard.records.content import Where

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\"
)
_DESTINATIONS = {
    b"header": Where.HEADER, b"headerl": Where.HEADER, b"headerr": Where.HEADER, b"headerf": Where.HEADER,
    b"footer": Where.HEADER, b"footerl": Where.HEADER, b"footerr": Where.HEADER, b"footerf": Where.HEADER,
    b"footnote": Where.NOTES, b"annotation": Where.COMMENT, b"atnauthor": Where.COMMENT, b"info": Where.METADATA,
    b"title": Where.METADATA, b"subject": Where.METADATA, b"author": Where.METADATA, b"keywords": Where.METADATA,
    b"doccomm": Where.METADATA, b"company": Where.METADATA, b"manager": Where.METADATA, b"category": Where.METADATA,
    b"userprops": Where.METADATA, b"propname": Where.METADATA, b"staticval": Where.METADATA,
    b"fldinst": Where.METADATA, b"shptxt": Where.BODY, b"pntext": Where.BODY, b"fldrslt": Where.BODY,
    b"wgrffmtfilter": None, b"bkmkstart": Where.METADATA, b"htmltag": None, b"mhtmltag": None,
}  # fmt: skip
_SILENT = frozenset(
    b"fonttbl colortbl stylesheet listtable listoverridetable pict objdata themedata colorschememapping datastore "
    b"latentstyles rsidtbl generator xmlnstbl filetbl revtbl fontemb blipuid sp panose falt".split()
)
_WITHIN = frozenset({b"fldrslt", b"pntext", b"bkmkstart"})
_SPACE = {b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"cell": "\t", b"tab": "\t",
          b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”",
          b"bullet": "•", b"nestcell": "\t", b"nestrow": "\n"}  # fmt: skip
_SIGNS = {b"~": " ", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n"}
_CHARSETS = {0: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253",
             162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
             238: "cp1250"}  # fmt: skip
_DEPTH = 2000
_SURROGATES = range(0xD800, 0xE000)


@dataclass(slots=True)
class _State:
    """What a brace opens and the next one closes."""

    where: Where = Where.BODY
    hidden: bool = False
    silent: bool = False
    skip: int = 1  # characters that stand for an \\u before them
    font: int = -1
    whole: bool = False  # a destination of its own: it ends a line


def read(work: Work, data: bytes) -> None:
    """Tolerant: whatever it is, its text comes out."""
    _Reader(work).run(data)


class _Reader:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._stack = [_State()]
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._in_fonts = False
        self._raw = bytearray()
        self._left = 0  # characters still to be passed over after \u
        self._optional = False
        self._half = 0

    def run(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            token = _TOKEN.match(data, at)
            if token is None:
                break
            at = token.end()
            word, number, code, sign, brace, text = token.groups()
            if code:
                self._byte(int(code, 16))
            elif text:
                self._plain(text)
            elif brace:
                self._brace(brace)
            elif word:
                value = int(number) if number else None
                if word == b"bin" and value:
                    at += max(0, value)
                self._word(word, value)
            elif sign:
                self._sign(sign)
        self._flush()

    def _brace(self, brace: bytes) -> None:
        self._flush()
        if brace == b"{" and len(self._stack) < _DEPTH:
            self._stack.append(replace(self._stack[-1], whole=False))
        elif brace == b"}" and len(self._stack) > 1:
            before = self._stack.pop()
            if before.whole:
                self._work.text("\n", before.where)
        self._left, self._optional = 0, False

    def _word(self, word: bytes, value: int | None) -> None:
        state = self._stack[-1]
        if word == b"u" and value is not None:
            self._unicode(value & 0xFFFF)
            return
        self._flush()
        if word in _DESTINATIONS:
            where = _DESTINATIONS[word]
            state.silent, state.where, state.whole = where is None, where or state.where, word not in _WITHIN
        elif word in _SILENT:
            state.silent, self._in_fonts = True, word == b"fonttbl"
        elif word in _SPACE:
            self._say(_SPACE[word])
        elif self._optional and word not in (b"shppict", b"nonshppict", b"shpinst", b"shprslt", b"formfield"):
            state.silent = True
        else:
            self._format(word, value, state)
        self._optional = False

    def _format(self, word: bytes, value: int | None, state: _State) -> None:
        if word == b"uc":
            state.skip = min(max(value or 0, 0), 10)
        elif word in (b"v", b"deleted"):
            state.hidden = value != 0
        elif word == b"plain":
            state.hidden = False
        elif word == b"ansicpg" and value:
            self._page = f"cp{value}"
        elif word == b"f" and value is not None:
            state.font = value
        elif word == b"fcharset" and value in _CHARSETS and self._in_fonts:
            self._fonts[state.font] = _CHARSETS[value]

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._optional = True
        elif sign in (b"\\", b"{", b"}"):
            self._plain(sign)
        elif sign in _SIGNS:
            self._flush()
            self._say(_SIGNS[sign])

    def _plain(self, text: bytes) -> None:
        skipped = min(self._left, len(text))
        self._left -= skipped
        self._raw += text[skipped:]

    def _byte(self, code: int) -> None:
        if self._left:
            self._left -= 1
        else:
            self._raw.append(code)

    def _unicode(self, code: int) -> None:
        self._flush()
        self._left = self._stack[-1].skip
        if code in _SURROGATES:
            if code < 0xDC00:  # noqa: PLR2004 - the first half of a pair
                self._half = code
                return
            code = 0x10000 + ((self._half - 0xD800) << 10) + (code - 0xDC00) if self._half else 0xFFFD
            self._half = 0
        self._say(chr(code))

    def _flush(self) -> None:
        if not self._raw:
            return
        raw, self._raw = bytes(self._raw), bytearray()
        page = self._fonts.get(self._stack[-1].font, self._page)
        try:
            self._say(raw.decode(page, "replace"))
        except LookupError:
            self._say(raw.decode("cp1252", "replace"))

    def _say(self, text: str) -> None:
        state = self._stack[-1]
        if not state.silent:
            self._work.text(text, Where.HIDDEN if state.hidden else state.where)
