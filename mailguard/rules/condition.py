"""What a condition is, and the register of those there are. Each lives in one small file of `conditions/`."""

from collections.abc import Callable, Hashable
from typing import Any, ClassVar, TypeVar

from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.locale import Saying, saying
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.facts import Facts


def not_known(why: str) -> Saying:
    """How `Condition.miss` begins where something is unknown by nature."""
    return saying("not known: {why}", why=why)


def filled(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """For AfterValidator: unlike min_length it does not complain a second time when an entry was wrong."""
    if not value:
        raise BadValue("an empty list asks nothing", "name something, or leave the key out", code="MG203")
    return value


def or_short(schema: dict[str, Any], short: object) -> dict[str, Any]:
    """The schema of a condition that may also be written as this one value."""
    return {"$defs": schema.pop("$defs", {}), "anyOf": [{"const": short}, schema]}


class Condition(Section):
    """A predicate about one mail; its fields are its YAML keys.

    `match` is pure: a Match with one sentence why, None when it is false, or it raises CannotTell. `cost` orders
    the conditions of one rule, cheap ones first: 1 looks at addresses, 3 at the subject or files, 5 reads text.
    """

    called: ClassVar[str] = ""
    examples: ClassVar[tuple[Any, ...]] = ()  # values of it, for editors

    def match(self, facts: Facts) -> Match | None:
        """Whether it is true of this mail."""
        raise NotImplementedError

    def bind(self, binder: Binder) -> None:
        """Look up and compile what the keys name; report what is wrong to the binder, with its place."""

    def miss(self, facts: Facts) -> str:  # noqa: ARG002 - some know more than their name
        """One sentence why `match` gave None."""
        return saying("{condition} does not apply", condition=self.called)

    @property
    def cost(self) -> int:
        return 1

    @property
    def sought(self) -> tuple[Hashable, Hashable] | None:
        """For one that looks for something: what `Facts.once` keeps all that was found there as, and its own part."""
        return None

    @property
    def names_recipients(self) -> bool:
        """Whether its Match can say which recipients it is about."""
        return False

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        """The JSON schema of its YAML value."""
        return cls.model_json_schema()


REGISTER: dict[str, type[Condition]] = {}


C = TypeVar("C", bound=type[Condition])


def condition(name: str) -> Callable[[C], C]:
    """Class decorator: make this condition known under its YAML name."""

    def register(cls: C) -> C:
        if name in REGISTER:
            raise ValueError(f"two conditions are called {name}")
        cls.called = name
        REGISTER[name] = cls
        return cls

    return register
