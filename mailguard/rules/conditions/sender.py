"""Who sends the mail: the identity that logged in, not what From says."""

from typing import Any

from pydantic import PrivateAttr, model_validator

from mailguard.records import Match
from mailguard.rules import who
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts
from mailguard.rules.who import Who


@condition("sender")
class Sender(Condition):
    """The sender is …"""

    who: Any
    _who: Who = PrivateAttr(who.NOBODY)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"who": value}

    def bind(self, binder: Binder) -> None:
        self._who = who.bind(self.who, binder)
        if self._who.past:
            binder.wrong((), Code.SENDER, "a sender is never unexpected", "ask this of recipients, to, cc or bcc")

    def match(self, facts: Facts) -> Match | None:
        if not self._who.test(facts, facts.people.canonical(facts.sender)):
            return None
        return Match(f"the sender {facts.sender or '<>'} is {self._who.said}")

    def miss(self, facts: Facts) -> str:
        return f"the sender {facts.sender or '<>'} is not {self._who.said}"

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {"title": "Sender", **who.SCHEMA}
