from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.retry import RetrySettings, is_late, next_attempt

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PATIENT = RetrySettings(give_up=timedelta(days=30), delay_notice=timedelta(days=29))


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, "1m"),
        (2, "5m"),
        (3, "15m"),
        (4, "30m"),
        (5, "1h"),
        (6, "2h"),
        (7, "4h"),
        (8, "6h"),
        (9, "6h"),
        (50, "6h"),
    ],
)
def test_waits_grow_from_a_minute_to_six_hours(attempts: int, wait: str) -> None:
    number, unit = int(wait[:-1]), {"m": 60, "h": 3600}[wait[-1]]
    assert next_attempt(attempts, START, START, PATIENT, 0) == START + timedelta(seconds=number * unit)


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 240), (0, 300), (1, 360), (7, 360), (-7, 240)])
def test_jitter_moves_a_wait_by_a_fifth_at_most(jitter: float, seconds: int) -> None:
    assert next_attempt(2, START, START, PATIENT, jitter) == START + timedelta(seconds=seconds)


def test_gives_up_after_48_hours_counted_from_release_not_from_the_last_try() -> None:
    end = START + timedelta(hours=48)
    assert next_attempt(3, START, end, RetrySettings(), 0) is None
    assert next_attempt(3, START, end - timedelta(seconds=1), RetrySettings(), 0) == end


def walk(settings: RetrySettings, jitters: list[float]) -> list[datetime]:
    now = START
    due: list[datetime] = []
    for attempts, jitter in enumerate(jitters, start=1):
        following = next_attempt(attempts, START, now, settings, jitter)
        if following is None:
            return due
        now = following
        due.append(now)
    raise AssertionError("never gave up")


@given(st.lists(st.floats(-1, 1), min_size=40, max_size=40))
def test_the_last_try_is_made_when_the_time_is_up_and_the_delay_is_told_once(jitters: list[float]) -> None:
    settings = RetrySettings()
    tries = walk(settings, jitters)
    assert tries == sorted(set(tries))
    assert tries[-1] == START + timedelta(hours=48)
    assert [due for due in tries if is_late(due, START, settings)] == [START + timedelta(hours=4)]
