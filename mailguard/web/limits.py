"""How often somebody may try, counted in memory: a restart forgives, a flood does not fill it."""

from collections import OrderedDict, deque
from datetime import timedelta

from mailguard.clock import Clock

_REMEMBERED = 10_000


class Limit:
    """At most `times` within `span`, for each key; the keys seen longest ago are forgotten first."""

    def __init__(self, times: int, span: timedelta, clock: Clock) -> None:
        self._times, self._span, self._clock = times, span.total_seconds(), clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Count this try; False when it is one too many. Refused tries are not counted, so waiting helps."""
        now = self._clock.monotonic()
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        while tries and tries[0] <= now - self._span:
            tries.popleft()
        if len(tries) >= self._times:
            return False
        tries.append(now)
        return True
