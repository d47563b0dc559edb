"""Sentences that are made before it is known who will read them: English text that remembers what it was made of."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from mailguard.errors import CannotTell, SmtpError

Value = str | int  # a str may be `Saying` itself
_GAP = re.compile(r"\{(\w+)\}")


class Saying(str):
    """Equal to its English text, which is all that logs and other programs ever see; `Language.tell` says it anew.

    `message` has a `{gap}` for each of `values`. `many` is its plural form, for the value `number`. `texts` are the
    admin's own wordings by language: where there are any, even none, no catalogue is asked.
    """

    __slots__ = ("many", "message", "texts", "values")
    message: str
    values: Mapping[str, Value]
    many: str
    texts: Mapping[str, str] | None

    def __new__(
        cls, message: str, values: Mapping[str, Value], many: str = "", texts: Mapping[str, str] | None = None
    ) -> "Saying":
        form = many if many and values["number"] != 1 else message
        self = super().__new__(cls, form.format_map(values) if values and texts is None else fill(form, values))
        self.message, self.values, self.many, self.texts = message, values, many, texts
        return self

    def __reduce__(self) -> tuple[Callable[..., "Saying"], tuple[object, ...]]:
        return Saying, (self.message, dict(self.values), self.many, self.texts)


def saying(message: str, /, **values: Value) -> Saying:
    """A sentence of the catalogue. Written `saying("…{gap}…", gap=…)`, so that it is found for its translators."""
    return Saying(message, values)


def counted(one: str, many: str, number: int, /, **values: Value) -> Saying:
    """The form that goes with `number`, which is `{number}` in it."""
    return Saying(one, {"number": number, **values}, many)


def told(error: CannotTell | SmtpError) -> Saying:
    """What the error says."""
    return Saying(error.message, error.values)


def joined(between: str, parts: Iterable[str]) -> str:
    """The parts with signs between them that every language has: `; `, `, `."""
    found = list(parts)
    if not any(type(part) is Saying for part in found):
        return between.join(found)
    gaps = between.join(f"{{p{place}}}" for place in range(len(found)))
    return found[0] if len(found) == 1 else Saying(gaps, {f"p{n}": part for n, part in enumerate(found)}, texts={})


def every(parts: Iterable[str]) -> str:
    """`a and b and c`."""
    return reduce(lambda one, other: saying("{one} and {other}", one=one, other=other), list(parts) or [""])


def some(parts: Iterable[str]) -> str:
    """`a or b or c`."""
    return reduce(lambda one, other: saying("{one} or {other}", one=one, other=other), list(parts) or [""])


def quoted(text: str) -> Saying:
    return saying("“{text}”", text=text)


def dump(text: str) -> Any:
    """For JSON: plain text as it is."""
    if not isinstance(text, Saying):
        return text
    whole = [text.message, {name: dump(one) if isinstance(one, str) else one for name, one in text.values.items()}]
    return whole if not text.many and text.texts is None else [*whole, text.many, text.texts]


def load(value: Any) -> str:
    """What `dump` made. Whatever is no such thing raises ValueError, TypeError or LookupError."""
    if isinstance(value, str):
        return value
    message, values, many, texts = value if len(value) > 2 else (*value, "", None)  # noqa: PLR2004
    return Saying(
        message, {name: one if isinstance(one, int) else load(one) for name, one in values.items()}, many, texts
    )


def written(text: str) -> str:
    """The same as JSON text."""
    return json.dumps(dump(text), separators=(",", ":"))


def read(text: str) -> str:
    """What `written` made."""
    return load(json.loads(text))


def pack(text: str) -> str:
    """For a place that holds plain text: what has no parts stays as it is."""
    return written(text) if isinstance(text, Saying) else text


def unpack(text: str) -> str:
    """What `pack` made; text that merely begins like it is left alone."""
    if not text.startswith("["):
        return text
    try:
        return read(text)
    except (ValueError, TypeError, LookupError):
        return text


# A reason in a record that pydantic writes and reads
Said = Annotated[str, PlainSerializer(dump, when_used="json"), PlainValidator(load)]


def fill(form: str, values: Mapping[str, Value], tell: Callable[[Value], str] = str) -> str:
    """The form with its gaps filled, once; a brace that is no gap stays as it is."""
    return _GAP.sub(lambda found: tell(values[found[1]]) if found[1] in values else found[0], form)
