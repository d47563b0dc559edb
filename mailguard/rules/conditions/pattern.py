"""An admin's regular expression (RE2: linear time, whatever the mail)."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr

from mailguard.records import Match
from mailguard.rules import places
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.places import Place

_SHOWN = 80  # characters of a match that are kept as evidence
_KEPT = 20


@condition("pattern")
class Pattern(Condition):
    """A pattern found in chosen parts of the mail; case counts, `(?i)` at its start ignores it."""

    re: str = Field(examples=["'PRJ-[0-9]{4}'"])
    """An RE2. Its \\b knows ASCII letters only: write [^\\pL\\pN_] around words of other alphabets."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names)."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many hits it takes."""
    _re: Any = PrivateAttr(None)

    def bind(self, binder: Binder) -> None:
        self._re = binder.pattern(self.re, "re")

    def match(self, facts: Facts) -> Match | None:
        found = list(islice(self._found(facts), max(self.at_least, _KEPT)))
        if len(found) < self.at_least:
            return None
        where = " and ".join(dict.fromkeys(place for place, _ in found))
        return Match(f"“{found[0][1]}” in {where}", evidence=tuple(dict.fromkeys(found))[:_KEPT])

    def _found(self, facts: Facts) -> Iterator[tuple[str, str]]:
        for place in self.in_:
            for hit in self._re.finditer(places.text(facts, place)):
                yield places.SAID[place], hit.group(0)[:_SHOWN]

    def miss(self, facts: Facts) -> str:  # noqa: ARG002
        return f"the pattern is not found in {' or '.join(places.SAID[place] for place in self.in_)}"

    @property
    def cost(self) -> int:
        return places.cost(self.in_) + 1
