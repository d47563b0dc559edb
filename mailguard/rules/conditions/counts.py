"""How many get the mail: people, or organizations. A list counts as its members."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr

from mailguard.locale.sayings import counted, every, saying
from mailguard.mail import address
from mailguard.records import Match
from mailguard.rules import who
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.who import Who


class Header(StrEnum):
    """Where the header places a recipient."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"


SAID = {Header.TO: saying("To"), Header.CC: saying("Cc"), Header.BCC: saying("Bcc")}
EVERYWHERE = (Header.TO, Header.CC, Header.BCC)


@condition("recipient_count")
class RecipientCount(Condition):
    """At least so many people get the mail."""

    examples = ({"at_least": 10, "in": ["to", "cc"]},)
    at_least: int = Field(ge=1, le=1_000_000, examples=[10])
    """How many."""
    of: Any = Field(None, json_schema_extra=who.SCHEMA)
    """Only these count; everyone when left out."""
    in_: Annotated[tuple[Header, ...], AfterValidator(filled)] = Field(EVERYWHERE, alias="in")
    """Only these headers count: to, cc, bcc; all when left out."""
    _of: Who | None = PrivateAttr(None)

    def bind(self, binder: Binder) -> None:
        if self.of is not None:
            self._of = who.bind(self.of, binder.below("of"))

    @cached_property
    def _asked(self) -> Who | None:
        """As of `Recipients`."""
        return self._of

    def match(self, facts: Facts) -> Match | None:
        keys = self._keys(facts)
        count = len(self._counted(facts, keys))
        if count < self.at_least:
            return None
        return Match(self._sentence(count), frozenset(keys))

    def miss(self, facts: Facts) -> str:
        count = len(self._counted(facts, self._keys(facts)))
        return saying("only {found}, not {number}", found=self._sentence(count), number=self.at_least)

    def _keys(self, facts: Facts) -> tuple[str, ...]:
        if self.in_ == EVERYWHERE:
            keys = facts.named
        else:
            keys = tuple(key for header in self.in_ for key in getattr(facts, header.value))
        return keys if self._asked is None else self._asked.select(facts, keys)

    def _counted(self, facts: Facts, keys: tuple[str, ...]) -> frozenset[str]:
        reached = frozenset(one for key in keys for one in self._reached(facts, key))
        if self._asked is None:
            return reached
        return frozenset(self._asked.select(facts, sorted(reached)))

    def _reached(self, facts: Facts, key: str) -> frozenset[str]:
        return facts.people.expand(key) or frozenset({key})

    def _sentence(self, count: int) -> str:
        if self._of is None:
            return self._within(counted("{number} recipient", "{number} recipients", count))
        who = self._of.said
        return self._within(counted("{number} recipient {who}", "{number} recipients {who}", count, who=who))

    def _within(self, said: str) -> str:
        if self.in_ == EVERYWHERE:
            return said
        headers = every(SAID[header] for header in self.in_)
        return saying("{found} in {places}", found=said, places=headers)

    @property
    def names_recipients(self) -> bool:
        return True


@condition("domain_count")
class DomainCount(RecipientCount):
    """The mail goes to at least so many different domains."""

    examples = ({"at_least": 3, "of": "external"},)

    def _counted(self, facts: Facts, keys: tuple[str, ...]) -> frozenset[str]:
        return frozenset(map(address.domain, super()._counted(facts, keys)))

    def _sentence(self, count: int) -> str:
        if self._of is None:
            return self._within(counted("recipients at {number} domain", "recipients at {number} domains", count))
        who = self._of.said
        return self._within(
            counted("recipients at {number} domain {who}", "recipients at {number} domains {who}", count, who=who)
        )
