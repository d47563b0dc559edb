"""Somebody is greeted, or a firm named, who does not get the mail."""

import re
from typing import Any, Literal

from pydantic import PrivateAttr, model_validator

from mailguard.locale import N_
from mailguard.locale.sayings import every, saying
from mailguard.mail import address
from mailguard.mail.text import fold
from mailguard.records import Match
from mailguard.rules import names, places, salutation
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, or_short
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Finder, Vocabulary
from mailguard.rules.places import Place
from mailguard.rules.salutation import Greeting as Greeted

_MANY = 4  # more in To are a round: whoever is greeted is one of them under some name
_ROLE = re.compile(
    r"(?:info|office|biuro|kontakt|contact|sales|support|service|team|hr|jobs|kadry|admin|help|mail|post|invoice|faktury"
    r"|rechnung|buchhaltung|accounting|billing|no-?reply|orders?|hello|sekretariat|reception)\b",
    re.IGNORECASE,
)
_CJK = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
_FULL = 2  # words of a person's name
_FIRM = 3  # letters of a firm's name that can be looked for


@condition("greeting")
class Greeting(Condition):
    """The name greeted is no recipient's, or the firm in the subject is another one's. Silent when in doubt."""

    examples = ("no_recipient",)
    names: Literal["no_recipient"] = "no_recipient"
    """What is asked of the name in "Dear Kim"; short: `greeting: no_recipient`."""
    companies: str | None = None
    """A list of domains like acme.example: the subject names one, and only others of them get the mail."""
    _firms: tuple[Vocabulary, Finder, dict[str, str]] | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"names": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        if self.companies is not None:
            domains = [one.rpartition("@")[2].removeprefix("*.") for one in binder.list_of(self.companies, "companies")]
            firms = {name: domain for domain in domains if len(name := domain.split(".")[0]) >= _FIRM}
            self._firms = binder.names.vocabulary, binder.names.vocabulary.finder(firms), firms

    def match(self, facts: Facts) -> Match | None:
        return self._person(facts) or self._firm(facts)

    def _person(self, facts: Facts) -> Match | None:
        found = _greeting(facts)
        if found is None or not 0 < len(facts.to) <= _MANY or any(facts.people.expand(k) != {k} for k in facts.to):
            return None
        who = {key: _said_of(facts, key) for key in facts.recipients}
        wrong = _japanese(found, facts, who) if found.japanese else _latin(found, facts, who)
        if not wrong:
            return None
        greeted = " and ".join(found.names)
        said = saying("the mail greets {names}, who is none of its recipients", names=every(found.names))
        return Match(said, frozenset(facts.to), ((places.SAID[Place.BODY], greeted),))

    def _firm(self, facts: Facts) -> Match | None:
        if self._firms is None:
            return None
        vocabulary, finder, firms = self._firms
        theirs = {address.domain(key) for key in facts.recipients}
        others = [domain for domain in firms.values() if _any_within(theirs, domain)]
        if not others:
            return None
        for hit in places.found(facts, Place.SUBJECT, vocabulary).get(finder, ()):
            if not _any_within(theirs, firms[hit.word]):
                about = frozenset(key for key in facts.recipients if _any_within({address.domain(key)}, *others))
                form = N_("the subject names {firm}, and the mail goes to {domains}")
                said = saying(form, firm=hit.word, domains=", ".join(others))
                return Match(said, about, ((places.SAID[Place.SUBJECT], hit.word),))
        return None

    def miss(self, facts: Facts) -> str:
        found = _greeting(facts)
        if found is None:
            return saying("nobody is greeted by name")
        return saying("{names} may be a recipient's name", names=every(found.names))

    @property
    def cost(self) -> int:
        return 5

    @property
    def names_recipients(self) -> bool:
        return True

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return or_short(super().schema_of(), "no_recipient")


def _greeting(facts: Facts) -> Greeted | None:
    return facts.once("greeting", lambda: salutation.read(places.legible(facts, Place.BODY)))


def _said_of(facts: Facts, key: str) -> str:
    """Everything a recipient is called: display names, people.yaml, the local part."""
    shown = [box.name for box in facts.message.mailboxes("to", "cc") if address.key(box.address) == key]
    person = facts.people.person(key)
    return " ".join([*shown, person.name if person else "", key.rpartition("@")[0]])


def _latin(found: Greeted, facts: Facts, who: dict[str, str]) -> bool:
    greeted = [word for name in found.names for word in names.tokens(name)]
    for said in who.values():
        if any(names.alike(word, each) for word in greeted for each in names.tokens(said)):
            return False
        if any(word in fold(said) for word in greeted):  # ksmith, annkim
            return False
    if not found.formal and not all(names.known(name.split()[0]) for name in found.names):
        return False
    return all(_personal(key, who[key], found.formal) for key in facts.to)


def _personal(key: str, said: str, formal: bool) -> bool:
    """Whether we know what this recipient is called."""
    if _ROLE.match(key) or _CJK.search(said):
        return False
    shown = said.rpartition(" ")[0].split()
    local = [part for part in re.split(r"[._\-]", key.rpartition("@")[0]) if len(part) > 1 and part.isalpha()]
    if len(shown) < _FULL and len(local) < _FULL:
        return False
    return formal or names.known(said)


def _japanese(found: Greeted, facts: Facts, who: dict[str, str]) -> bool:
    if any(found.names[0] in said.replace(" ", "").replace("\u3000", "") for said in who.values()):
        return False
    return all(_CJK.search(who[key]) for key in facts.to)


def _any_within(domains: set[str], *listed: str) -> bool:
    return any(address.within(one, each) or address.within(one, f"*.{each}") for one in domains for each in listed)
