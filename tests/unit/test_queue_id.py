"""Queue ids: sorted by time, and never twice."""

from datetime import timedelta

from mailguard.intake import queue_id
from mailguard.testing import MONDAY


def test_many_in_one_millisecond_all_differ() -> None:
    assert len({queue_id.new(MONDAY) for _ in range(10_000)}) == 10_000


def test_it_is_the_milliseconds_and_a_count_in_crockford_s_base_32() -> None:
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    first, second = ([letters.index(letter) for letter in queue_id.new(MONDAY + timedelta(hours=9))] for _ in range(2))
    number, after = (sum(digit << 5 * place for place, digit in enumerate(reversed(one))) for one in (first, second))
    assert number >> 20 == int((MONDAY + timedelta(hours=9)).timestamp() * 1000)
    assert (after - number) % (1 << 20) == 1


def test_a_later_one_sorts_after_an_earlier_one() -> None:
    made = [queue_id.new(MONDAY + timedelta(milliseconds=number)) for number in range(100)]
    assert made == sorted(made)
    assert {len(one) for one in made} == {13}
