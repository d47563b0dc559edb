"""Queue ids: sorted by time, and never twice."""

from datetime import timedelta

from mailguard.intake import queue_id
from mailguard.testing import MONDAY


def test_many_in_one_millisecond_all_differ() -> None:
    assert len({queue_id.new(MONDAY) for _ in range(10_000)}) == 10_000


def test_a_later_one_sorts_after_an_earlier_one() -> None:
    made = [queue_id.new(MONDAY + timedelta(milliseconds=number)) for number in range(100)]
    assert made == sorted(made)
    assert {len(one) for one in made} == {13}
