"""Numbers that can be checked: accounts, cards, ids of persons and firms."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from mailguard.document.model import did_you_mean
from mailguard.locale.sayings import every, joined, saying, some
from mailguard.records import Match
from mailguard.rules import places
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.identifiers import KINDS, Kind, kind
from mailguard.rules.places import Place

_SHOWN = 20
_END = 4  # digits that are shown of each: enough to find it, too few to use it
_NAMES: dict[str, Any] = {"anyOf": [{"enum": list(KINDS)}, {"type": "string", "pattern": r"^[a-z]{2}\.[a-z0-9_]+$"}]}


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _shape(schema: dict[str, Any]) -> None:
    """One name or several; any country's name is allowed, the usual ones are offered."""
    del schema["type"], schema["items"]
    schema["anyOf"] = [_NAMES, {"type": "array", "items": _NAMES}]


@condition("identifier")
class Identifier(Condition):
    """Numbers with a checksum, each counted once; only their last digits are ever shown."""

    examples = ({"kind": ["iban", "card"], "at_least": 3},)
    kind: Annotated[
        tuple[str, ...],
        BeforeValidator(_several),
        AfterValidator(filled),
    ] = Field(json_schema_extra=_shape, examples=[["iban", "card"]])
    """Which: iban, card, pesel, …, or country.name of python-stdnum, like fi.hetu."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names and what is in them), file_names."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many different numbers it takes."""
    _kinds: tuple[Kind, ...] = PrivateAttr(())

    def bind(self, binder: Binder) -> None:
        known = [(name, kind(name)) for name in self.kind]
        for number, (name, found) in enumerate(known):
            if found is None:
                fix = did_you_mean(name, tuple(KINDS)) or f"one of {', '.join(KINDS)}, or one like fi.hetu"
                loc = ("kind", number) if isinstance(binder.value().get("kind"), list) else ("kind",)
                binder.wrong(loc, Code.CHOICE, f'"{name}" is no identifier that is known', fix)
        self._kinds = tuple(found for _, found in known if found is not None)

    def match(self, facts: Facts) -> Match | None:
        found = dict.fromkeys(self._found(facts))
        numbers = dict.fromkeys((said, number) for said, number, _ in found)
        if len(numbers) < self.at_least:
            places.check(facts, self.in_)
            return None
        evidence = tuple(
            dict.fromkeys(
                (where, saying("{what} …{end}", what=said, end=number[-_END:])) for said, number, where in found
            )
        )
        where = every(dict.fromkeys(place for place, _ in evidence[:_SHOWN]))
        kinds = _counted([said for said, _ in numbers])
        return Match(saying("{found} in {places}", found=kinds, places=where), evidence=evidence[:_SHOWN])

    def _found(self, facts: Facts) -> Iterator[tuple[str, str, str]]:
        for place in self.in_:
            for each in self._kinds:
                for where, number in _numbers(facts, place, each):
                    yield each.said, number, where

    def miss(self, facts: Facts) -> str:
        count = len({(said, number) for said, number, _ in self._found(facts)})
        where, kinds = places.named(self.in_), some(each.said for each in self._kinds)
        if not count:
            return saying("no {kinds} in {places}", kinds=kinds, places=where)
        return saying("only {number} × {kinds} in {places}", number=count, kinds=kinds, places=where)

    @property
    def cost(self) -> int:
        return places.cost(self.in_) + 1


def _numbers(facts: Facts, place: Place, wanted: Kind) -> tuple[tuple[str, str], ...]:
    def find() -> tuple[tuple[str, str], ...]:
        pieces = places.pieces(facts, place)
        return tuple(dict.fromkeys((where, number) for where, text in pieces for number in wanted.find(text)))

    return facts.once((wanted, place), find)


def _counted(said: list[str]) -> str:
    kinds = dict.fromkeys(said)
    counts = ((said.count(each), each) for each in kinds)
    return joined(", ", (saying("{times} × {what}", times=n, what=each) if n > 1 else each for n, each in counts))
