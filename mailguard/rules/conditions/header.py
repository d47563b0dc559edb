"""A header field of the mail, decoded and unfolded."""

from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.locale import N_
from mailguard.locale.sayings import quoted, saying
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts

_ASKS = ("is", "contains", "pattern", "present")
_SHOWN = 80


@condition("header")
class Header(Condition):
    """A field says something, or is there at all. Anyone can type a header: never let one excuse a mail."""

    examples = ({"name": "X-Project", "contains": "bluebird"},)
    name: str = Field(pattern=r"^[!-9;-~]+$", max_length=200)
    """The field's name, like X-Project."""
    is_: str | None = Field(None, alias="is")
    """It is exactly this text; case does not count."""
    contains: str | None = Field(None, min_length=1)
    """It contains this text; case does not count."""
    pattern: str | None = None
    """It contains a match of this RE2."""
    present: bool | None = None
    """true: the mail has such a field; false: it has none."""
    _re: Any = PrivateAttr(None)

    @model_validator(mode="after")
    def _asks(self) -> "Header":
        if len(self.model_fields_set - {"name"}) != 1:
            raise BadValue("a header needs exactly one question", f"write one of {', '.join(_ASKS)}", code="MG217")
        return self

    def bind(self, binder: Binder) -> None:
        if self.pattern is not None:
            self._re = binder.pattern(self.pattern, "pattern")

    def match(self, facts: Facts) -> Match | None:
        if self.present is not None:
            there = self.name.lower() in facts.message.names
            form = N_("the mail has a {name} header") if there else N_("the mail has no {name} header")
            return Match(saying(form, name=self.name)) if there == self.present else None
        found = next((value for value in facts.message.all(self.name) if self._says(value)), None)
        if found is None:
            return None
        return Match(self._is(found), evidence=((self.name, found[:_SHOWN]),))

    def _says(self, value: str) -> bool:
        if self.is_ is not None:
            return value.strip().casefold() == self.is_.strip().casefold()
        if self.contains is not None:
            return self.contains.casefold() in value.casefold()
        return self._re.search(value) is not None

    def miss(self, facts: Facts) -> str:
        values = facts.message.all(self.name)
        return self._is(values[0]) if values else saying("the mail has no {name} header", name=self.name)

    def _is(self, value: str) -> str:
        return saying("the header {name} is {value}", name=self.name, value=quoted(value[:_SHOWN]))
