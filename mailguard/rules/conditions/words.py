"""Words and phrases, as whole words of any script; case, encodings of accents and line breaks don't matter."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.records import Match
from mailguard.rules import places
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Finder, normal
from mailguard.rules.places import Place

_SHOWN = 20  # pieces of evidence kept: the page shows a few


@condition("words")
class Words(Condition):
    """Words of a list, or named here, in chosen parts of the mail."""

    list_: str | None = Field(None, alias="list")
    """A list's name."""
    any_: tuple[str, ...] = Field((), alias="any")
    """Words or phrases."""
    ignore: str | tuple[str, ...] = ()
    """A list's name, or phrases: a word inside one of them does not count ("non-confidential")."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names)."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many hits it takes."""
    _finder: Finder = PrivateAttr()
    _ignored: Finder = PrivateAttr()

    @model_validator(mode="after")
    def _asks(self) -> "Words":
        if self.list_ is None and not self.any_:
            raise BadValue("no words to look for", "write {list: NAME} or {any: [WORD, …]}", code="MG203")
        for number, word in enumerate(self.any_):
            if not normal(word):
                raise BadValue("an empty word would be found everywhere", "leave it out", at=("any", number))
        return self

    def bind(self, binder: Binder) -> None:
        listed = binder.list_of(self.list_, "list") if self.list_ is not None else ()
        ignored = binder.list_of(self.ignore, "ignore") if isinstance(self.ignore, str) else self.ignore
        self._finder = binder.finder((*self.any_, *listed))
        self._ignored = binder.finder(ignored)

    def match(self, facts: Facts) -> Match | None:
        found = list(self._found(facts))
        if len(found) < self.at_least:
            return None
        evidence = tuple(dict.fromkeys(found))[:_SHOWN]
        where = " and ".join(dict.fromkeys(place for place, _ in evidence))
        said = ", ".join(f"“{word}”" for word in dict.fromkeys(word for _, word in evidence[:5]))
        return Match(f"{said} in {where}", evidence=evidence)

    def _found(self, facts: Facts) -> Iterator[tuple[str, str]]:
        for place in self.in_:
            hits = self._hits(facts, place)
            if not hits:
                continue
            ignored = list(self._ignored.find(places.folded(facts, place)))
            for word, start, end in hits:
                if not any(first <= start and end <= last for _, first, last in ignored):
                    yield places.SAID[place], word

    def _hits(self, facts: Facts, place: Place) -> list[tuple[str, int, int]]:
        text = places.folded(facts, place)
        return facts.once((self._finder, place), lambda: _longest(self._finder.find(text)))

    def miss(self, facts: Facts) -> str:
        count = sum(1 for _ in self._found(facts))
        where = " or ".join(places.SAID[place] for place in self.in_)
        return f"only {count} of these words in {where}" if count else f"none of these words in {where}"

    @property
    def cost(self) -> int:
        return places.cost(self.in_)

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {**super().schema_of(), "anyOf": [{"required": ["list"]}, {"required": ["any"]}]}


def _longest(hits: Iterator[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Of hits inside one another the longest: “strictly confidential” is one hit, not two."""
    kept: list[tuple[str, int, int]] = []
    for hit in sorted(hits, key=lambda hit: (hit[1], -hit[2])):
        if not kept or hit[2] > kept[-1][2]:
            kept.append(hit)
    return kept
