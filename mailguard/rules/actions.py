"""What a rule may do: the entries of `then`, as they are written. `verdict` turns them into a decision."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mailguard.document.model import BadValue, suggest
from mailguard.document.units import Section
from mailguard.records import OnExpiry, Requires
from mailguard.rules import strangers
from mailguard.rules.action import ActionSpec, Copies, Wait
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.delay import Delay
from mailguard.rules.disclaimer import Disclaimer
from mailguard.rules.facts import Facts

CONFIRMS = "sender_confirms"
SENDER = "sender"
MANAGER = "manager_of_sender"
ASSISTANT = "assistant_of_matched"
ORDERS_APPROVER = "no_contact_approver"
_TAG = re.compile(r"[\w.-]{1,40}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,69}")
# What makes a mail what it is: who, to whom, when, what, how, and the marks of those who carried or signed it.
_NOT_OURS = re.compile(
    "from|sender|reply-to|to|cc|bcc|date|message-id|in-reply-to|references|subject|received|return-path|mime-version|"
    "dkim-signature|authentication-results|auto-submitted|apparently-to|delivered-to|errors-to|"
    "disposition-notification-to|return-receipt-to|(?:content|resent|arc|list)-.*",
    re.IGNORECASE,
)


def _several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Several = Annotated[tuple[Any, ...], BeforeValidator(_several)]


def _until(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value
    if value != CONFIRMS:
        said = f'"{value}"' if isinstance(value, str) else "this"
        meant = f'did you mean "{CONFIRMS}"?' if isinstance(value, str) and suggest(value, [CONFIRMS]) else ""
        raise BadValue(f"{said} is not {CONFIRMS} or {{approved_by: WHOM}}", meant, code="MG104")
    return None


def plain(value: str, what: str) -> str:
    """Text for a header: one line, and nothing that reads as encoded."""
    if not value.strip() or not value.isprintable() or "=?" in value:
        raise BadValue(f"{what} is one line of plain text", "leave out line ends, control characters and =?")
    return value.strip()


def _tags(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise BadValue("a tag is a name or a list of names", "write tag: [client-data]")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not _TAG.fullmatch(name):
            at = (number,) if isinstance(value, list) else ()
            raise BadValue(f'"{name}" is no tag', "letters, digits, dot, dash, underscore; at most 40", at=at)
    return names


class Approval(Section):
    """People who must let the mail go."""

    approved_by: Several = Field(min_length=1)
    """Addresses, {group: NAME}, manager_of_sender, or no_contact_approver."""
    of: int = Field(1, ge=1, le=100)
    """How many of them."""


class Escalation(Section):
    """Who is asked as well when the approvers do not answer."""

    after: Wait
    """How long the approvers have before that."""
    to: Several = Field(min_length=1)
    """Addresses, {group: NAME}, manager_of_sender, or no_contact_approver."""


class Way(StrEnum):
    """Where a hold is answered."""

    PAGE = "page"
    MAIL = "mail"


class Hold(ActionSpec):
    """The mail waits for a person."""

    called = "hold"
    examples = (CONFIRMS, {"until": {"approved_by": [MANAGER]}, "expires": "24h"})
    until: Annotated[
        Approval | None, BeforeValidator(_until, json_schema_input_type=Literal["sender_confirms"] | Approval)
    ] = None
    """sender_confirms, or {approved_by: WHOM, of: N}."""
    expires: Wait | None = None
    """How long it waits; holds.expires of the configuration when left out."""
    on_expiry: OnExpiry | None = None
    """Then: return (to its sender, with the mail attached), send, or discard."""
    remind: Wait | None = None
    """When those who have not answered are reminded; at half time when left out."""
    escalate: Escalation | None = None
    """Who may approve as well when nobody has answered: {after: 4h, to: WHOM}."""
    requires: Requires | None = None
    """link, code (a number mailed when they press), or login."""
    release_by: tuple[Way, ...] = Field((Way.PAGE,), min_length=1)
    """How it is let go: [page], or [page, mail] where answering the notice with "send" is enough."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"until": value} if isinstance(value, str) else value

    @field_validator("release_by")
    @classmethod
    def _page_always(cls, value: tuple[Way, ...]) -> tuple[Way, ...]:
        if Way.PAGE not in value:
            raise BadValue("the page can always let it go", "write release_by: [page, mail]")
        return value

    @property
    def approval(self) -> Approval | None:
        """None when the sender confirms."""
        return self.until

    def bind(self, binder: Binder) -> None:
        self._check_times(binder)
        if self.approval is None:
            if self.escalate is not None:
                fix = "write until: {approved_by: WHOM}, or leave it out"
                binder.wrong(
                    ("escalate",), Code.CONTRADICTION, "only an approval is passed on to others", fix, key=True
                )
            return
        if self.escalate is not None:
            check_persons(self.escalate.to, binder.below("escalate", "to"))
        if self.on_expiry is OnExpiry.SEND:
            fix = "write on_expiry: return, or discard"
            binder.wrong(("on_expiry",), Code.OPEN_EXPIRY, "on_expiry: send would let it go without its approval", fix)
        check_persons(self.approval.approved_by, binder.below("until", "approved_by"))
        fixed = sum(isinstance(person, str) for person in self.approval.approved_by)
        if self.approval.of > 1 and fixed == len(self.approval.approved_by) < self.approval.of:
            message = f"{self.approval.of} must approve and only {fixed} can"
            binder.wrong(("until", "of"), Code.PERSON, message, "name more people, or lower of")

    def _check_times(self, binder: Binder) -> None:
        asked = {("remind",): self.remind, ("escalate", "after"): self.escalate and self.escalate.after}
        for loc, after in asked.items():
            if after and self.expires and after >= self.expires:
                binder.wrong(loc, Code.CONTRADICTION, "the hold has expired by then", "write less than its expires")


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
    examples = ({"add": "assistant_of_matched", "send": "now"},)


class Bcc(Copy):
    """A copy on the envelope only: nobody sees it in the mail."""

    called = "bcc"
    examples = ("archive@corp.example",)


class ToBcc(ActionSpec):
    """Recipients of To and Cc become Bcc: they get the mail, and the others do not see them."""

    called = "to_bcc"
    examples = (True, "all")
    copies: Copies = Copies.MATCHING
    """matching: the recipients the conditions are about; all: everybody in To and Cc."""
    edit_signed: bool = False
    """true: also where that breaks a DKIM signature. Otherwise a signed mail is held, because it cannot be done."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {} if value is True else {"copies": value} if isinstance(value, str) else value


class Drop(ActionSpec):
    """The recipients the conditions are about get nothing, and the sender is told."""

    called = "drop"
    examples = (True,)
    edit_signed: bool = False
    """true: they leave To and Cc also where that breaks a DKIM signature. Otherwise the others still see them there."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {} if value is True else value


class Subject(ActionSpec):
    """The subject begins with a tag, once however often the mail is answered."""

    called = "subject"
    examples = ({"prefix": "[EXT]"},)
    prefix: str = Field(min_length=1, max_length=40, examples=["[EXT]"])
    """What it begins with; one blank follows."""
    edit_signed: bool = False
    """true: also where that breaks a DKIM signature."""

    @field_validator("prefix")
    @classmethod
    def _readable(cls, value: str) -> str:
        return plain(value, "a subject's prefix")


class AddHeader(ActionSpec):
    """A line more in the mail's header, for the servers behind us."""

    called = "add_header"
    examples = ({"name": "X-Classification", "value": "outside"},)
    name: str = Field(examples=["X-Classification"])
    """The field's name. Those that say who, when, what and how are not to be added."""
    value: str = Field(min_length=1, max_length=500)
    """Its text."""
    edit_signed: bool = False
    """true: also where that breaks a DKIM signature (one that covers fields of this name)."""

    @field_validator("name")
    @classmethod
    def _own(cls, value: str) -> str:
        if not _FIELD.fullmatch(value):
            raise BadValue(f'"{value}" is not the name of a header field', "write one like X-Classification")
        if _NOT_OURS.fullmatch(value):
            raise BadValue(f"{value} is not for a rule to add", "write a name of your own, like X-Classification")
        return value

    @field_validator("value")
    @classmethod
    def _readable(cls, value: str) -> str:
        return plain(value, "a header's value")


class Reject(ActionSpec):
    """The mail is refused; the sender's mail program shows why."""

    called = "reject"
    examples = ("This file must not leave the company",)
    message: str | None = Field(None, min_length=1, max_length=300)
    """What the sender is told, in ASCII if every program shall show it; the fields of explain can be used."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"message": value} if isinstance(value, str) else {} if value is True else value


class Notify(ActionSpec):
    """Somebody is told, without the mail."""

    called = "notify"
    examples = ({"to": SENDER},)
    to: Several = Field(min_length=1)
    """sender, manager_of_sender, {group: NAME}, or addresses of the organization."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"to": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        check_persons(self.to, binder.below("to"), SENDER)


class Tag(ActionSpec):
    """Labels for logs, lists and pages; the mail itself is not changed."""

    called = "tag"
    examples = (["project"],)
    names: Annotated[tuple[str, ...], BeforeValidator(_tags, json_schema_input_type=list[str])]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"names": value}


_ALL: tuple[type[ActionSpec], ...] = (
    Delay, Hold, Cc, Bcc, ToBcc, Drop, Reject, Notify, Tag, Subject, AddHeader, Disclaimer,
)  # fmt: skip
ACTIONS: dict[str, type[ActionSpec]] = {spec.called: spec for spec in _ALL}


def check_persons(several: tuple[Any, ...], binder: Binder, *words: str) -> None:
    """Each of them, at its place."""
    single = not isinstance(binder.value(), list)
    for number, person in enumerate(several):
        check_person(person, binder if single else binder.below(number), *words)


def check_person(person: object, binder: Binder, *words: str) -> None:
    """Somebody of ours who is asked or told: an address, a group, or a word; problems go to the binder."""
    if isinstance(person, dict) and list(person) == ["group"]:
        binder.group(person["group"], "group")
    elif person not in (MANAGER, ORDERS_APPROVER, *words):
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
        elif spec == ORDERS_APPROVER:
            found += strangers.approvers(facts)
        else:
            found += filter(None, [facts.sender if spec == SENDER else spec])
    return tuple(dict.fromkeys(found))
