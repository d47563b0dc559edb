"""What kind of mail it is."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from mailguard.locale.sayings import every, saying, some
from mailguard.records import Match
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts

Kind = Literal[
    "reply", "reply_all", "forward", "automatic", "invitation", "calendar_reply", "signed", "encrypted",
    "confidential",
]  # fmt: skip
_SAID = {
    "reply": saying("a reply"),
    "reply_all": saying("a reply to all"),
    "forward": saying("forwarded"),
    "automatic": saying("automatic"),
    "invitation": saying("an invitation"),
    "calendar_reply": saying("an answer to an invitation"),
    "signed": saying("signed"),
    "encrypted": saying("encrypted"),
    "confidential": saying("marked confidential"),
}
_METHOD = re.compile(rb"^METHOD[^:\r\n]*:[ \t]*REPLY\s*$", re.IGNORECASE | re.MULTILINE)
_CALENDAR = ("text/calendar", "application/ics")
_HEAD = 4096  # METHOD stands among the first lines of a calendar object (RFC 5546 §3)


@condition("message")
class Message(Condition):
    """It is one of these kinds."""

    examples = ({"is": ["reply", "forward"]},)
    is_: Annotated[tuple[Kind, ...], AfterValidator(filled)] = Field(alias="is", examples=["[reply_all]"])
    """reply, reply_all, forward, automatic, invitation, calendar_reply, signed, encrypted, confidential."""

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("is"), str):
            return {**value, "is": [value["is"]]}
        return value

    def match(self, facts: Facts) -> Match | None:
        found = [kind for kind in self.is_ if _is(facts, kind)]
        return Match(saying("the mail is {kinds}", kinds=every(_SAID[kind] for kind in found))) if found else None

    def miss(self, facts: Facts) -> str:  # noqa: ARG002
        return saying("the mail is not {kinds}", kinds=some(_SAID[kind] for kind in self.is_))


def _is(facts: Facts, kind: str) -> bool:
    if kind == "calendar_reply":
        return is_calendar_reply(facts)
    return bool(getattr(facts, kind))


def is_calendar_reply(facts: Facts) -> bool:
    """Whether it answers an invitation, and does nothing else."""
    return facts.once("calendar_reply", lambda: _calendar_reply(facts))


def _calendar_reply(facts: Facts) -> bool:
    """Accepting, declining: nothing but text and a calendar object that says METHOD:REPLY (RFC 5546 §3.2.3).

    What carries a file or an attached mail is more than an answer, whatever calendar lies beside it.
    """
    if b"/calendar" not in bytes(facts.message.raw[:_HEAD]).lower() and not facts.invitation:
        return False
    answers = 0
    for part in facts.message.parts():
        if part.content_type in _CALENDAR:
            if _METHOD.search(facts.message.decode(part, _HEAD)) is None:
                return False
            answers += 1
        elif part.nested or not part.body:
            return False
    return answers > 0
