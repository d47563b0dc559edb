"""How a mail stands to the earlier ones: of its conversation, of the text it quotes, and of those that still wait."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.locale.sayings import saying
from mailguard.records import Match
from mailguard.rules import circle, echoes, who
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts
from mailguard.rules.logic import united
from mailguard.rules.who import Who

Gain = Literal["domain", "address"]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _yes(value: object) -> bool:
    if value is not True:
        raise BadValue("this key has only one value", "write true, or leave the key out")
    return True


Yes = Annotated[bool, BeforeValidator(_yes, json_schema_input_type=Literal[True])]


class Unanswered(Section):
    """How many mails in a row nobody answered."""

    at_least: int = Field(ge=1, le=1000, examples=[3])
    """This mail is the sender's so-many-th follow-up; 1 is the first after the mail that began it."""


@condition("thread")
class Thread(Condition):
    """How this mail stands to earlier ones. Several keys must all be true."""

    examples = ({"gains": ["domain"]}, {"confidential": True, "outside_circle": True}, {"unanswered": {"at_least": 3}})
    gains: Annotated[tuple[Gain, ...], BeforeValidator(_several, json_schema_input_type=Gain | list[Gain])] = ()
    """A reply brings in a domain, or an address, that its conversation never had. Of people outside, unless of says."""
    outside_circle: Yes = False
    """Somebody gets it who was not on the conversation so far, inside or outside."""
    confidential: Yes = False
    """This mail, or an earlier one of the conversation, is marked confidential."""
    returns_dropped: Yes = False
    """Somebody gets it whom a person dropped from an earlier mail of the conversation."""
    unanswered: Unanswered | None = None
    """The sender writes again and nobody has answered."""
    quotes_others: Yes = False
    """It quotes a mail to other people and goes to people outside who have nothing to do with those."""
    repeats_waiting: Yes = False
    """Nearly the same mail of this sender to one of the same people still waits."""
    of: Any = Field(None, json_schema_extra=who.SCHEMA)
    """Only these recipients count."""
    _of: Who | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _asks(self) -> "Thread":
        if not (self._asks_conversation or self.quotes_others or self.repeats_waiting):
            raise BadValue("it asks nothing", "write a key, like {gains: domain} or {outside_circle: true}")
        return self

    @property
    def _asks_conversation(self) -> bool:
        asked = self.gains or self.outside_circle or self.returns_dropped or self.unanswered or self.confidential
        return bool(asked)

    def bind(self, binder: Binder) -> None:
        if self.of is not None:
            self._of = who.bind(self.of, binder.below("of"))
        binder.names.sketches |= self.quotes_others or self.repeats_waiting

    def match(self, facts: Facts) -> Match | None:
        found: list[Match] = []
        for asked in (self._conversation, self._texts):
            answers = asked(facts)
            if answers is None:
                return None
            found += answers
        return united(found)

    def _conversation(self, facts: Facts) -> list[Match] | None:
        """What is asked of the conversation, all of it true; None when one is not."""
        if not self._asks_conversation:
            return []
        thread, found = facts.thread, list[Match | None]()
        if thread is None:
            return None
        everyone, outside = self._keys(facts, facts.recipients), self._keys(facts, _outside(facts))
        if self.gains:
            sides = "address" not in self.gains  # a new domain is a new address too
            found.append(circle.gained(facts, thread, outside if self._of is None else everyone, sides=sides))
        if self.confidential:
            marked = thread.confidential or facts.confidential
            found.append(Match(saying("the conversation was marked confidential")) if marked else None)
        if self.outside_circle:
            found.append(circle.outside(facts, thread, everyone))
        if self.returns_dropped:
            found.append(circle.returning(thread, everyone))
        if self.unanswered is not None:
            found.append(circle.unanswered(thread, everyone, self.unanswered.at_least))
        return _all(found)

    def _texts(self, facts: Facts) -> list[Match] | None:
        found: list[Match | None] = []
        if self.quotes_others:
            found.append(echoes.quoted_to_others(facts, self._keys(facts, _outside(facts))))
        if self.repeats_waiting:
            found.append(echoes.repeated(facts))
        return _all(found)

    def _keys(self, facts: Facts, keys: tuple[str, ...]) -> tuple[str, ...]:
        return keys if self._of is None else self._of.select(facts, keys)

    def miss(self, facts: Facts) -> str:
        conversation = self._conversation(facts)
        if conversation is None:
            return circle.UNSEEN if facts.thread is None else saying("the conversation has not changed in this way")
        if self.quotes_others and facts.text.quoted and facts.heard is None:
            return echoes.UNKNOWN
        if self.quotes_others and echoes.quoted_to_others(facts, self._keys(facts, _outside(facts))) is None:
            return saying("it quotes nothing that these recipients never got, as far as mailguard knows")
        return echoes.UNKNOWN if facts.waiting is None else saying("no mail like this one waits")

    @property
    def cost(self) -> int:
        return 5

    @property
    def names_recipients(self) -> bool:
        return True


def _outside(facts: Facts) -> tuple[str, ...]:
    return tuple(key for key in facts.recipients if who.external(facts, key))


def _all(found: list[Match | None]) -> list[Match] | None:
    true = [match for match in found if match is not None]
    return true if len(true) == len(found) else None
