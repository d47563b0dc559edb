"""The mails of the week, read from their files, with their envelopes and who sent them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path

from mailguard.intake import queue_id
from mailguard.intake.letter import Letter
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient, Session
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.people import Organization, load
from mailguard.records import Spool

HOME = Path(__file__).parent
FIRM = Organization(name="Corp Example", domains=("corp.example",), zone="Europe/Warsaw")
PEOPLE = load(HOME / "people.yaml", FIRM)
_NULL = b"Return-Path: <>\r\n"


@dataclass(frozen=True)
class Mail:
    """One file. `caught`: the rules that must notice it; none for an ordinary mail."""

    path: Path
    caught: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def raw(self) -> bytes:
        return self.path.read_bytes().removeprefix(_NULL)

    @cached_property
    def message(self) -> Message:
        return Message(self.raw)

    @property
    def at(self) -> datetime:
        """When it was handed in."""
        return parsedate_to_datetime(str(self.message.get("date")))

    @cached_property
    def sender(self) -> str:
        """The envelope's; '' is the null sender."""
        if self.path.read_bytes().startswith(_NULL):
            return ""
        (box,) = self.message.mailboxes("from")
        return box.address

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        boxes = self.message.mailboxes("to", "cc", "bcc")
        return tuple({address.key(box.address): box.address for box in boxes}.values())

    @property
    def identity(self) -> Identity:
        """People log in; programs come from the network, and so does what has no sender."""
        if self.sender and not PEOPLE.service(self.sender):
            return Identity(self.sender, Proof.LOGIN, self.sender)
        return Identity(self.sender, Proof.NETWORK)

    @property
    def letter(self) -> Letter:
        """As it comes to intake."""
        envelope = Envelope(self.sender, tuple(map(Recipient, self.recipients)))
        spool = Spool(self.raw, hashlib.sha256(self.raw).digest())
        session = Session("week", self.identity, "127.0.0.1")
        return Letter(queue_id.new(self.at), envelope, spool, session, Reading(self.message), self.at)


def ordinary() -> list[Mail]:
    return [Mail(path) for path in sorted((HOME / "mails").glob("*.eml"))]


def slips() -> list[Mail]:
    wanted = _caught()
    return [Mail(path, wanted[path.stem]) for path in sorted((HOME / "slips").glob("*.eml"))]


def _caught() -> Mapping[str, tuple[str, ...]]:
    lines = (HOME / "slips" / "caught.txt").read_text("utf-8").splitlines()
    rows = [line.split("|") for line in lines if "|" in line]
    return {name.strip(): tuple(rules.split()) for name, rules in rows}
