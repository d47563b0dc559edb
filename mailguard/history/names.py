"""Names in addresses: what a slip of the autocomplete confuses, and what a text calls somebody."""

import re
from collections.abc import Set
from functools import lru_cache
from typing import NamedTuple

_SPLIT = re.compile(r"[._\-+]+")
_NO_LETTER = re.compile(r"[0-9']")
PREFIX = 2  # letters after which a mail client offers addresses
_ALIKE = 3  # first letters in common: they stand next to each other in the list
_FULL = 3  # letters of a name that is no initials
_JOINED = 5  # letters of a local part that may be several names in one: jhawker, kimward


class Names(NamedTuple):
    """Of the local part: kim.ward → kim, ward, kim.ward."""

    first: str
    last: str
    local: str
    starts: frozenset[str]  # first letters: whose share some stand next to each other in a client's list
    prefixes: frozenset[str]  # what one types before the client offers this address


@lru_cache(maxsize=1 << 16)
def names(key: str) -> Names:
    """Of an address key."""
    local = _NO_LETTER.sub("", key.rpartition("@")[0])
    parts = [part for part in _SPLIT.split(local) if part] or [local]
    three = parts[0], parts[-1], local
    starts, prefixes = (frozenset(name[:size] for name in three if len(name) >= size) for size in (_ALIKE, PREFIX))
    return Names(*three, starts, prefixes)


@lru_cache(maxsize=1 << 16)
def alike(one: str, other: str) -> int:
    """2: the same first or last name; 1: names that begin alike; 0: neither."""
    mine, theirs = names(one), names(other)
    if (mine.first == theirs.first and len(mine.first) >= _FULL) or (
        mine.last == theirs.last and len(mine.last) >= _FULL
    ):
        return 2
    return 0 if mine.starts.isdisjoint(theirs.starts) else 1


def named(key: str, words: Set[str], addresses: Set[str] = frozenset()) -> int:
    """How surely these words name this person: 3 both names or the address, 2 the last name, 1 the first, 0 not."""
    if key in addresses:
        return 3
    if not words:
        return 0
    first, last, local, *_ = names(key)
    if first != last:
        if len(last) >= _FULL and last in words:
            return 3 if len(first) > 1 and first in words else 2
        return 1 if len(first) >= _FULL and first in words else 0
    if local in words:
        return 2
    return _joined(local, words) if len(local) >= _JOINED else 0


def _joined(local: str, words: Set[str]) -> int:
    """jhawker, hawkerj, kimward."""
    if local[1:] in words or local[:-1] in words or (len(local) > _JOINED and local[2:] in words):
        return 2
    return 3 if any(local[:at] in words and local[at:] in words for at in range(3, len(local) - 2)) else 0


def greeted(key: str, greeting: str) -> bool:
    """Whether "Hi Kim" may mean this person: by a name, or the beginning of one (Chris for christine)."""
    first, last, local, *_ = names(key)
    return first[:_ALIKE] == greeting[:_ALIKE] or last == greeting or greeting in local
