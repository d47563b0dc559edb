"""Precision with its interval, and proposals that wait for enough answers."""

import pytest

from mailguard.records import Fate, RuleTally
from mailguard.rules.precision import precision, proposal


def tally(right: int, unchanged: int, *, mostly: tuple[str, int] = ("", 0), open_: int = 0) -> RuleTally:
    fates = {Fate.CANCELLED: right, Fate.UNCHANGED: unchanged, Fate.OPEN: open_}
    return RuleTally("r", held=right + unchanged + open_, fates=fates, mostly=mostly)


@pytest.mark.parametrize(
    ("right", "unchanged", "low", "high"),
    [  # by hand, from Wilson's formula with z = 1.96
        (0, 10, 0.0, 0.2775),
        (10, 0, 0.7225, 1.0),
        (5, 5, 0.2366, 0.7634),
        (1, 99, 0.0018, 0.0545),
    ],
)
def test_the_interval_is_wilsons(right: int, unchanged: int, low: float, high: float) -> None:
    found = precision(tally(right, unchanged, open_=7))
    assert found is not None
    assert found.share == right / (right + unchanged)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_without_answers_nothing_is_said() -> None:
    assert precision(tally(0, 0, open_=5)) is None
    assert proposal(tally(0, 0, open_=500)) is None


@pytest.mark.parametrize(
    ("right", "unchanged", "what"),
    [
        (0, 19, None),  # too few, however bad
        (0, 20, "tighten"),  # may still be right in one of six
        (0, 40, "demote"),
        (1, 99, "demote"),
        (5, 45, "tighten"),
        (9, 21, "tighten"),
        (10, 20, None),  # the interval reaches a half
        (30, 10, None),
    ],
)
def test_a_proposal_needs_answers_enough_for_it(right: int, unchanged: int, what: str | None) -> None:
    found = proposal(tally(right, unchanged))
    assert (found.what if found else None) == what


def test_whose_mail_it_mostly_is_is_said() -> None:
    found = proposal(tally(3, 27, mostly=("ann@corp.example", 20)))
    assert found is not None
    assert "27 of 30" in found.why
    assert "20 of them by ann@corp.example" in found.why
