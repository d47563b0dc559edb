"""What the SMTP server tells others about; `log.Log` has the same words."""

from typing import Protocol

from mailguard.mail.envelope import Envelope, Session
from mailguard.records import Accepted


class Watcher(Protocol):
    """Log and metrics, seen from here. None of these may raise or block."""

    def smtp_accepted(
        self, session: Session, envelope: Envelope, size: int, accepted: Accepted, seconds: float
    ) -> None:
        """A mail was answered 250; `seconds` from its final dot to the answer."""

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        """A connection or a MAIL, RCPT or DATA was refused with this reply line."""

    def auth_failed(self, name: str, peer: str, session_id: str) -> None:
        """A login did not succeed; `name` is what the client typed."""

    def failure(self, where: str, error: BaseException) -> None:
        """Something nobody planned for; the client was told 451 4.3.0 and nothing else."""


class NoWatcher:
    """Nobody is watching."""

    def smtp_accepted(
        self, session: Session, envelope: Envelope, size: int, accepted: Accepted, seconds: float
    ) -> None:
        pass

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        pass

    def auth_failed(self, name: str, peer: str, session_id: str) -> None:
        pass

    def failure(self, where: str, error: BaseException) -> None:
        pass
