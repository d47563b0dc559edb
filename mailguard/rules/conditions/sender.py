"""Who sends the mail: the person who logged in, and the address they write as where send_as lets them."""

from typing import Any

from pydantic import PrivateAttr, model_validator

from mailguard.locale import N_
from mailguard.locale.sayings import every, saying
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

    examples = ({"group": "executives"},)
    who: Any
    _who: Who = PrivateAttr(who.NOBODY)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"who": value}

    def bind(self, binder: Binder) -> None:
        self._who = who.bind(self.who, binder)
        if self._who.receives:
            message = "this says something of recipients, never of a sender"
            binder.wrong((), Code.SENDER, message, "ask it of recipients, to, cc or bcc")

    def match(self, facts: Facts) -> Match | None:
        if self._is(facts, facts.sender):
            return Match(saying("the sender {sender} is {who}", sender=facts.sender or "<>", who=self._who.said))
        written_as = next((key for key in facts.written_as if self._is(facts, key)), None)
        if written_as is None:
            return None
        form = N_("the sender {sender} writes as {written_as}, who is {who}")
        return Match(saying(form, sender=facts.sender or "<>", written_as=written_as, who=self._who.said))

    def _is(self, facts: Facts, key: str) -> bool:
        return self._who.test(facts, facts.people.canonical(key))

    def miss(self, facts: Facts) -> str:
        named = {"sender": facts.sender or "<>", "who": self._who.said}
        if not facts.written_as:
            return saying("the sender {sender} is not {who}", **named)
        written_as = every(facts.written_as)
        return saying("the sender {sender}, writing as {written_as}, is not {who}", written_as=written_as, **named)

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {"title": "Sender", **who.SCHEMA}
