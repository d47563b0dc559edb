"""One language: its catalogue, read as its translators wrote it, and how it writes numbers."""

import io
import re
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babel import Locale
from babel.dates import format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from mailguard.locale.sayings import Saying, Value, fill

HERE = Path(__file__).parent
_LONG = 200  # letters of a header that are read
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
SOURCE = "en"  # what code and templates are written in
NAMES = (SOURCE, *sorted(path.parent.parent.name for path in HERE.glob("*/LC_MESSAGES/mailguard.po")))

if TYPE_CHECKING:
    Name = str
else:
    Name = Literal[NAMES]  # so that a wrong one in mailguard.yaml is told which there are


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """Marks a sentence that is said later, where it is known to whom."""
    return message


class Language:
    """Says the sentences; `{…}` in them is filled in afterwards, so no value is ever looked up or formatted itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.locale = Locale.parse(name)
        self._catalogue = _catalogue(name)

    def say(self, message: str, /, **values: object) -> str:
        return self._catalogue.gettext(message).format(**values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The form that goes with `number`, which is `{number}` in it."""
        return self._catalogue.ngettext(one, many, number).format(number=self.number(number), **values)

    def tell(self, text: str) -> str:
        """What was `Saying` before it was known to whom; text that was not is as it was written."""
        if not isinstance(text, Saying):
            return text
        if text.texts is not None:
            form = text.texts.get(self.name) if text.texts else text.message
            return str(text) if form is None else fill(form, text.values, self._value)
        say = self._catalogue
        form = say.ngettext(text.message, text.many, _number(text)) if text.many else say.gettext(text.message)
        return fill(form, text.values, self._value)

    def _value(self, value: Value) -> str:
        return self.number(value) if isinstance(value, int) else self.tell(value)

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    @property
    def own_name(self) -> str:
        """What its speakers call it: `Polski`."""
        return (self.locale.get_display_name(self.name) or self.name).capitalize()

    def day(self, date: date) -> str:
        """`10/29`, `29.10.`: for a table or a plot."""
        return format_skeleton("Md", date, locale=self.locale)

    def size(self, octets: int) -> str:
        """`48 KB`, `1.5 MB`, `70 GB`."""
        shift, unit = next((each for each in ((30, "GB"), (20, "MB")) if octets >= 1 << each[0]), (10, "KB"))
        value = octets / (1 << shift)
        rounded = round(value, 1) if unit != "KB" and value < 10 else max(round(value), 1)  # noqa: PLR2004
        return f"{format_decimal(rounded, locale=self.locale)} {unit}"


@cache
def language(name: str) -> "Language":
    """The same for everybody who reads it."""
    return Language(name)


def wanted(said: str) -> str:
    """The first of our languages that somebody asks for, like `de-AT, en;q=0.5` (RFC 9110 §12.5.4); '' for none."""
    asked: list[tuple[float, int, str]] = []
    for place, part in enumerate(said[:_LONG].split(",")):
        tag, _, weight = part.partition(";")
        quality = _WEIGHT.fullmatch(weight.strip() or "q=1")
        name = tag.strip().lower().replace("_", "-").partition("-")[0]
        if quality and name in NAMES and float(quality[1]) > 0:
            asked.append((-float(quality[1]), place, name))
    return min(asked)[2] if asked else ""


def _number(text: Saying) -> int:
    number = text.values["number"]
    return number if isinstance(number, int) else 0


@cache
def _catalogue(name: str) -> NullTranslations:
    """Compiled in memory: there is no second file that could be older than the first."""
    if name == SOURCE:
        return NullTranslations()
    with (HERE / name / "LC_MESSAGES" / "mailguard.po").open("rb") as file:
        catalogue = read_po(file, locale=name)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
