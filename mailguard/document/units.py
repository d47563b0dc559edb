"""The small notations of our files: `5m`, `25MB`, `127.0.0.1:2525`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict

from mailguard.document.described import Described

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_IN_WORDS = re.compile(r"(\d{1,12})\s*(s|sec|second|m|min|minute|h|hr|hour|d|day)s?")
_DIGITS = 12  # far past any sensible wait, and before a number takes long to read
_CENTURY = 100 * 365 * 86_400_000
_PER_HOUR = {"m": 60.0, "h": 1.0, "d": 1 / 24}
_BYTES = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


class Section(Described):
    """A part of a file: nothing unknown is accepted, nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def duration(value: object) -> timedelta:
    """`200ms`, `30s`, `5m`, `1h30m`, `2d` → timedelta. ValueError says what to write instead."""
    if isinstance(value, timedelta):
        return value
    parts = re.findall(r"(\d+)(ms|[smhd])", value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration: {_meant(value)}")
    if any(len(number) > _DIGITS for number, _ in parts):
        raise ValueError(f"{value!r} is too long")
    milliseconds = sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)
    if milliseconds > _CENTURY:
        raise ValueError(f"{value!r} is longer than a hundred years")
    return timedelta(milliseconds=milliseconds)


def _meant(value: object) -> str:
    """What to write instead of something that is nearly a duration."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return f"it has no unit, write {value}s, {value}m, {value}h or {value}d"
    found = _IN_WORDS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if found:
        return f"write {found[1]}{found[2][0]}"
    return "write a number and s, m, h or d, like 30s, 5m, 1h30m, 2d"


def size(value: object) -> int:
    """`25MB` → bytes (1 MB = 2**20). ValueError says what to write instead."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = re.fullmatch(r"(\d{1,12})\s*([KMG]?B)?", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a size: write a number and KB, MB or GB, like 25MB")
    return int(found[1]) * _BYTES[found[2] or ""]


def per_hour(value: object) -> int:
    """`300/h` → 300; `10/m` and `5000/d` are counted over the hour too."""
    found = re.fullmatch(r"(\d{1,9})/([mhd])", value) if isinstance(value, str) else None
    if found is None and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{value!r} is not a rate: write a number and /m, /h or /d, like 300/h")
    return max(1, int(int(found[1]) * _PER_HOUR[found[2]]))


def short(span: timedelta) -> str:
    """A timedelta in the notation of our files: `1h30m`."""
    left, out = span // timedelta(milliseconds=1), ""
    for unit in reversed(_MILLISECONDS):
        count, left = divmod(left, _MILLISECONDS[unit])
        out += f"{count}{unit}" if count else ""
    return out or "0s"


def _bind(value: object) -> str:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})", value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65535:  # noqa: PLR2004
        raise ValueError(f"{value!r} is not HOST:PORT, like 127.0.0.1:2525 or [::1]:2525")
    return found[0]


Duration = Annotated[timedelta, BeforeValidator(duration, json_schema_input_type=str)]
Size = Annotated[int, BeforeValidator(size, json_schema_input_type=str | int)]
Rate = Annotated[int, BeforeValidator(per_hour, json_schema_input_type=str | int)]
HostPort = Annotated[str, BeforeValidator(_bind, json_schema_input_type=str)]


def host_port(value: str) -> tuple[str, int]:
    """`[::1]:25` → ('::1', 25)."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
