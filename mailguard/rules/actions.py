"""What a rule may do: the entries of `then`, as they are written. `verdict` turns them into a decision."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mailguard.document.model import BadValue, suggest
from mailguard.document.units import Duration, Section
from mailguard.records import OnExpiry, Requires, Shorten
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.facts import Facts
from mailguard.rules.hours import ClockTime

LONGEST = timedelta(days=366)
CONFIRMS = "sender_confirms"
SENDER = "sender"
MANAGER = "manager_of_sender"
ASSISTANT = "assistant_of_matched"
_LATER_APPROVER = "no_contact_approver"
_TAG = re.compile(r"[\w.-]{1,40}")


def _several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Several = Annotated[tuple[Any, ...], BeforeValidator(_several)]


def _wait(value: timedelta) -> timedelta:
    if not timedelta() < value <= LONGEST:
        raise BadValue("a wait is at least 1s and at most 366d", code="MG107")
    return value


def _until(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value
    if value != CONFIRMS:
        said = f'"{value}"' if isinstance(value, str) else "this"
        meant = f'did you mean "{CONFIRMS}"?' if isinstance(value, str) and suggest(value, [CONFIRMS]) else ""
        raise BadValue(f"{said} is not {CONFIRMS} or {{approved_by: WHOM}}", meant, code="MG104")
    return None


def _tags(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise BadValue("a tag is a name or a list of names", "write tag: [client-data]")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not _TAG.fullmatch(name):
            at = (number,) if isinstance(value, list) else ()
            raise BadValue(f'"{name}" is no tag', "letters, digits, dot, dash, underscore; at most 40", at=at)
    return names


Wait = Annotated[Duration, AfterValidator(_wait)]


class Copies(StrEnum):
    """Which recipients a delay is for."""

    ALL = "all"
    MATCHING = "matching"


class ActionSpec(Section):
    """An entry of `then`."""

    called: ClassVar[str] = ""

    def bind(self, binder: Binder) -> None:
        """Report what is wrong with the names in it."""


class Delay(ActionSpec):
    """The mail waits and then leaves by itself."""

    called = "delay"
    for_: Wait = Field(timedelta(), alias="for")
    """How long, like 5m."""
    copies: Copies = Copies.ALL
    """all, or matching: only the recipients the conditions are about."""
    until: ClockTime | None = None
    """Not before this time of day in the organization's zone, like "08:00"; with `for`, the later of both."""
    shorten: Shorten = Shorten.SENDER
    """Who may send it before: sender, assistant (of an executive it goes to), nobody."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"for": value} if isinstance(value, str | int | float) else value

    @model_validator(mode="after")
    def _waits(self) -> "Delay":
        if not self.model_fields_set & {"for_", "until"}:
            raise BadValue("a delay needs its time", 'write delay: 5m, or {for: 5m}, or {until: "08:00"}')
        return self


class Approval(Section):
    """People who must let the mail go."""

    approved_by: Several = Field(min_length=1)
    """Addresses, {group: NAME}, or manager_of_sender."""
    of: int = Field(1, ge=1, le=100)
    """How many of them."""


class Hold(ActionSpec):
    """The mail waits for a person."""

    called = "hold"
    until: Annotated[
        Approval | None, BeforeValidator(_until, json_schema_input_type=Literal["sender_confirms"] | Approval)
    ] = None
    """sender_confirms, or {approved_by: WHOM, of: N}."""
    expires: Wait | None = None
    """How long it waits; holds.expires of the configuration when left out."""
    on_expiry: OnExpiry | None = None
    """Then: return (to its sender, with the mail attached), send, or discard."""
    requires: Requires | None = None
    """link, code (a number mailed when they press), or login."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"until": value} if isinstance(value, str) else value

    @property
    def approval(self) -> Approval | None:
        """None when the sender confirms."""
        return self.until

    def bind(self, binder: Binder) -> None:
        if self.approval is None:
            return
        if self.on_expiry is OnExpiry.SEND:
            fix = "write on_expiry: return, or discard"
            binder.wrong(("on_expiry",), Code.OPEN_EXPIRY, "on_expiry: send would let it go without its approval", fix)
        persons = binder.below("until", "approved_by")
        single = not isinstance(persons.value(), list)
        for number, person in enumerate(self.approval.approved_by):
            check_person(person, persons if single else persons.below(number))
        fixed = sum(isinstance(person, str) for person in self.approval.approved_by)
        if self.approval.of > 1 and fixed == len(self.approval.approved_by) < self.approval.of:
            message = f"{self.approval.of} must approve and only {fixed} can"
            binder.wrong(("until", "of"), Code.PERSON, message, "name more people, or lower of")


class Copy(ActionSpec):
    """Somebody gets the mail too."""

    add: Several = Field(min_length=1)
    """An address, assistant_of_matched, manager_of_sender, or several of them."""
    send: Literal["now"] | None = None
    """now: this copy does not wait for delays (it waits for holds)."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"add": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        place = binder.below("add")
        single = not isinstance(place.value(), list)
        for number, address in enumerate(self.add):
            if address not in (ASSISTANT, MANAGER):
                place.address(address, *(() if single else (number,)))


class Cc(Copy):
    """A visible copy."""

    called = "cc"


class Bcc(Copy):
    """A copy on the envelope only: nobody sees it in the mail."""

    called = "bcc"


class Reject(ActionSpec):
    """The mail is refused; the sender's mail program shows why."""

    called = "reject"
    message: str | None = Field(None, min_length=1, max_length=300)
    """What the sender is told, in ASCII if every program shall show it; the fields of explain can be used."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"message": value} if isinstance(value, str) else {} if value is True else value


class Notify(ActionSpec):
    """Somebody is told, without the mail."""

    called = "notify"
    to: Several = Field(min_length=1)
    """sender, manager_of_sender, {group: NAME}, or addresses of the organization."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"to": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        place = binder.below("to")
        single = not isinstance(place.value(), list)
        for number, person in enumerate(self.to):
            check_person(person, place if single else place.below(number), SENDER)


class Tag(ActionSpec):
    """Labels for logs, lists and pages; the mail itself is not changed."""

    called = "tag"
    names: Annotated[tuple[str, ...], BeforeValidator(_tags, json_schema_input_type=list[str])]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"names": value}


ACTIONS: Mapping[str, type[ActionSpec]] = {spec.called: spec for spec in (Delay, Hold, Cc, Bcc, Reject, Notify, Tag)}

# Documented for all versions, built by a later one.
LATER = ("to_bcc", "drop", "add_header")


def check_person(person: object, binder: Binder, *words: str) -> None:
    """Somebody of ours who is asked or told: an address, a group, or a word; problems go to the binder."""
    if isinstance(person, dict) and list(person) == ["group"]:
        binder.group(person["group"], "group")
    elif person == _LATER_APPROVER:
        binder.wrong((), Code.LATER, f"{person} is not available yet in this version", "name an address")
    elif person not in (MANAGER, *words):
        key = binder.address(person)
        if key and binder.names.people.external(key):
            fix = "links and notices never leave the organization: name an address inside"
            binder.wrong((), Code.PERSON, f"{person} is outside the organization", fix)


def persons(specs: tuple[Any, ...], facts: Facts) -> tuple[str, ...]:
    """The addresses meant, without those that cannot be found; `sender` is the sender's own."""
    people, found = facts.people, list[str]()
    for spec in specs:
        if isinstance(spec, dict):
            found += sorted(people.groups.get(spec["group"], ()))
        elif spec == MANAGER:
            found += filter(None, [people.manager_of(facts.sender)])
        else:
            found += filter(None, [facts.sender if spec == SENDER else spec])
    return tuple(dict.fromkeys(found))
