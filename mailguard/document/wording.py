"""One readable sentence for each way a value can be wrong; the validator's own language stays inside."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import ErrorDetails

_MAX = 60
_SECRET = re.compile(r"(secret|token|key)$")


@dataclass(frozen=True)
class Finding:
    """A Problem that has no file yet: `loc` is the place in the data."""

    loc: tuple[str | int, ...]
    code: str
    message: str
    help: str = ""
    key: bool = False
    choices: tuple[str, ...] = ()

    def with_help(self, text: str) -> "Finding":
        return replace(self, help=text)


def shown(value: object) -> str:
    """A value as it is written in a file, short enough for a message."""
    if isinstance(value, str):
        return f'"{value if len(value) <= _MAX else value[: _MAX - 1] + "…"}"'
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else str(value)[:_MAX]


def word(details: ErrorDetails, loc: tuple[str | int, ...]) -> Finding:
    """The finding for one of pydantic's errors about a value."""
    kind, value, ctx = details["type"], details["input"], dict(details.get("ctx") or {})
    name = next((str(step) for step in reversed(loc) if isinstance(step, str)), "this")
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _choice(loc, name, value, str(ctx.get("expected") or ctx.get("expected_tags")))
    if kind in ("value_error", "assertion_error"):
        return Finding(loc, "MG106", str(ctx.get("error", "")) or f"{shown(value)} does not fit here")
    if kind in _LIMITS:
        return Finding(loc, "MG107", f"{_named(name, value)} {_LIMITS[kind](ctx)}")
    wanted = _wanted(kind)
    if value is None:
        return Finding(loc, "MG106", f'"{name}" has no value', f"expected {wanted}", key=True)
    if "password" in name or (wanted == "text" and _SECRET.search(name)):  # never shown, also when it is wrong
        return Finding(loc, "MG106", f"{name} must be {wanted}", "put it in quotes")
    message = f"{name} must be {wanted}, not {_kind(value)}"
    return Finding(loc, "MG106", message, _advice(wanted, value))


def _named(name: str, value: object) -> str:
    return f"{name}: {shown(value)}" if isinstance(value, str | int | float) else name


def _choice(loc: tuple[str | int, ...], name: str, value: object, expected: str) -> Finding:
    choices = tuple(re.findall(r"'([^']*)'", expected)) or (expected,)
    if not isinstance(value, str | int | float):
        return Finding(loc, "MG104", f"{name} must be one of {', '.join(choices)}, not {_kind(value)}")
    if len(choices) == 1:
        return Finding(loc, "MG104", f"{name} must be {choices[0]}, not {shown(value)}")
    return Finding(loc, "MG104", f"{shown(value)} is not one of {', '.join(choices)}", choices=choices)


_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda ctx: f"must be more than {ctx['gt']}",
    "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']}",
    "less_than": lambda ctx: f"must be less than {ctx['lt']}",
    "less_than_equal": lambda ctx: f"must be at most {ctx['le']}",
    "multiple_of": lambda ctx: f"must be a multiple of {ctx['multiple_of']}",
    "finite_number": lambda _: "must be a finite number",
    "too_short": lambda ctx: f"needs at least {_entries(ctx['min_length'])}",
    "too_long": lambda ctx: f"takes at most {_entries(ctx['max_length'])}",
    "string_too_short": lambda ctx: (
        "must not be empty" if ctx["min_length"] == 1 else f"needs at least {ctx['min_length']} characters"
    ),
    "string_too_long": lambda ctx: f"takes at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda _: "is not written as it must be here",
}

_WANTED = (
    ("ip_v", "an IP address or network, like 127.0.0.0/8"),
    ("ip_", "an IP address or network, like 127.0.0.0/8"),
    ("string", "text"),
    ("int", "a whole number"),
    ("float", "a number"),
    ("bool", "true or false"),
    ("list", "a list, like [a, b]"),
    ("tuple", "a list, like [a, b]"),
    ("set", "a list, like [a, b]"),
    ("frozen_set", "a list, like [a, b]"),
    ("dict", "a mapping of keys"),
    ("mapping", "a mapping of keys"),
    ("model", "a mapping of keys"),
    ("dataclass", "a mapping of keys"),
    ("union_tag_not_found", "a mapping of keys"),
    ("date", "a date, like 2027-01-31"),
    ("time", "a time, like 08:00"),
    ("path", "a path"),
    ("url", "a URL, like https://mailguard.corp.example"),
    ("none", "left empty"),
)


def _wanted(kind: str) -> str:
    return next((text for start, text in _WANTED if kind.startswith(start)), "something else")


def _kind(value: object) -> str:
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def _advice(wanted: str, value: object) -> str:
    if wanted == "text" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{shown(value)}"'
    if wanted.startswith("a list") and isinstance(value, str | int | float):
        return f"write [{value if re.fullmatch(r'[A-Za-z0-9_./@ -]+', str(value)) else shown(value)}]"
    if wanted == "a whole number" and isinstance(value, str) and value.strip().isdigit():
        return f"write it without quotes: {value.strip()}"
    return ""


def _entries(number: int) -> str:
    return f"{number} entr{'y' if number == 1 else 'ies'}"
