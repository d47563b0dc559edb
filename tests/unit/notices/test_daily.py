"""Notices once a day: only those that ask nothing, and at the hour that was chosen, whatever the season."""

from datetime import UTC, datetime, timedelta

import pytest

from mailguard.notices.daily import PATIENT, put_off
from mailguard.records import NewNotice, Notice, NoticeClaim, NoticeKind

ZONE = "Europe/Warsaw"


def claim(at: datetime, *kinds: NoticeKind) -> NoticeClaim:
    stored = tuple(Notice(n, NewNotice(kind, "ann@corp.example", "Q1"), at) for n, kind in enumerate(kinds))
    return NoticeClaim("ann@corp.example", stored, {}, 1)


@pytest.mark.parametrize(
    ("at", "hour", "due"),
    [
        (datetime(2026, 11, 24, 9, 0, tzinfo=UTC), 17, datetime(2026, 11, 24, 16, 0, tzinfo=UTC)),
        (datetime(2026, 11, 24, 16, 0, tzinfo=UTC), 17, datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 16, 0, tzinfo=UTC), 17, datetime(2026, 10, 25, 16, 0, tzinfo=UTC)),  # summer ends
        (datetime(2026, 3, 28, 17, 0, tzinfo=UTC), 2, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # an hour that is not
    ],
)
def test_the_next_hour_by_the_wall_clock(at: datetime, hour: int, due: datetime) -> None:
    assert put_off(claim(at, NoticeKind.DECIDED), hour, ZONE, at) == due
    assert put_off(claim(at, NoticeKind.DECIDED), hour, ZONE, due) is None


def test_who_chose_no_hour_is_told_now() -> None:
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert put_off(claim(at, NoticeKind.DECIDED), None, ZONE, at) is None


@pytest.mark.parametrize("kind", sorted(set(NoticeKind) - PATIENT))
def test_what_asks_something_is_told_now_with_all_that_comes_with_it(kind: NoticeKind) -> None:
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert put_off(claim(at, NoticeKind.NOTIFY, kind), 17, ZONE, at + timedelta(minutes=1)) is None
