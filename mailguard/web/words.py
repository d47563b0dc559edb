"""What the pages say, one TOML file a language, and how numbers and times are written in it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mailguard.notices.words import plural

_HERE = Path(__file__).parent / "words"


class Words:
    """The sentences of one language, by name; `{…}` in them is filled in by `say`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _load(language)

    def say(self, name: str, /, **values: object) -> str:
        return self._words[name].format(**values)

    def count(self, name: str, number: int, /, **values: object) -> str:
        """A sentence whose form depends on `number`: its forms stand in the file, parted by `|`."""
        return plural(self.language, number, *self._words[name].split("|")).format(number=number, **values)

    def size(self, octets: int) -> str:
        """`48 KB`; the decimal sign is the language's."""
        value, unit = (octets / (1 << 20), "MB") if octets >= 1 << 20 else (octets / (1 << 10), "KB")
        text = f"{value:.1f}" if unit == "MB" and value < 10 else f"{max(value, 1):.0f}"  # noqa: PLR2004
        return f"{text.replace('.', ',' if self.language == 'pl' else '.')} {unit}"


@cache
def _load(language: str) -> Mapping[str, str]:
    return tomllib.loads((_HERE / f"{language}.toml").read_text("utf-8"))
