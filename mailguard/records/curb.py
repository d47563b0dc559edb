"""Policy that became stricter, as it reaches mail that was accepted before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailguard.mail.address import key
from mailguard.records.people import NewNotice, NoticeKind, Power
from mailguard.records.verdict import Hold, HoldKind


@dataclass(frozen=True, slots=True)
class Curb:
    """A hold for what still waits of the mail received until `since`: of one login, or to some recipients.

    Only ever stricter: holds that are there stay, and a hold of this name made after `since` is not made again,
    whatever a person has decided about it.
    """

    rule: str  # the hold's name, which tells one curb from another
    reason: str
    since: datetime
    approvers: tuple[str, ...]
    expires_at: datetime
    login: str | None = None  # whose mail; '' is all that came without a login; None: anybody's
    reaches: Callable[[str, str], bool] | None = None  # (sender's key, recipient's key); None: every recipient
    tell_sender: bool = False

    def scope(self, sender: str, keys: frozenset[str]) -> frozenset[str] | None:
        """Which of a mail's recipients it covers: none (None), these, or the whole mail (empty), as in `Hold.scope`."""
        if self.reaches is None:
            return frozenset()
        reached = frozenset(key for key in keys if self.reaches(sender, key))
        return reached or None

    def hold(self, scope: frozenset[str]) -> Hold:
        return Hold(
            self.rule, self.reason, HoldKind.POLICY, approvers=self.approvers, expires_at=self.expires_at, scope=scope
        )

    def notices(self, queue_id: str, answers: str) -> tuple[NewNotice, ...]:
        """Who hears of that hold: those who decide, and whoever answers for the mail, each once."""
        asked = {key(person) for person in self.approvers}
        tell = self.tell_sender and answers and key(answers) not in asked
        return (
            *([NewNotice(NoticeKind.HELD, answers, queue_id)] if tell else []),
            *(NewNotice(NoticeKind.APPROVAL, person, queue_id, Power.APPROVER) for person in self.approvers),
        )
