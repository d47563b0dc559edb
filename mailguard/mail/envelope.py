"""The envelope as it was received, and who is behind it (RFC 5321 §3.3, RFC 3461)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Proof(StrEnum):
    """How we know who sent a mail."""

    LOGIN = "login"
    NETWORK = "network"
    CONNECTOR = "connector"  # another mail system knows its users, and its word is taken
    INTERNAL = "internal"  # made by mailguard itself: notices and delivery reports


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent it, and how we know. Rules, notices and quotas use this, never bare MAIL FROM.

    `address` is the person's (or service's) own mailbox; '' for the null sender of a trusted network, and for mail from
    outside that a connector forwards.
    `login` is the user name, '' where nobody logged in.
    """

    address: str
    proof: Proof
    login: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO with its DSN parameters, exactly as the client wrote them (RFC 3461 §4)."""

    address: str
    notify: tuple[str, ...] = ()  # NEVER | SUCCESS, FAILURE, DELAY; empty = the client did not say
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL FROM and RCPT TOs: what decides. `sender` is '' for the null reverse-path."""

    sender: str
    recipients: tuple[Recipient, ...]
    smtputf8: bool = False
    eightbit: bool = False  # BODY=8BITMIME was declared
    ret: str | None = None  # FULL | HDRS
    envid: str | None = None
    hold_until: datetime | None = None  # FUTURERELEASE (RFC 4865), an aware UTC instant

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(recipient.address for recipient in self.recipients)


@dataclass(frozen=True, slots=True)
class Session:
    """One connection, as later rooms may know it (log, Received header, identity)."""

    id: str
    identity: Identity
    peer: str  # the client's IP address
    helo: str = ""
    protocol: str = "ESMTP"  # ESMTP, ESMTPS, ESMTPSA, … (RFC 3848)
    listener: str = ""
