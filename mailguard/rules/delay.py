"""A delay: how long each recipient's copy waits, by what the recipient is."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from mailguard.document.model import BadValue, did_you_mean
from mailguard.document.units import duration
from mailguard.errors import CannotTell
from mailguard.people.hours import OFFICE, Until, next_clock
from mailguard.records import Shorten
from mailguard.rules import who
from mailguard.rules.action import ActionSpec, Copies, sensible
from mailguard.rules.binder import Binder
from mailguard.rules.facts import Facts
from mailguard.rules.who import Who

DEFAULT, NONE = "default", "none"
_NOTHING = timedelta()


def _span(value: object) -> timedelta:
    return sensible(duration(value))


def _risks(value: Mapping[str, object]) -> dict[str, timedelta]:
    """{external: 5m, default: none}; the place of what is wrong in it goes along."""
    spans: dict[str, timedelta] = {}
    for name, said in value.items():
        if name != DEFAULT and name not in who.WORDS:
            message = f'"{name}" does not say which recipients'
            raise BadValue(message, did_you_mean(name, (*who.WORDS, DEFAULT)), code="MG104", at=(name,), key=True)
        try:
            spans[name] = _NOTHING if said == NONE else _span(said)
        except BadValue as error:
            raise BadValue(str(error), error.help, code=error.code, at=(name,)) from None
        except ValueError as error:
            raise BadValue(f"{error}, or none", at=(name,)) from None
    if not any(spans.values()):
        raise BadValue("nobody waits", "write {external: 5m, default: none}")
    return spans


def _for(value: object) -> object:
    return _risks(value) if isinstance(value, Mapping) else _span(value)


_ONE = {"type": "string", "description": "how long, like 5m"}
_EACH = {"type": "string", "description": "like 5m, or none"}
_SCHEMA = {
    "anyOf": [
        _ONE,
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                **{word: {**_EACH, "description": f"a recipient {one.said}"} for word, one in who.WORDS.items()},
                DEFAULT: {**_EACH, "description": "a recipient who is none of these; none when left out"},
            },
        },
    ]
}
For = Annotated[timedelta | dict[str, timedelta], BeforeValidator(_for), WithJsonSchema(_SCHEMA)]


def _may_be(one: Who, facts: Facts, key: str) -> bool:
    """Where nobody can tell, the longer wait is the safe one."""
    try:
        return one.test(facts, key)
    except CannotTell:
        return True


class Delay(ActionSpec):
    """The mail waits and then leaves by itself."""

    called = "delay"
    examples = ("5m", {"for": "15m", "copies": "matching"}, {"for": {"first_contact": "30m", "default": "5m"}})
    for_: For = Field(_NOTHING, alias="for", examples=["5m", "{first_contact: 30m, default: 5m}"])
    """How long, like 5m; or by what a recipient is: the longest of what fits, `default` for all others."""
    copies: Copies = Copies.ALL
    """all, or matching: only the recipients the conditions are about."""
    until: Until | None = None
    """Not before this time of day, like "08:00", with `for` the later of both; or office: when we work, after `for`."""
    shorten: Shorten = Shorten.SENDER
    """Who may send it before: sender, assistant (of an executive it goes to), nobody."""

    _who: dict[str, Who] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"for": value} if isinstance(value, str | int | float) else value

    @model_validator(mode="after")
    def _waits(self) -> "Delay":
        if not self.model_fields_set & {"for_", "until"}:
            raise BadValue("a delay needs its time", 'write delay: 5m, or {for: 5m}, or {until: "08:00"}')
        return self

    def bind(self, binder: Binder) -> None:
        if self.until == OFFICE:
            binder.office("until")
        words = self._risks.keys() - {DEFAULT}
        self._who.update({word: who.bind(word, binder.below("for", word)) for word in words})

    @property
    def _risks(self) -> Mapping[str, timedelta]:
        return self.for_ if isinstance(self.for_, dict) else {}

    @property
    def longest(self) -> timedelta:
        """What nobody waits longer than, `until` left aside."""
        return max(self._risks.values()) if isinstance(self.for_, dict) else self.for_

    @property
    def shortest(self) -> timedelta:
        """What everybody waits at least, `until` left aside."""
        if isinstance(self.for_, dict):
            return min(*self.for_.values(), self.for_.get(DEFAULT, _NOTHING))
        return self.for_

    def due(self, facts: Facts, key: str) -> datetime:
        """When this recipient's copy may leave; whom the rule does not mean to delay, at once."""
        span = self.for_ if isinstance(self.for_, timedelta) else self._longest(facts, key)
        if self.until is None or (self._risks and not span):
            return facts.now + span
        if isinstance(self.until, time):
            zone = ZoneInfo(facts.people.organization.zone)
            return max(facts.now + span, next_clock(self.until, facts.now, zone))
        office = facts.people.organization.office
        return office.opens(facts.now + span) if office else facts.now + span

    def _longest(self, facts: Facts, key: str) -> timedelta:
        found = [self._risks[word] for word, one in self._who.items() if _may_be(one, facts, key)]
        return max(found, default=self._risks.get(DEFAULT, _NOTHING))
