"""How much one login (or one network listener with a quota) has sent within the last hour."""

from collections import deque

from mailguard.clock import Clock
from mailguard.errors import TemporaryFailure
from mailguard.smtpd.settings import Quota

HOUR = 3600.0


class Meter:
    """A sliding window per name, in memory: a restart forgives, which errs on the side of sending."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: dict[str, deque[tuple[float, int]]] = {}
        self._recipients: dict[str, int] = {}

    def check(self, who: str, quota: Quota, recipients: int = 0) -> None:
        """TemporaryFailure 451 4.7.1 when one more mail with so many recipients is too much."""
        sent = self._window(who)
        if len(sent) >= quota.mails:
            raise _over(f"{quota.mails} mails/h")
        if self._recipients.get(who, 0) + recipients > quota.recipients:
            raise _over(f"{quota.recipients} recipients/h")

    def add(self, who: str, recipients: int) -> None:
        self._window(who).append((self._clock.monotonic(), recipients))
        self._recipients[who] = self._recipients.get(who, 0) + recipients

    def _window(self, who: str) -> deque[tuple[float, int]]:
        sent = self._sent.setdefault(who, deque())
        since = self._clock.monotonic() - HOUR
        while sent and sent[0][0] <= since:
            self._recipients[who] -= sent.popleft()[1]
        return sent


def _over(what: str) -> TemporaryFailure:
    return TemporaryFailure(f"quota used up ({what}): try again later", code=451, enhanced="4.7.1")
