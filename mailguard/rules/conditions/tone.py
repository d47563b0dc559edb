"""A mail written in anger."""

from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from mailguard.locale.sayings import counted, joined, quoted, saying
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, or_short
from mailguard.rules.facts import Facts
from mailguard.rules.places import SAID, Place
from mailguard.rules.tone import HEATED
from mailguard.rules.tone import Tone as Signs

_SHOWN = 5


@condition("tone")
class Tone(Condition):
    """The sender's own text is heated: a delay to cool off costs little, a hold would be an insult of its own."""

    examples = ("heated",)
    is_: Literal["heated"] = Field("heated", alias="is")
    """Short: `tone: heated`."""
    at_least: int = Field(2 * HEATED, ge=1, le=100)
    """Points: an insult or swearing counts 3, shouting 2, a sharp word or !!! 1."""
    _signs: Signs | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"is": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        self._signs = Signs(binder.names.vocabulary)

    def match(self, facts: Facts) -> Match | None:
        found = self._found(facts)
        if sum(points for points, _ in found) < self.at_least:
            return None
        evidence = tuple((SAID[Place.BODY], said) for _, said in found)
        named = joined(", ", (quoted(said) for _, said in found[:_SHOWN]))
        return Match(saying("the text sounds heated: {words}", words=named), evidence=evidence[: 2 * _SHOWN])

    def _found(self, facts: Facts) -> list[tuple[int, str]]:
        return self._signs.signs(facts) if self._signs is not None else []

    def miss(self, facts: Facts) -> str:
        points = sum(points for points, _ in self._found(facts))
        return counted(
            "the text is calm enough: {number} point of {least}",
            "the text is calm enough: {number} points of {least}", points, least=self.at_least,
        )  # fmt: skip

    @property
    def cost(self) -> int:
        return 6

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return or_short(super().schema_of(), "heated")
