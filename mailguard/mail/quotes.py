"""Whose words a line is: the author's, somebody quoted, or a signature or disclaimer nobody typed today.

When in doubt a line is the author's: a guard that overlooks new words is worse than one that reads too much.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mailguard.mail import marks

QUOTED, SIGNATURE, QUOTED_FROM_HERE = "q", "s", "Q"
SIGNATURE_LINES = 25  # a longer text below "-- " is no signature
DISCLAIMER_SIGNS = 2  # different legal words in one paragraph: "this e-mail is confidential" alone is the author's
TITLE = 60  # characters of a paragraph that is nothing but a title
CLOSING_LINES = 14  # below "Best regards": name, firm, street, telephone
CLOSING_WIDTH = 100  # a longer line there is a sentence
NAME_WORDS = 5
REGARDS_WIDTH = 70  # characters: no closing of any language is longer


class Line(NamedTuple):
    """`kind` is what the markup said: QUOTED, SIGNATURE, QUOTED_FROM_HERE, or '' for nothing."""

    text: str
    kind: str = ""


class Split(NamedTuple):
    """The three texts."""

    new: str
    quoted: str
    signature: str


class Spoken(NamedTuple):
    """Lines that a person wrote, and those that say whose they are: "Kim <kim@client.example> wrote:", "From: …"."""

    lines: list[str]
    heads: list[str]


def split_plain(texts: list[str]) -> Split:
    """As `split`, of lines without markup: in most mail none of them can begin a quotation, which one look tells."""
    whole = _whole(texts)
    if marks.HINT.search(whole) or any(colon + "\n" in whole for colon in marks.COLONS):
        return split([Line(text) for text in texts])
    kept, closing = _signature(texts)
    return Split(_join(kept), "", _join(closing))


def split(lines: Sequence[Line]) -> Split:
    """Every line into one of the three, in order."""
    new: list[str] = []
    quoted: list[str] = []
    signature: list[str] = []
    colons = _colons(lines)
    at, all_quoted = 0, False
    while at < len(lines):
        line = lines[at]
        all_quoted = all_quoted or line.kind == QUOTED_FROM_HERE or _starts_quote(lines, at)
        length = _attribution(lines, at) if not all_quoted and True in colons[at : at + 3] else 0
        if length:
            quoted += [each.text for each in lines[at : at + length]]
            at += length
            all_quoted = not _marked_next(lines, at)
            continue
        if all_quoted or line.kind == QUOTED or marks.MARK.match(line.text):
            quoted.append(marks.MARK.sub("", line.text, count=1))
        else:
            (signature if line.kind == SIGNATURE else new).append(line.text)
        at += 1
    kept, closing = _signature(new)
    return Split(_join(kept), _join(quoted), _join(signature + closing))


def spoken(text: str) -> Spoken:
    """What a person wrote of a text or a quotation: no signature at its end, no disclaimer, no "… wrote:"."""
    lines, kept, heads, at = [Line(line) for line in text.split("\n")], list[str](), list[str](), 0
    colons = _colons(lines)
    while at < len(lines):
        said = lines[at].text[:400].strip()
        head = marks.SEPARATOR.fullmatch(said) or marks.FROM.fullmatch(said) or marks.OTHER_HEADER.match(said)
        length = (_attribution(lines, at) if True in colons[at : at + 3] else 0) or bool(head)
        (heads if length else kept).extend(line.text for line in lines[at : at + max(length, 1)])
        at += max(length, 1)
    return Spoken(_signature(kept)[0], heads)


def _starts_quote(lines: Sequence[Line], at: int) -> bool:
    """A separator, or a block of From / Sent / To / Subject lines, as Outlook writes it."""
    text = lines[at].text
    if ":" not in text and "：" not in text and not text.lstrip().startswith(marks.RULERS):
        return False
    text = text[:400].strip()
    if (text[:1] in marks.RULERS or text[-1:] in marks.COLONS) and marks.SEPARATOR.fullmatch(text):
        return True
    if not (":" in text[:14] or "：" in text[:14]) or not marks.FROM.fullmatch(text):
        return False
    block = [marks.OTHER_HEADER.match(line.text[:400]) for line in lines[at + 1 : at + 10]]
    return sum(found is not None for found in block) > 1 and any(found and found[1] for found in block)


def _colons(lines: Sequence[Line]) -> list[bool]:
    """Where lines end as "… wrote:" does: only there, and on the two lines above, is one looked for."""
    return [line.text.endswith(marks.COLONS) for line in lines]


def _attribution(lines: Sequence[Line], at: int) -> int:
    """How many lines "On … wrote:" takes here, wrapped over up to three; 0 = it is none."""
    window: list[str] = []
    for line in lines[at : at + 3]:
        if line.kind or not line.text.strip() or marks.MARK.match(line.text):
            return 0
        window.append(line.text[:400].strip())
        if window[-1].endswith(marks.COLONS):
            break
    if window and marks.DATED.fullmatch(" ".join(window)):
        return len(window)
    if not window or not marks.WROTE.search(" ".join(window)[-200:]):
        return 0
    if marks.WHEN.match(" ".join(window)):
        return len(window)
    # no date in front: only the last lines that name somebody, never the author's own line above them
    return len(window) if marks.WHO.match(" ".join(window)) and not marks.WHO.match(" ".join(window[1:])) else 0


def _marked_next(lines: Sequence[Line], at: int) -> bool:
    """Whether the quotation that follows carries its own marks, so that what is behind it is new again."""
    for line in lines[at : at + 5]:
        if line.text.strip():
            return line.kind == QUOTED or marks.MARK.match(line.text) is not None
    return False


def _signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """(the author's lines, signature and disclaimers)."""
    whole = _whole(lines)
    lines, closing = _dashes(lines) if "\n--" in whole else (lines, [])
    lines, phone = _sent_from(lines, whole)
    lines, below = _regards(lines)
    closing = [*below, *phone, *closing]
    kept: list[str] = []
    expected = False  # the paragraph before was a disclaimer or its title
    for paragraph in _paragraphs(lines):
        text = " ".join(paragraph)
        title = marks.DISCLAIMER_TITLE.match(text) is not None
        opener = marks.DISCLAIMER_OPENER.search(text[:200]) is not None
        legal = (title or opener or expected) and _signs(text) >= DISCLAIMER_SIGNS
        expected = legal or (title and len(text) < TITLE)
        (closing if expected else kept).extend([*paragraph, ""])
    return kept, closing


def _whole(lines: Sequence[str]) -> str:
    """All of them, each with a line end before it and behind."""
    return "\n".join(["", *lines, ""])


def _dashes(lines: list[str]) -> tuple[list[str], list[str]]:
    """(above the last "-- ", from there on) where that is short enough for a signature."""
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].rstrip() == "--":
            short = sum(1 for line in lines[at:] if line.strip()) <= SIGNATURE_LINES
            return (lines[:at], lines[at:]) if short else (lines, [])
    return lines, []


def _sent_from(lines: list[str], whole: str) -> tuple[list[str], list[str]]:
    """(all others, "Sent from my phone"); `whole` holds all of them."""
    if not marks.SENT_FROM_LINE.search(whole):
        return lines, []
    phone = [line for line in lines if marks.SENT_FROM.fullmatch(line.strip())]
    return [line for line in lines if line not in phone], phone


def _regards(lines: list[str]) -> tuple[list[str], list[str]]:
    """(up to "Best regards", name and firm below it), where a telephone number, link or address is among these."""
    if not marks.REGARDS_LINE.search(_whole(lines[1 - 2 * CLOSING_LINES :])):
        return lines, []
    for at in range(len(lines) - 1, max(-1, len(lines) - 2 * CLOSING_LINES), -1):
        if len(lines[at]) <= REGARDS_WIDTH and marks.REGARDS.fullmatch(lines[at].strip()):
            below = [line for line in lines[at + 1 :] if line.strip()]
            return (lines[: at + 1], lines[at + 1 :]) if _card(below) else (lines, [])
    return lines, []


def _card(lines: list[str]) -> bool:
    """Whether these are somebody's name and how to reach them, and no sentence."""
    if not lines or len(lines) > CLOSING_LINES or any(len(line) > CLOSING_WIDTH for line in lines):
        return False
    name = lines[0].strip()
    if len(name.split()) > NAME_WORDS or name.endswith((".", "!", "?", ":")):
        return False
    return not any(map(marks.POSTSCRIPT.match, lines)) and any(map(marks.CONTACT.search, lines))


def _signs(text: str) -> int:
    return len({found.lower() for found in marks.LEGAL_WORD.findall(text)})


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _join(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
