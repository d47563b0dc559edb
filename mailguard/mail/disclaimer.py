"""A text of the firm put into a mail's body, above it or below it; everything else stays byte for byte."""

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mailguard.errors import CannotTell
from mailguard.mail import charset, fields, mime, splice
from mailguard.mail.headers import Edit, Replace, Splice
from mailguard.mail.html import lines
from mailguard.mail.message import Message, Part
from mailguard.mail.text import Text, fold

LINE = 76  # characters
LONGEST_WORD = 240  # characters: with four octets each still below what a line may have (RFC 5322 §2.1.1)
_PRINTABLE = bytes(range(32, 127))
_CODED = ("7bit", "8bit", "binary", "quoted-printable", "base64")
_TAG = re.compile(rb"(?i)<!--|-->|<body\b[^<>]*+>|</body\b|</html\b")
_CHARSET = re.compile(rb"""(?i);\s*+charset\*?\s*+=\s*+(?:"[^"]*+"|[^;\s]++)""")
_STUFFED = re.compile(r"[ >]|From ")  # RFC 3676 §4.4
_MARKS = re.compile(r"[\s>|]+")

At = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Disclaimer:
    """The words, as plain text and as HTML."""

    text: str
    html: str
    at: At = "end"


class NotPossible(Exception):
    """Why a mail goes without."""


def as_html(text: str) -> str:
    """A paragraph that says the same."""
    return "<p>" + "<br>\n".join(html.escape(line) for line in text.strip().splitlines()) + "</p>"


def said_already(body: Text, words: Disclaimer) -> bool:
    """Whether the mail has these words anywhere, in what it quotes too, however they are wrapped and quoted."""
    here = _bare("\n".join((body.new, body.quoted, body.signature)))
    forms = (words.text, "\n".join(line.text for line in lines(words.html, reply=False)))
    return any(form in here for form in map(_bare, forms) if form)


def _bare(text: str) -> str:
    return _MARKS.sub("", fold(text))


def disclaim(message: Message, wanted: Sequence[Disclaimer]) -> list[Edit]:
    """The edits that put them in, in order. Raises NotPossible."""
    chosen: dict[int, tuple[Part, list[Disclaimer]]] = {}
    try:
        for words in wanted:
            for part in _bodies(tuple(message.parts()), words.at):
                chosen.setdefault(part.start, (part, []))[1].append(words)
    except CannotTell as error:
        raise NotPossible(str(error)) from error
    if not chosen:
        raise NotPossible("it has no text")
    return [edit for part, words in chosen.values() for edit in _into(message, part, words)]


def _bodies(parts: Sequence[Part], at: At) -> Iterable[Part]:
    """What a reader shows first (or last) of the mail's own text; of alternatives one of each kind."""
    own = [part for part in parts if part.body and not part.nested and not part.filename]
    pick = 0 if at == "start" else -1
    if own and own[0].alternative:
        own = [part for part in own if part.alternative == own[0].alternative]
        kinds = ([part for part in own if part.content_type == kind] for kind in ("text/plain", "text/html"))
        return [some[pick] for some in kinds if some]
    own = [part for part in own if part.content_type in ("text/plain", "text/html") and not part.alternative]
    return own[pick:][:1] if pick else own[:1]


def _into(message: Message, part: Part, several: Sequence[Disclaimer]) -> list[Edit]:
    if part.encoding not in _CODED:
        raise NotPossible("its text is in an encoding that is not known")
    if part.end - part.start > splice.LIMIT:
        raise NotPossible(f"its text is longer than {splice.LIMIT >> 20} MB")
    data = message.decode(part, splice.LIMIT)
    above, below = ([words for words in several if words.at == at] for at in ("start", "end"))
    if part.content_type == "text/html":
        return _into_html(message, part, data, above, below)
    flowed = part.params.get("format", "").lower() == "flowed"
    top = "".join(f"{_plain(words.text, flowed)}\r\n\r\n" for words in above)
    bottom = "".join(f"\r\n{_plain(words.text, flowed)}\r\n" for words in below)
    return _into_plain(message, part, data, top, bottom)


# --- HTML: ASCII with character references, which every charset can say ---------------------------------------------


def _into_html(
    message: Message, part: Part, data: bytes, above: Sequence[Disclaimer], below: Sequence[Disclaimer]
) -> list[Edit]:
    if not _transparent(charset.codec(part.charset) or "ascii"):
        raise NotPossible(f"its HTML is in the charset {charset.clean(part.charset)[:40]}")
    wanted = [(_behind_body_tag(data), _html(above))] if above else []
    wanted += [(_before_end(data), _html(below))] if below else []
    return _inserted(message, part, wanted)


def _html(several: Iterable[Disclaimer]) -> bytes:
    """Lines of their own; white space between tags is not shown."""
    coded = "\n".join(words.html for words in several).encode("ascii", "xmlcharrefreplace")
    kept = [b" " + line if line.startswith(b"--") else line for line in coded.splitlines()]
    return b"\r\n".join([b"", *kept, b""])


def _behind_body_tag(data: bytes) -> int:
    return next((tag.end() for tag in _tags(data) if tag[0][:5].lower() == b"<body"), 0)


def _before_end(data: bytes) -> int:
    closing = {tag[0].lower(): tag.start() for tag in _tags(data)}  # the last of each
    return closing.get(b"</body", closing.get(b"</html", len(data)))


def _tags(data: bytes) -> Iterator[re.Match[bytes]]:
    """Those outside of comments."""
    hidden = False
    for found in _TAG.finditer(data):
        if found[0] in (b"<!--", b"-->"):
            hidden = found[0] == b"<!--"
        elif not hidden:
            yield found


# --- plain text -----------------------------------------------------------------------------------------------------


def _plain(text: str, flowed: bool) -> str:
    """Short lines; of flowed text each a paragraph of its own. None that begins like the border of a part."""
    kept = []
    for line in text.strip().splitlines():
        short = textwrap.wrap(line, LINE, break_long_words=False, break_on_hyphens=False) or [""]
        for one in (each[at : at + LONGEST_WORD] for each in short for at in range(0, max(len(each), 1), LONGEST_WORD)):
            stuff = (flowed and _STUFFED.match(one)) or one.startswith("--")
            kept.append(f" {one}" if stuff else one)
    return "\r\n".join(kept)


def _into_plain(message: Message, part: Part, data: bytes, top: str, bottom: str) -> list[Edit]:
    """In the part's own charset where that can say it; else the part becomes UTF-8, and its header says so."""
    codec = charset.codec(part.charset or "us-ascii") or "ascii"
    try:
        coded = [top.encode(codec), _apart(bottom, data.endswith(b"\n") or not data).encode(codec)]
    except UnicodeError:
        coded = []
    fits = all(text.isascii() for text in coded) or part.encoding != "7bit"
    if coded and fits and _transparent(codec):
        places = zip((0, len(data)), coded, strict=True)
        return _inserted(message, part, [(at, text) for at, text in places if text])
    if not charset.codec(part.charset or "us-ascii"):
        raise NotPossible(f"its charset {charset.clean(part.charset)[:40]} is not known")
    text = charset.decode(data, part.charset)
    if "\ufffd" in text or (not part.charset and not data.isascii() and not _is_utf8(data)):
        raise NotPossible("its text is not in the charset it names")
    bottom = _apart(bottom, text.endswith("\n") or not text)
    made, encoding = splice.rewrite(part, f"{top}{text}{bottom}".encode())
    return [*_relabelled(message, part, encoding), made]


def _apart(bottom: str, at_line: bool) -> str:
    """On lines of its own."""
    return bottom if at_line or not bottom else f"\r\n{bottom}"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _transparent(codec: str) -> bool:
    """Whether ASCII means itself in it (not so in UTF-16, UTF-7, HZ)."""
    try:
        return _PRINTABLE.decode(codec).encode("ascii") == _PRINTABLE
    except (UnicodeError, LookupError):
        return False


def _inserted(message: Message, part: Part, wanted: Sequence[splice.Insertion]) -> list[Edit]:
    made = splice.insert(message.raw, part, wanted)
    if made is None:
        raise NotPossible("its text is encoded in an unusual way")
    return list(made)


# --- the header of a part that becomes UTF-8 ------------------------------------------------------------------------


def _relabelled(message: Message, part: Part, encoding: str) -> list[Edit]:
    raw = message.raw
    last, body = fields.head(raw, part.head, part.end)
    found: dict[str, fields.Field] = {}
    for each in fields.fields(raw, part.head, last):
        found.setdefault(each.name, each)
    given = found.get("content-type")
    value = _CHARSET.sub(b"", bytes(raw[given.value : given.end]).strip()) if given else b"text/plain"
    kind = value + b'; charset="utf-8"'
    if body != part.start or body == last or mime.value(kind).params.get("charset") != "utf-8":
        raise NotPossible("the header of its text is malformed")
    wanted = {"Content-Type": kind.decode("latin-1"), "Content-Transfer-Encoding": encoding}
    if not part.depth:
        mime_version = {} if "mime-version" in found else {"MIME-Version": "1.0"}
        return [Replace(name, text) for name, text in (mime_version | wanted).items()]
    made: list[Edit] = []
    for name, text in wanted.items():
        old = found.get(name.lower())
        start, end = (old.start, old.end) if old else (last, last)
        made.append(Splice(start, end, f"{name}: {text}\r\n"))
    return made
