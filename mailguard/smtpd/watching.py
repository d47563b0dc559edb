"""What the SMTP server tells others about; `log.Log` has the same words."""

from collections.abc import Callable
from typing import Protocol

from mailguard.log import Log
from mailguard.mail.envelope import Envelope, Session
from mailguard.metrics import Metrics
from mailguard.records import Accepted


class Watcher(Protocol):
    """Log and metrics, seen from here. None of these may raise or block."""

    def smtp_accepted(
        self, session: Session, envelope: Envelope, size: int, accepted: Accepted, seconds: float
    ) -> None:
        """A mail was answered 250; `seconds` from its final dot to the answer."""

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        """A connection or a MAIL, RCPT or DATA was refused with this reply line."""

    def locked_out(self, reason: str, tenant: str, *, session_id: str, peer: str, listener: str) -> None:
        """A connector's mail did not open the listener's lock."""

    def auth_failed(self, name: str, peer: str, session_id: str, why: str = "") -> None:
        """A login did not succeed; `name` is what the client typed, `why` what is wrong with its token."""

    def one_client(self, listener: str, peer: str) -> None:
        """Much mail came to a listener without a login, and all of it from here."""

    def logins_down(self, where: str, why: str) -> None:
        """Nobody could tell whether a login is right; the client was told 454."""

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

    def locked_out(self, reason: str, tenant: str, *, session_id: str, peer: str, listener: str) -> None:
        pass

    def auth_failed(self, name: str, peer: str, session_id: str, why: str = "") -> None:
        pass

    def one_client(self, listener: str, peer: str) -> None:
        pass

    def logins_down(self, where: str, why: str) -> None:
        pass

    def failure(self, where: str, error: BaseException) -> None:
        pass


class Reporter:
    """To log and metrics; accepted mail is logged by intake, which knows more."""

    def __init__(
        self, log: Log, metrics: Metrics, guessed: Callable[[str, str], None], ring: Callable[[str, str], None]
    ) -> None:
        """`guessed` hears name and address of each failed login; `ring` is `Alarm.ring`."""
        self._log, self._metrics, self._guessed, self._ring = log, metrics, guessed, ring

    def smtp_accepted(
        self, _session: Session, _envelope: Envelope, _size: int, _accepted: Accepted, seconds: float
    ) -> None:
        self._metrics.answered.observe(seconds)

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        self._metrics.rejected.labels(reply[:3]).inc()
        self._log.rejected(reply, session_id=session_id, peer=peer, listener=listener, sender=sender)

    def locked_out(self, reason: str, tenant: str, *, session_id: str, peer: str, listener: str) -> None:
        self._metrics.locked_out.labels(reason).inc()
        self._ring(f"connector.{reason}", listener)
        self._log.locked_out(reason, tenant, session_id=session_id, peer=peer, listener=listener)

    def auth_failed(self, name: str, peer: str, session_id: str, why: str = "") -> None:
        self._metrics.auth_failures.inc()
        self._log.auth_failed(name, peer, session_id, why)
        self._guessed(name, peer)

    def one_client(self, listener: str, peer: str) -> None:
        self._log.one_client(listener, peer)

    def logins_down(self, where: str, why: str) -> None:
        self._log.logins_down(where, why)

    def failure(self, where: str, error: BaseException) -> None:
        self._log.failure(where, error)
