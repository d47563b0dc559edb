"""An admin's regular expression (RE2: linear time, whatever the mail)."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr

from mailguard.locale.sayings import every, quoted, saying
from mailguard.records import Match
from mailguard.rules import places
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.places import Place

_SHOWN = 80  # characters of a match that are kept as evidence
_KEPT = 20
_MOST = 1_000_000


@condition("pattern")
class Pattern(Condition):
    """A pattern found in chosen parts of the mail; case counts, `(?i)` at its start ignores it."""

    examples = ({"re": "PRJ-[0-9]{4}", "in": ["subject"]},)
    re: str = Field(examples=["'PRJ-[0-9]{4}'"])
    """An RE2. Its \\b knows ASCII letters only: write [^\\pL\\pN_] around words of other alphabets."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names and what is in them), file_names."""
    at_least: int = Field(1, ge=1, le=_MOST)
    """How many hits it takes."""
    _re: Any = PrivateAttr(None)

    def bind(self, binder: Binder) -> None:
        self._re = binder.pattern(self.re, "re")

    def match(self, facts: Facts) -> Match | None:
        found = list(islice(self._found(facts), max(self.at_least, _KEPT)))
        if len(found) < self.at_least:
            places.check(facts, self.in_)
            return None
        where = every(dict.fromkeys(place for place, _ in found))
        said = saying("{found} in {places}", found=quoted(found[0][1]), places=where)
        return Match(said, evidence=tuple(dict.fromkeys(found))[:_KEPT])

    def _found(self, facts: Facts) -> Iterator[tuple[str, str]]:
        for place in self.in_:
            form, written, read = places.text, places.text(facts, place), places.legible(facts, place)
            hits = list(islice(self._re.finditer(written), _MOST))
            if read != written:  # whatever hides letters from the one may not lose what the other finds
                others = list(islice(self._re.finditer(read), _MOST))
                form, hits = (places.legible, others) if len(others) > len(hits) else (form, hits)
            for hit in hits:
                yield places.said(facts, place, hit.start(), form), hit.group(0)[:_SHOWN]

    def miss(self, facts: Facts) -> str:  # noqa: ARG002
        return saying("the pattern is not found in {places}", places=places.named(self.in_))

    @property
    def cost(self) -> int:
        return places.cost(self.in_) + 1
