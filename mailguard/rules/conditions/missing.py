"""Who should get the mail too, and does not: the boss who is not in Cc."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.locale.sayings import counted, every, saying, some
from mailguard.records import Match
from mailguard.rules import who
from mailguard.rules.actions import MANAGER
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.conditions.counts import EVERYWHERE, SAID, Header
from mailguard.rules.facts import Facts
from mailguard.rules.who import Who

_WHOM: dict[str, Any] = {
    "description": "an address, manager_of_sender, or WHO (one such recipient is enough)",
    "anyOf": [{"type": "string"}, who.SCHEMA, {"type": "array", "minItems": 1}],
}


@condition("missing")
class Missing(Condition):
    """Somebody is not among the recipients. The sender is never missed, nor is a manager whom nobody names."""

    examples = ({"any": "manager_of_sender", "in": ["to", "cc"]},)
    any_: Any = Field(None, alias="any", json_schema_extra=_WHOM)
    """One of these is not there: each entry asks for a recipient of its own."""
    all_: Any = Field(None, alias="all", json_schema_extra=_WHOM)
    """None of these is there."""
    in_: Annotated[tuple[Header, ...], AfterValidator(filled)] = Field(EVERYWHERE, alias="in")
    """Where they should be: to, cc, bcc; all when left out."""
    _entries: tuple[tuple[str, Who | None], ...] = PrivateAttr(())  # as written; None: the sender's manager

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return value if isinstance(value, dict) and {"any", "all"} & value.keys() else {"any": value}

    @model_validator(mode="after")
    def _one(self) -> "Missing":
        if len({"any_", "all_"} & self.model_fields_set) != 1:
            raise BadValue("any and all together", "write one of them, or two conditions under all", code="MG217")
        return self

    def bind(self, binder: Binder) -> None:
        given = binder.value()
        long = isinstance(given, dict) and bool({"any", "all"} & given.keys())
        place = binder.below("any" if "any_" in self.model_fields_set else "all") if long else binder
        wanted = self.any_ if "any_" in self.model_fields_set else self.all_
        if not isinstance(wanted, list):
            self._entries = (_entry(wanted, place),)
            return
        self._entries = tuple(_entry(one, place.below(n)) for n, one in enumerate(wanted))
        if not wanted:
            who.bind([], place)  # says that it means nobody

    def match(self, facts: Facts) -> Match | None:
        absent = self._absent(facts)
        enough = len(self._entries) if "all_" in self.model_fields_set else 1
        if len(absent) < enough:
            return None
        return Match(
            counted("{who} is not {place}", "{who} are not {place}", len(absent), who=every(absent), place=self._place)
        )

    def miss(self, facts: Facts) -> str:
        absent = self._absent(facts)
        if not absent:
            return saying("nobody is missing {place}", place=self._place)
        return saying("only {who} is not {place}", who=every(absent), place=self._place)

    def _absent(self, facts: Facts) -> list[str]:
        keys = [key for header in self.in_ for key in getattr(facts, header.value)]
        keys.append(facts.people.canonical(facts.sender))  # whoever writes it has seen it
        return [name for said, one in self._entries if (name := _missed(said, one, keys, facts))]

    @property
    def _place(self) -> str:
        if self.in_ == EVERYWHERE:
            return saying("among the recipients")
        return saying("in {headers}", headers=some(SAID[header] for header in self.in_))

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {"title": "Missing", "anyOf": [_WHOM, super().schema_of()]}


def _entry(spec: Any, binder: Binder) -> tuple[str, Who | None]:
    if spec == MANAGER:
        return MANAGER, None
    if isinstance(spec, str) and "@" in spec:
        sound = spec.startswith("*@") or binder.address(spec)
        return spec, who.bind({"in": [spec]}, binder) if sound else who.NOBODY
    found = who.bind(spec, binder)
    return saying("anybody {who}", who=found.said), found


def _missed(said: str, wanted: Who | None, keys: list[str], facts: Facts) -> str:
    """Who is missed; '' when they are there."""
    if wanted is not None:
        return "" if wanted.select(facts, keys) else said
    manager = facts.people.manager_of(facts.sender)
    if manager is None:
        return ""
    there = {facts.people.mailbox(one) for key in keys for one in who.members(facts, key)}
    return "" if facts.people.mailbox(manager) in there else manager
