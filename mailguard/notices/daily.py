"""Notices that ask nothing of anybody, for those who want them once a day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailguard.records import NoticeClaim, NoticeKind

# All others say what waits, what can still be stopped, what came back, or answer what somebody did just now.
PATIENT = frozenset({NoticeKind.DECIDED, NoticeKind.NOTIFY, NoticeKind.DROPPED, NoticeKind.AS_SENT})


def put_off(claim: NoticeClaim, hour: int | None, zone: str, now: datetime) -> datetime | None:
    """Until when all of this waits for its reader's hour; None: it is told now."""
    if hour is None or any(stored.notice.kind not in PATIENT for stored in claim.notices):
        return None
    due = _next(min(stored.created_at for stored in claim.notices).astimezone(ZoneInfo(zone)), hour)
    return due if due > now else None


def _next(since: datetime, hour: int) -> datetime:
    """By the wall clock: a day with an hour less or more has this hour, too."""
    day = since.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (day if day > since else day + timedelta(days=1)).astimezone(UTC)
