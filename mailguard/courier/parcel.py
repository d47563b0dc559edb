"""What the courier is given to carry in one attempt."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from mailguard.mail.envelope import Recipient

Body = bytes | memoryview | Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one destination. `head` + `body` is the message: CRLF line ends, dots not stuffed.

    A large body is a callable that gives its chunks; it may be called again for another attempt.
    """

    destination: str  # 'host:port' of a smarthost, or 'mx:domain'
    sender: str  # '' is the null sender
    recipients: tuple[Recipient, ...]
    head: bytes
    body: Body
    size: int  # bytes, as stored; exact only for a body that is a callable
    smtputf8: bool
    eightbit: bool  # what the client declared: a hint, the bytes decide
    ret: str | None = None
    envid: str | None = None
    require_tls: bool = False
    queue_id: str = ""  # of a mail of the queue, for the stamp

    @property
    def octets(self) -> int:
        """The size that is announced to the next hop (RFC 1870)."""
        return self.size if callable(self.body) else len(self.head) + len(self.body)
