"""Whose words a line is: the author's, somebody quoted, or a signature or disclaimer nobody typed today.

When in doubt a line is the author's: a guard that overlooks new words is worse than one that reads too much.
English, Polish, German, French and Spanish mail programs are known.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

QUOTED, SIGNATURE, QUOTED_FROM_HERE = "q", "s", "Q"
SIGNATURE_LINES = 25  # a longer text below "-- " is no signature
DISCLAIMER_SIGNS = 2  # different legal words in one paragraph: "this e-mail is confidential" alone is the author's
TITLE = 60  # characters of a paragraph that is nothing but a title

_WROTE = re.compile(
    r"(?:\bwrote|\bnapisał(?:\(a\)|a|/a)?|\bpisze|\bpisał(?:\(a\)|a)?|\bschrieb\b[^:]{0,120}|\ba écrit|\bescribió"
    r"|\bha scritto)\s*:\Z",
    re.IGNORECASE,
)
_RULERS = tuple("-_=*")
_WHEN = re.compile(r"(?:On|W dniu|Dnia|Am|Le|El|Il|At)\b.*\d", re.IGNORECASE)
_WHO = re.compile(r".*[<@]")
_SEPARATOR = re.compile(
    r"(?:[-_=*]{2,}\s*(?:original message|forwarded message|wiadomość oryginalna|oryginalna wiadomość"
    r"|wiadomość przekazana|przekazana wiadomość|treść przekazanej wiadomości|wiadomość przesłana dalej"
    r"|ursprüngliche nachricht|originalnachricht|weitergeleitete nachricht|message d['’]origine|message original"
    r"|message transféré|mensaje original|mensaje reenviado|forwarded by .{1,200})\s*[-_=*]*"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:|początek przekazywanej wiadomości:"
    r"|début du message (?:transféré|réexpédié)\s*:|inicio del mensaje reenviado:)\s*",
    re.IGNORECASE,
)
_FROM = re.compile(r"[*\s]{0,3}(?:From|Od|Von|De|Da)\s?\*?\s?:\s?\*?\s*\S.{0,300}", re.IGNORECASE)
_OTHER_HEADER = re.compile(
    r"[*\s]{0,3}(?:(Sent|Date|Wysłano|Data|Gesendet|Datum|Envoyé|Enviado(?: el)?|Fecha)"
    r"|To|Do|An|À|A|Para|Subject|Temat|Betreff|Objet|Asunto|Cc|DW|Kopia)\s?\*?\s?:",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s{0,3}((?:[>|]\s?)+)")
_DISCLAIMER_TITLE = re.compile(
    r"\W*(?:confidentiality (?:notice|note|statement)|(?:legal |e-?mail )?disclaimer|legal notice|important notice"
    r"|klauzula (?:o )?poufności|zastrzeżenie(?: prawne)?|nota prawna"
    r"|vertraulichkeitshinweis|haftungsausschluss|rechtlicher hinweis|wichtiger hinweis"
    r"|avis de confidentialité|aviso legal)\b",
    re.IGNORECASE,
)
_DISCLAIMER_OPENER = re.compile(
    r"\b(?:th(?:is|e) (?:contents? of this |information (?:contained )?in this )?"
    r"(?:e-?mail|message|communication|transmission)"
    r"|if you (?:are not|have received|received)"
    r"|(?:niniejsz[aey]|t[ae]|treść (?:tej|niniejszej)) (?:wiadomoś|e-?mail|korespondencj|informacj)"
    r"|informacje (?:zawarte|przekazane)|jeśli nie (?:jest|są) |jeżeli nie (?:jest|są) "
    r"|diese (?:e-?mail|nachricht)|der inhalt dieser (?:e-?mail|nachricht)|wenn sie nicht der|sollten sie "
    r"|ce (?:message|courriel)|este (?:mensaje|correo))",
    re.IGNORECASE,
)
_LEGAL = (
    r"intended (?:only |solely |exclusively )?(?:for|recipient)|addressee|named recipient|privileged|\bin error\b"
    r"|notify (?:the|us)|unauthori[sz]ed|disseminat|strictly prohibited|delete (?:it|this|the)|disclos"
    r"|legally protected"
    r"|adresat|odbiorc|omyłk|pomyłk|przeznaczon|prawnie chronion|usunię|zawiadomi|powiadomi|zabronion|ujawni"
    r"|empfänger|irrtümlich|vernichten|unbefugt|weitergabe|rechtlich geschützt|nicht gestattet"
    r"|destinataire|destinatario|confidentiel|confidencial|par erreur|por error"
)
_LEGAL_WORD = re.compile(_LEGAL, re.IGNORECASE)


class Line(NamedTuple):
    """`kind` is what the markup said: QUOTED, SIGNATURE, QUOTED_FROM_HERE, or '' for nothing."""

    text: str
    kind: str = ""


class Split(NamedTuple):
    """The three texts."""

    new: str
    quoted: str
    signature: str


def split(lines: Sequence[Line]) -> Split:
    """Every line into one of the three, in order."""
    new: list[str] = []
    quoted: list[str] = []
    signature: list[str] = []
    at, all_quoted = 0, False
    while at < len(lines):
        line = lines[at]
        all_quoted = all_quoted or line.kind == QUOTED_FROM_HERE or _starts_quote(lines, at)
        length = 0 if all_quoted else _attribution(lines, at)
        if length:
            quoted += [each.text for each in lines[at : at + length]]
            at += length
            all_quoted = not _marked_next(lines, at)
            continue
        if all_quoted or line.kind == QUOTED or _MARK.match(line.text):
            quoted.append(_MARK.sub("", line.text, count=1))
        else:
            (signature if line.kind == SIGNATURE else new).append(line.text)
        at += 1
    kept, closing = _signature(new)
    return Split(_join(kept), _join(quoted), _join(signature + closing))


def _starts_quote(lines: Sequence[Line], at: int) -> bool:
    """A separator, or a block of From / Sent / To / Subject lines, as Outlook writes it."""
    text = lines[at].text[:400].strip()
    if (text[:1] in _RULERS or text[-1:] == ":") and _SEPARATOR.fullmatch(text):
        return True
    if ":" not in text[:12] or not _FROM.fullmatch(text):
        return False
    block = [_OTHER_HEADER.match(line.text[:400]) for line in lines[at + 1 : at + 10]]
    return sum(found is not None for found in block) > 1 and any(found and found[1] for found in block)


def _attribution(lines: Sequence[Line], at: int) -> int:
    """How many lines "On … wrote:" takes here, wrapped over up to three; 0 = it is none."""
    if not any(line.text.endswith(":") for line in lines[at : at + 3]):
        return 0
    window: list[str] = []
    for line in lines[at : at + 3]:
        if line.kind or not line.text.strip() or _MARK.match(line.text):
            return 0
        window.append(line.text[:400].strip())
        if window[-1].endswith(":"):
            break
    if not window or not _WROTE.search(" ".join(window)[-200:]):
        return 0
    if _WHEN.match(" ".join(window)):
        return len(window)
    # no date in front: only the last lines that name somebody, never the author's own line above them
    return len(window) if _WHO.match(" ".join(window)) and not _WHO.match(" ".join(window[1:])) else 0


def _marked_next(lines: Sequence[Line], at: int) -> bool:
    """Whether the quotation that follows carries its own marks, so that what is behind it is new again."""
    for line in lines[at : at + 5]:
        if line.text.strip():
            return line.kind == QUOTED or _MARK.match(line.text) is not None
    return False


def _signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """(the author's lines, signature and disclaimers)."""
    closing: list[str] = []
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].rstrip() == "--":
            if sum(1 for line in lines[at:] if line.strip()) <= SIGNATURE_LINES:
                lines, closing = lines[:at], lines[at:]
            break
    kept: list[str] = []
    expected = False  # the paragraph before was a disclaimer or its title
    for paragraph in _paragraphs(lines):
        text = " ".join(paragraph)
        title = _DISCLAIMER_TITLE.match(text) is not None
        opener = _DISCLAIMER_OPENER.search(text[:200]) is not None
        legal = (title or opener or expected) and _signs(text) >= DISCLAIMER_SIGNS
        expected = legal or (title and len(text) < TITLE)
        (closing if expected else kept).extend([*paragraph, ""])
    return kept, closing


def _signs(text: str) -> int:
    return len({found.lower() for found in _LEGAL_WORD.findall(text)})


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
