"""Every mail: what an empty `when` might have meant, said on purpose."""

from typing import Any

from pydantic import model_validator

from mailguard.document.model import BadValue
from mailguard.locale.sayings import saying
from mailguard.records import Match
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts


@condition("always")
class Always(Condition):
    """True of every mail. Its only value is true."""

    examples = (True,)

    @model_validator(mode="before")
    @classmethod
    def _true(cls, value: object) -> object:
        if value is not True:
            raise BadValue("always has only one value", "write always: true; to switch a rule off: mode: off")
        return {}

    def match(self, facts: Facts) -> Match | None:  # noqa: ARG002
        return Match(saying("every mail"))

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {"const": True, "description": "Every mail"}
