"""Whether two names may be one person's: short forms, other languages, Polish forms of address, a slip of the pen."""

import re
from functools import cache

from mailguard.mail.text import fold
from mailguard.rules import lexicon

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "ł": "l", "đ": "d"})
_PLAIN = str.maketrans(
    "äöüøåłđąćęńóśźżáàâãçéèêëíìîïñòôõúùûýčďěňřšťůžăâîșț", "aouoaldacenoszzaaaaceeeeiiiinooouuuycdenrstuzaaist"
)
_WORD = re.compile(r"[^\W\d_]+")
_SHORT = 3  # letters two names must begin with to be taken for one
_CLOSE = 5  # from this length on one letter may be wrong


def tokens(said: str) -> frozenset[str]:
    """The words of a display name or local part, folded, accents as they are and without."""
    found = _WORD.findall(fold(said))
    return frozenset(form for word in found for form in (word, word.translate(_GERMAN), word.translate(_PLAIN)))


def known(name: str) -> bool:
    """Whether this is a given name we know."""
    return not tokens(name).isdisjoint(_groups())


def alike(one: str, other: str) -> bool:
    """Whether two folded words may name one person. When in doubt they do."""
    if one == other or not _groups().get(one, frozenset[int]()).isdisjoint(_groups().get(other, ())):
        return True
    if min(len(one), len(other)) < _SHORT:  # an initial
        return one[0] == other[0]
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if same >= max(_SHORT, min(len(one), len(other)) - 2):
        return True
    return min(len(one), len(other)) >= _CLOSE and _one_off(one, other)


def _one_off(one: str, other: str) -> bool:
    """One letter changed, left out or put in."""
    if abs(len(one) - len(other)) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[at + 1 :] == other[at + 1 :] or one[at:] == other[at + 1 :] or one[at + 1 :] == other[at:]


@cache
def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, line in enumerate(lexicon.words("names")):
        for name in tokens(line):
            found.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}
