"""Who gets the mail: `recipients`, and `to`, `cc`, `bcc` apart. The envelope decides, Bcc too."""

from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.locale.sayings import counted, joined, saying
from mailguard.records import Match
from mailguard.rules import who
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, not_known
from mailguard.rules.facts import Facts
from mailguard.rules.who import Who


@condition("recipients")
class Recipients(Condition):
    """The mail's recipients in To, Cc and Bcc, and whom its invitation names. Several keys must all be true."""

    examples: ClassVar[tuple[Any, ...]] = ({"any": "external"}, {"all": "internal"}, {"none": {"group": "executives"}})
    header: ClassVar[str] = "named"
    place: ClassVar[str] = saying("among the recipients")

    any_: Any = Field(None, alias="any", json_schema_extra=who.SCHEMA)
    """One of them is …; the rule is about those that are."""
    all_: Any = Field(None, alias="all", json_schema_extra=who.SCHEMA)
    """All of them are …; false when there are none."""
    none: Any = Field(None, json_schema_extra=who.SCHEMA)
    """None of them is …; true when there are none."""
    _bound: tuple[Who | None, Who | None, Who | None] = PrivateAttr((None, None, None))

    @model_validator(mode="after")
    def _asks(self) -> "Recipients":
        if not self.model_fields_set:
            raise BadValue("it asks nothing", "write any, all or none, like {any: external}")
        return self

    def bind(self, binder: Binder) -> None:
        def bound(key: str, attribute: str) -> Who | None:
            given = attribute in self.model_fields_set
            return who.bind(getattr(self, attribute), binder.below(key)) if given else None

        self._bound = (bound("any", "any_"), bound("all", "all_"), bound("none", "none"))

    @cached_property
    def _asked(self) -> tuple[Who | None, Who | None, Who | None]:
        """any, all, none: a model's private attribute is found by a detour, and this is asked for every mail."""
        return self._bound

    def match(self, facts: Facts) -> Match | None:
        keys = self._keys(facts)
        reasons: list[str] = []
        named: tuple[str, ...] = ()
        some, everyone, nobody = self._asked
        if some is not None:
            named = some.select(facts, keys)
            if not named:
                return None
            reasons.append(some.sentence(facts, named))
        if everyone is not None:
            if not keys or everyone.select(facts, keys) != keys:
                return None
            named = named or keys
            reasons.append(saying("everyone {place} is {who}", place=self.place, who=everyone.said))
        if nobody is not None:
            if nobody.select(facts, keys):
                return None
            reasons.append(saying("nobody {place} is {who}", place=self.place, who=nobody.said))
        if only := [key for key in named if key in facts.invited and key not in facts.recipients]:
            reasons.append(saying("named in the invitation only: {list}", list=who.listed(only)))
        return Match(joined("; ", reasons), frozenset(named))

    def _keys(self, facts: Facts) -> tuple[str, ...]:
        keys: tuple[str, ...] = getattr(facts, self.header)
        return keys

    def miss(self, facts: Facts) -> str:
        for one in filter(None, self._asked):
            if one.unknown is not None and (why := one.unknown(facts, self._keys(facts))):
                return not_known(why)
        keys = self._keys(facts)
        some, everyone, nobody = self._asked
        if some is not None and not some.select(facts, keys):
            return saying("nobody {place} is {who}", place=self.place, who=some.said)
        if everyone is not None and everyone.select(facts, keys) != keys:
            others = [key for key in keys if not everyone.test(facts, key)]
            return joined(": ", (saying("not {who}", who=everyone.said), who.listed(others)))
        found = nobody.select(facts, keys) if nobody is not None else ()
        is_so = nobody.said if nobody is not None else ""
        return counted("{list} is {who}", "{list} are {who}", len(found), list=who.listed(found), who=is_so)

    @property
    def names_recipients(self) -> bool:
        some, everyone, _ = self._asked
        return some is not None or everyone is not None


@condition("to")
class To(Recipients):
    """As recipients, of those in To."""

    examples = ({"all": "internal"},)
    header = "to"
    place = saying("in To")


@condition("cc")
class Cc(Recipients):
    """As recipients, of those in Cc."""

    examples = ({"any": {"all": ["external", "unexpected"]}},)
    header = "cc"
    place = saying("in Cc")


@condition("bcc")
class Bcc(Recipients):
    """As recipients, of those in Bcc: on the envelope, in neither To nor Cc."""

    examples = ({"any": "external"},)
    header = "bcc"
    place = saying("in Bcc")
