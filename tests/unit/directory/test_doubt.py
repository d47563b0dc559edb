"""When a smaller answer is news, and when it is in doubt."""

import pytest

from mailguard.directory.doubt import lost
from mailguard.people import Assistant, Directory, Found, Person


def firm(people: int, assistants: int = 0, lists: int = 0, **groups: int) -> Found:
    persons = tuple(
        Person(f"p{n}@corp.example", assistant=Assistant("pa@corp.example") if n < assistants else None)
        for n in range(people)
    )
    members = {name: tuple(f"p{n}@corp.example" for n in range(count)) for name, count in groups.items()}
    return Found(Directory(persons, groups=members, lists={f"l{n}@corp.example": ("x@y",) for n in range(lists)}))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (firm(100), firm(49), "people: 100, now 49"),
        (firm(100), firm(50), ""),
        (firm(100, assistants=20), firm(100, assistants=9), "assistants: 20, now 9"),
        (firm(100, assistants=3), firm(100), ""),  # three may leave in an ordinary week
        (firm(10, lists=12), firm(10), "lists: 12, now 0"),
        (firm(10, staff=9, heads=3), firm(10, staff=9, heads=1), "group heads: 3, now 1"),
        (firm(10, staff=9, heads=3), firm(10, staff=9, heads=2), ""),
        (firm(10, staff=9, heads=1), firm(10, staff=9), "group heads: 1, now 0"),
        (firm(10, staff=9, other=3), firm(10, staff=9), ""),  # no rule names it
        (firm(10, staff=9), firm(10, staff=4), "members of groups: 9, now 4"),
        (firm(10), firm(100, heads=5), ""),
    ],
)
def test_less_than_half_is_in_doubt(before: Found, now: Found, told: str) -> None:
    assert lost(before, now, ("Heads", "unknown")).replace("group Heads", "group heads") == told
