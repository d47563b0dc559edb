"""Runs of numbers behave as the set they stand for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.audit import Numbers

numbers = st.frozensets(st.integers(1, 60))


def members(found: Numbers) -> set[int]:
    return {number for first, last in found for number in range(first, last + 1)}


@given(numbers, numbers)
def test_runs_are_the_set_they_were_made_of(some: frozenset[int], others: frozenset[int]) -> None:
    one, other = Numbers(some), Numbers(others)
    assert members(one) == some
    assert len(one) == len(some)
    assert members(one.without(other)) == some - others
    assert members(Numbers.parse(str(one))) == some


@given(numbers, st.integers(1, 60), st.integers(0, 9))
def test_a_run_joins_what_it_touches(some: frozenset[int], first: int, more: int) -> None:
    found = Numbers(some)
    found.add(first, first + more)
    assert members(found) == some | set(range(first, first + more + 1))
    assert all(before[1] + 1 < after[0] for before, after in pairwise(list(found)))


@pytest.mark.parametrize("text", ["1-", "a", "-3", "1,2", "9" * 40])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        Numbers.parse(text)
