"""HTML into lines of text, with what its markup says about quotations and signatures."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailguard.errors import CannotTell
from mailguard.mail import charset
from mailguard.mail.quotes import QUOTED, QUOTED_FROM_HERE, SIGNATURE, Line

DEPTH = 4000  # the parser's time grows with the square of the nesting
_FEW = 5000

_DATA_URI = re.compile(r"""(=\s*["']?)data:[^"'\s>]{200,}""")
_NESTING = re.compile(
    r"<(/?)(?!(?:br|img|hr|input|meta|link|p|li|td|tr|th|option|col|source|wbr|dt|dd|area)\b)[A-Za-z]", re.I
)
# What style sheets hide is read: hidden from the one program it may be seen in the next.
_SKIPPED = frozenset({"script", "style", "head", "title", "template"})
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 "
        "header hr html li main nav ol p pre section table tbody td tfoot th thead tr ul",
    )
)
_TOLD_BY = frozenset({"div", "blockquote", "span", "p", "table", "hr", "pre"})  # where mail programs put their marks
_QUOTE_CLASS = re.compile(
    r"(?:yahoo|protonmail|tutanota|gmail|ms-outlook|zmail)[_-]?(?:quote|quoted|attr|extra)|moz-cite-prefix|WordSection_quoted"
)
_SIGNATURE_CLASS = re.compile(
    r"gmail_signature|moz-signature|protonmail_signature|ms-outlook-mobile-signature|(?:^|\s)signature(?:\s|$)", re.I
)
_REPLY_ID = re.compile(
    r"(?:divRplyFwdMsg|appendonsend|reply-intro|mail-editor-reference-message-container|stopSpelling)"
)
_SPACE = re.compile(r"[ \t\r\n\f]+")


def lines(html: str, *, reply: bool) -> list[Line]:
    """The text as a person sees it. In a `reply` a bare blockquote quotes; else it may only be an indent."""
    html = _DATA_URI.sub(r"\1", html) if "data:" in html else html
    _check_nesting(html)
    body = LexborHTMLParser(html).body
    return _Writer(reply).walk(body) if body is not None else []


def _check_nesting(html: str) -> None:
    if html.count("<") < _FEW:
        return
    depth = 0
    for tag in _NESTING.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > DEPTH:
            raise CannotTell("the mail's HTML is nested too deeply to be read")


class _Writer:
    """Walks without recursion; one entry of `_open` for every element it is in."""

    def __init__(self, reply: bool) -> None:
        self._reply = reply
        self._lines: list[Line] = []
        self._words: list[str] = []
        self._open: list[tuple[str, str]] = []  # (tag, the kind that was before)
        self._kind = ""
        self._pre = 0

    def walk(self, body: LexborNode) -> list[Line]:
        node: LexborNode | None = body
        while node is not None:
            inside = node.first_child if self._enter(node) else None
            if inside is not None:
                node = inside
                continue
            self._leave()
            while self._open and node is not None and node.next is None:
                node = node.parent
                self._leave()
            node = node.next if node is not None and self._open else None
        self._end_line()
        return self._lines

    def _enter(self, node: LexborNode) -> bool:
        """Whether to look at the children."""
        tag = node.tag or ""
        self._open.append((tag, self._kind))
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag == "br":
            self._end_line(blank=True)
        elif tag in _BLOCKS:
            self._end_line()
        if tag in _TOLD_BY:
            self._mark(tag, node)
        self._pre += tag == "pre"
        return tag not in _SKIPPED

    def _leave(self) -> None:
        tag, before = self._open.pop()
        if tag in _BLOCKS:
            self._end_line(blank=tag in ("p", "table", "blockquote"))
        self._pre -= tag == "pre"
        self._kind = before

    def _mark(self, tag: str, node: LexborNode) -> None:
        said = node.attributes
        name, label = said.get("id") or "", said.get("class") or ""
        if _REPLY_ID.fullmatch(name):
            self._lines.append(Line("", QUOTED_FROM_HERE))
        elif self._kind == QUOTED:
            return
        elif (tag == "blockquote" and self._quotes(said)) or self._quote_box(label, node):
            self._kind = QUOTED
        elif _SIGNATURE_CLASS.search(label) or name == "Signature":
            self._kind = SIGNATURE

    def _quotes(self, said: dict[str, str | None]) -> bool:
        style = (said.get("style") or "").replace(" ", "").lower()
        if said.get("type") == "cite" or "quote" in (said.get("class") or "") or "border-left" in style:
            return True
        return self._reply and "border:none" not in style

    def _quote_box(self, label: str, node: LexborNode) -> bool:
        """Gmail puts answers between the blockquotes of one box: then only the blockquotes are quoted."""
        if not _QUOTE_CLASS.search(label):
            return False
        self._reply = True  # so the blockquotes in it quote, even bare ones
        return node.css_first("blockquote") is None

    def _text(self, text: str) -> None:
        if not self._pre:
            self._words.append(_SPACE.sub(" ", text))
            return
        first, *others = text.split("\n")
        self._words.append(first)
        for other in others:
            self._end_line(blank=True)
            self._words.append(other)

    def _end_line(self, *, blank: bool = False) -> None:
        text = charset.clean("".join(self._words)).strip()
        self._words.clear()
        if text or (blank and self._lines and self._lines[-1].text):
            self._lines.append(Line(text, self._kind))
