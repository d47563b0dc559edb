"""Whether one domain's name is a slip of, or made to look like, another's. Pure: two names, one answer.

Names are firms' names, and firms have much the same: what separates two real firms (a plural, another country's
ending, a number, one letter of a short name) is no slip. What fingers do (neighbouring keys, swapped, doubled and
forgotten letters, .con for .com) and what eyes overlook (rn for m, 1 for l, another alphabet's letters) is one.
"""

from mailguard.mail.confusable import plain
from mailguard.mail.domains import public, readable

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_INFLECTED = frozenset("senaioyrx")  # at a name's end these make another name: client, clients; optima, optimal
_ALIKE = tuple(map(frozenset, ("ae", "ei", "ao", "ou", "iy", "ck", "sz", "vw", "sc", "gj", "dt", "bp")))
# Endings that exist and are still typed for another one, by those who forget or swap a letter.
_MISTYPED = {
    "com": frozenset({"co", "cm", "om", "con", "cpm", "vom", "xom", "cim", "comm", "cmo", "ocm", "coml", "cop", "col"}),
    "net": frozenset({"ne", "nt", "met", "bet", "nett", "ner", "nte", "et"}),
    "org": frozenset({"og", "or", "ogr", "orgg", "ort", "rg", "prg"}),
}
_MAIL = 5  # letters: below, one edit makes another word


def resembles(domain: str, model: str, *, certain: bool = False) -> bool:
    """Whether `domain` passes for `model`; both as they were registered, A-labels.

    `certain`: hardly anyone writes to something so near to this model on purpose (a big provider, our own domain).
    """
    name, _, ending = readable(domain).partition(".")
    wanted, _, wanted_ending = readable(model).partition(".")
    if not ending or not wanted_ending or domain == model:
        return False
    if name.isascii() and name[:2] != wanted[:2] and name[-2:] != wanted[-2:]:  # most names end here
        return False
    if name == wanted:
        return _mistyped(ending, wanted_ending)
    if ending != wanted_ending and plain(ending) != wanted_ending:
        return False
    return _same_to_the_eye(name, wanted) or _typo(plain(name), plain(wanted), certain=certain)


def _mistyped(ending: str, wanted: str) -> bool:
    """A country's or another ending is a sibling of the same firm; an ending that nobody has is a slip."""
    if ending in _MISTYPED.get(wanted, ()):
        return True
    return len(wanted) > 2 and not public(ending) and _edits(ending, wanted) == 1  # noqa: PLR2004


def _same_to_the_eye(name: str, wanted: str) -> bool:
    if not name.isascii() and len(wanted) > 2 and plain(name) == plain(wanted):  # noqa: PLR2004
        return True
    return len(wanted) >= 4 and _shape(name) == _shape(wanted)  # noqa: PLR2004


def _shape(name: str) -> str:
    """As it is read in a hurry; in a short name a letter counts for more, so fewer are taken for one another."""
    seen = plain(name).replace("0", "o").replace("1", "l").replace("vv", "w")
    if len(seen) > _MAIL:
        seen = seen.replace("rn", "m").replace("i", "l")
    return seen.replace("cl", "d") if len(seen) > _MAIL + 2 else seen


def _typo(name: str, wanted: str, *, certain: bool) -> bool:
    size = len(wanted)
    if size < _MAIL or abs(len(name) - size) > 2 or _digits(name) != _digits(wanted):  # noqa: PLR2004
        return False
    if name.replace("-", "") == wanted.replace("-", ""):
        return size > _MAIL
    start, typed, meant = _difference(name, wanted)
    last = start + max(len(typed), len(meant)) >= max(len(name), size)
    needed = _needed(
        typed, meant, name[start - 1 : start], name[start + len(typed) : start + len(typed) + 1], last=last
    )
    if needed:
        return size >= needed - (2 if certain and needed > _MAIL else 0)
    return size >= 12 and name[:1] == wanted[:1] and name[:-2] != wanted[:-2] and _edits(name, wanted) == 2  # noqa: PLR2004


def _needed(typed: str, meant: str, before: str, after: str, *, last: bool) -> int:
    """How long a name must be for this slip in it to be one; 0: it is more than one slip. `last`: at its end."""
    if len(typed) == len(meant) == 2:  # noqa: PLR2004
        return _MAIL if typed == meant[::-1] else 0
    if len(typed) + len(meant) > 2 or len(typed) > 1 or len(meant) > 1:  # noqa: PLR2004
        return 0
    letter = typed or meant
    if typed and meant:
        return _swapped(typed, meant, last=last)
    if letter in (before, after):
        return _MAIL
    if last:
        return _NEVER if letter in _INFLECTED else 9 if typed else 7
    if not before:
        return 9
    return 6 if meant or _near(typed, before) or _near(typed, after) else 8


_NEVER = 99


def _swapped(typed: str, meant: str, *, last: bool) -> int:
    if _near(typed, meant):
        return _MAIL + 1
    if last:
        return _NEVER
    return 7 if {typed, meant} in _ALIKE else 9


def _near(one: str, other: str) -> bool:
    """Whether their keys touch; y and z have each other's place on half of Europe's keyboards."""
    places = [(row, line.index(key)) for key in (one, other) for row, line in enumerate(_ROWS) if key in line]
    if len(places) != 2 or one == other:  # noqa: PLR2004
        return False
    (row, column), (other_row, other_column) = places
    down, across = other_row - row, other_column - column
    return (down == 0 and abs(across) == 1) or (down == 1 and across in (-1, 0)) or (down == -1 and across in (0, 1))


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _difference(one: str, other: str) -> tuple[int, str, str]:
    """Where they part, and what stands there in each until they are one again."""
    shorter = min(len(one), len(other))
    start = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    end = next((at for at in range(shorter - start) if one[-1 - at] != other[-1 - at]), shorter - start)
    return start, one[start : len(one) - end], other[start : len(other) - end]


def _edits(one: str, other: str) -> int:
    """Damerau-Levenshtein (optimal string alignment): letters added, dropped, changed, or swapped with the next."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, match in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != match)))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == match:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
