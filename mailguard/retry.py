"""When to try again: pure arithmetic over attempts and time (RFC 5321 §4.5.4.1)."""

from datetime import datetime, timedelta

from mailguard.document.units import Duration, Section

_STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
_LAST = timedelta(hours=6)
_SPREAD = 0.2


class RetrySettings(Section):
    """How long mailguard goes on trying; both times count from the release of the mail."""

    give_up: Duration = timedelta(hours=48)
    """Return the mail to its sender when it could not be delivered for this long."""
    delay_notice: Duration = timedelta(hours=4)
    """Tell the sender that it is late, but still being tried."""


def next_attempt(
    attempts: int, released_at: datetime, now: datetime, settings: RetrySettings, jitter: float
) -> datetime | None:
    """The instant of the next try after `attempts` (≥ 1) tries; None: give up.

    `jitter` in [-1, 1] moves the wait by up to 20 %. Two instants are met exactly: that of the delay notice,
    so that `is_late` can recognise it, and the end, so that the last try is made when the time is up.
    """
    end = released_at + settings.give_up
    if now >= end:
        return None
    wait = _STEPS[attempts - 1] if attempts <= len(_STEPS) else _LAST
    due = now + wait * (1 + _SPREAD * max(-1.0, min(1.0, jitter)))
    notice = released_at + settings.delay_notice
    if now < notice < due:
        due = notice
    return min(due, end)


def is_late(due_at: datetime, released_at: datetime, settings: RetrySettings) -> bool:
    """Whether the try due at `due_at` is the one (of all) whose failure is told to the sender as a delay."""
    return due_at == released_at + settings.delay_notice
