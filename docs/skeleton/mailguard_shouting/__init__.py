"""Mail with an exclamation mark too many, and time to think about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from mailguard.plugin import CompoundAction, Condition, Facts, Match


class Shouting(Condition):
    """The subject shouts."""  # what an editor shows beside the word

    examples = ({"at_least": 3},)

    at_least: int = Field(3, ge=1)  # fields are the YAML keys
    """How many exclamation marks."""  # and these are their descriptions

    def match(self, facts: Facts) -> Match | None:
        count = self._count(facts)
        if count < self.at_least:
            return None
        return Match(f"{count} exclamation marks in the subject", evidence=(("the subject", "!" * count),))

    def miss(self, facts: Facts) -> str:
        return f"only {self._count(facts)} exclamation marks in the subject"

    def _count(self, facts: Facts) -> int:
        return facts.subject.count("!")


class CoolOff(CompoundAction):
    """The mail waits a while, and its sender is told so."""

    examples = ({"minutes": 15},)

    minutes: int = Field(15, ge=1, le=1440)
    """How long."""

    def means(self) -> Sequence[Mapping[str, Any]]:
        return [{"delay": f"{self.minutes}m"}, {"notify": "sender"}]
