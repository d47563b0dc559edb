"""Sensitivity labels in the header: Microsoft's, Titus' and their kin, and a government's markings."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailguard.mail.message import Message

_MICROSOFT = re.compile(r"\s*MSIP_Label_([0-9A-Za-z\-]{1,40})_([A-Za-z]{1,20})\s*=\s*([^;]*)")
_PLAIN = (
    "x-classification",
    "x-titus-labels",
    "x-ms-sensitivity-label",
    "x-label",
    "x-gs-classification",
    "x-bj-label",
)
_MARKING = ("x-protective-marking",)  # the Australian standard: VER=…, NS=gov.au, SEC=PROTECTED, …
_TITUS = ("x-titus-metadata-40", "x-titus-metadata")  # base64 of JSON
FIELDS = frozenset({"msip_labels", *_PLAIN, *_MARKING, *_TITUS})
"""The header fields that labels stand in."""

_SEC = re.compile(r"\b(?:SEC|CAVEAT|ACCESS)\s*=\s*([^,;\]]{1,80})", re.IGNORECASE)
_PAIR = re.compile(r"\s*([\w .\-]{1,60})\s*[=:]\s*([^;]{1,200})")
_STEPS = re.compile(r"\s*(?:[\\/|]|--|::| - )\s*")
_NAME = 200  # characters of a name that are taken apart
_MOST = 16 * 1024  # characters of one field that are looked at

_CONFIDENTIAL = re.compile(
    r"(?:(?:strictly|highly|company|business)[ -])?(?:confidential|restricted|secret|private|protected|top secret)\b"
    r"|(?:ściśle |bardzo )?(?:poufn[aey]|tajn[aey]|zastrzeżon[aey]|prywatn[aey])\b|(?:streng )?(?:vertraulich|geheim)\b"
    r"|(?:strictement |très )?confidentiel|(?:estrictamente )?(?:confidencial|secreto)|riservat[oa]"
    r"|(?:streng )?vertrouwelijk"
    r"|極秘|機密|社外秘|部外秘|秘密",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Label:
    """`name` as it is written; `id` is Microsoft's GUID, '' elsewhere."""

    name: str
    id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        r"""The whole, and each step of `Confidential\All Employees`, casefolded; the id too."""
        steps = (self.name, *_STEPS.split(self.name[:_NAME]), self.id)
        return tuple(dict.fromkeys(step.strip().casefold() for step in steps if step.strip()))

    @property
    def confidential(self) -> bool:
        """Whether its name, or a step of it, begins with a word for it in a language we know."""
        return any(_CONFIDENTIAL.match(name) for name in self.names)


def labels(message: Message) -> tuple[Label, ...]:
    """Every label that is set, each once."""
    return () if message.names.isdisjoint(FIELDS) else tuple(dict.fromkeys(_labels(message)))


def _labels(message: Message) -> Iterator[Label]:
    for said in message.all("msip_labels"):
        yield from _microsoft(said[:_MOST])
    for name in _PLAIN:
        for said in message.all(name):
            yield from map(Label, _plain(said[:_MOST]))
    for name in _MARKING:
        for said in message.all(name):
            yield from (Label(found.strip()) for found in _SEC.findall(said[:_MOST]))
    for name in _TITUS:
        for said in message.all(name):
            yield from map(Label, _titus(said[:_MOST]))


def _microsoft(said: str) -> Iterator[Label]:
    """One that is not enabled was taken off again."""
    found: dict[str, dict[str, str]] = {}
    for piece in said.split(";"):
        if part := _MICROSOFT.match(piece):
            found.setdefault(part[1].lower(), {})[part[2].lower()] = part[3].strip()
    for number, fields in found.items():
        if fields.get("enabled", "true").lower() == "true":
            yield Label(fields.get("name", ""), number)


def _plain(said: str) -> Iterator[str]:
    """`Secret`, or `Classification=Secret;Project=X`: then the values."""
    for piece in said.split(";"):
        pair = _PAIR.fullmatch(piece)
        if name := (pair[2] if pair else piece).strip(" \"'"):
            yield name


def _titus(said: str) -> Iterator[str]:
    try:
        found = json.loads(base64.b64decode("".join(said.split()), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value
