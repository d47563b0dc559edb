"""What all actions share, and the values that several take."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from mailguard.document.model import BadValue
from mailguard.document.units import Duration, Section
from mailguard.rules.binder import Binder

LONGEST = timedelta(days=366)


def sensible(value: timedelta) -> timedelta:
    """A wait that nobody can have mistyped."""
    if not timedelta() < value <= LONGEST:
        raise BadValue("a wait is at least 1s and at most 366d", code="MG107")
    return value


Wait = Annotated[Duration, AfterValidator(sensible)]


class Copies(StrEnum):
    """Which recipients a delay is for."""

    ALL = "all"
    MATCHING = "matching"


class ActionSpec(Section):
    """An entry of `then`."""

    called: ClassVar[str] = ""
    examples: ClassVar[tuple[Any, ...]] = ()  # values of it, for editors

    def bind(self, binder: Binder) -> None:
        """Report what is wrong with the names in it."""

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        """The JSON schema of its YAML value."""
        return cls.model_json_schema()
