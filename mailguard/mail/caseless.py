"""Patterns that take capitals and small letters for the same."""

import re


class Caseless:
    """As `re.IGNORECASE` of a pattern in small letters; `findall` of ASCII text gives small letters.

    ASCII text is lowered and compared as it is: that takes a third to a tenth of the time, since `re` looks up the
    other case of each letter of a long alternation anew.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._lower, self._any = re.compile(pattern), re.compile(pattern, re.IGNORECASE)

    def search(self, text: str) -> re.Match[str] | None:
        return self._lower.search(text.lower()) if text.isascii() else self._any.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        return self._lower.match(text.lower()) if text.isascii() else self._any.match(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        return self._lower.fullmatch(text.lower()) if text.isascii() else self._any.fullmatch(text)

    def findall(self, text: str) -> list[str]:
        return self._lower.findall(text.lower()) if text.isascii() else self._any.findall(text)
