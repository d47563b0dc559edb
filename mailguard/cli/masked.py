"""What of settings, a log and numbers may leave the house: what mailguard did, and nothing that somebody wrote.

A text becomes a mark that is the same for the same text within one bundle, and of no use outside: its key is nowhere.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from mailguard.document.units import short
from mailguard.logger import EVENT_FIELDS

_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_FRAME = re.compile(r'File "(?:.*/)?((?:mailguard|site-packages|python3[.\d]*)/[\w./-]+)", line (\d+), in ([\w<>]+)')
_CODED = re.compile(r"[A-Za-z0-9._+-]{1,40}")  # a level, an event, a state, a code; never a sentence, never an address
_LABELS_KEPT = ("le", "state", "result", "code", "outcome", "action", "mode")


class Masks:
    """One bundle's marks."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._key, self._known = secrets.token_bytes(32), frozenset(known)

    def mark(self, text: str) -> str:
        """`~` and twelve digits; '' stays, and so does what is `known`: mailguard's own words."""
        if not text or text in self._known:
            return text
        return "~" + hashlib.blake2b(text.encode(), key=self._key, digest_size=6).hexdigest()

    def settings(self, section: BaseModel) -> dict[str, Any]:
        """Every setting by its name; numbers, times, yes and no, and choices as they are."""
        fields = type(section).model_fields
        return {name: self._value(getattr(section, name), field.annotation) for name, field in fields.items()}

    def _value(self, value: object, kind: object) -> Any:
        if isinstance(value, BaseModel):
            return self.settings(value)
        if isinstance(value, timedelta):
            return short(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self.mark(str(key)): self._value(one, None) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(one, None) for one in value]
        if isinstance(value, Enum):
            return value.value
        text = str(value)
        return text if text in _choices(kind) else self.mark(text)

    def line(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """One event of the log: when, what, how it went; who and about what as marks. What is unknown is left out."""
        kept: dict[str, Any] = {}
        for name, shown in EVENT_FIELDS.items():
            value = event.get(name)
            if isinstance(value, list):
                kept[name] = [self._shown(shown, one) for one in value]
            elif value is not None:
                kept[name] = self._shown(shown, value)
        if isinstance(trace := event.get("exception"), str):
            kept["exception"] = [f"{file}:{line} {name}" for file, line, name in _FRAME.findall(trace)]
        return kept

    def _shown(self, shown: str, value: object) -> object:
        if isinstance(value, bool | int | float):
            return value
        text = str(value)
        return text if shown == "plain" and _CODED.fullmatch(text.replace(":", "")) else self.mark(text)

    def samples(self, text: str) -> Iterator[str]:
        """Prometheus' text; labels that name places or rules are marks."""
        for line in text.splitlines():
            if found := _SAMPLE.match(line):
                pairs = _LABEL.findall(found["labels"] or "")
                labels = ",".join(f'{k}="{v if k in _LABELS_KEPT else self.mark(v)}"' for k, v in pairs)
                yield f"{found['name']}{{{labels}}} {found['value']}"


def _choices(kind: object) -> frozenset[object]:
    """The values of a Literal, also inside a union."""
    if get_origin(kind) is Literal:
        return frozenset(get_args(kind))
    inner: Callable[[object], frozenset[object]] = _choices
    return frozenset().union(*map(inner, get_args(kind)))
