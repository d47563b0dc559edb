"""Slips made on purpose in mail that was sent: one recipient stands where another was meant, or beside it.

`auto`: an autocomplete slip: another of the sender's contacts whose name begins alike, in proportion to use. `org`: an
address of the same first or last name from the whole organization that the sender never wrote to. `rand`: any other
contact. `used`: any other contact, in proportion to use: for training alone. `window`: somebody of the previous mail
of the sender, as when two windows are mixed up: no model was trained on it.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mailguard.history.signs import Outgoing

DAY = 86400.0
_HALF = 90 * DAY
_LONG = 40  # characters; a longer local part is a machine's
_AUTO, _ORG = 0.5, 0.25  # of the slips; the rest are `rand`
_TWO_LETTERS = 0.4  # typed before the client offers somebody; three otherwise
_LISTED = 3  # times an address was seen before it is in the organization's list
_SPLIT = re.compile(r"[._\-+]+")


@dataclass(frozen=True)
class Slip:
    """One mail with a slip in it."""

    mail: Outgoing
    kind: str
    wrong: str
    meant: str
    replaced: bool


def parts(key: str) -> list[str]:
    local = re.sub(r"[0-9']", "", key.split("@", 1)[0])
    return [part for part in _SPLIT.split(local) if part] or [local]


def person(key: str) -> bool:
    local = key.split("@", 1)[0]
    return len(local) <= _LONG and "/" not in key and "imcea" not in local and "=" not in local


def starts(key: str, letters: int) -> set[str]:
    found = parts(key)
    return {name[:letters] for name in (found[0], found[-1], key.split("@", 1)[0]) if len(name) >= letters}


class World:
    """Address books and the organization's list as they were at each time. No detector sees it."""

    def __init__(self) -> None:
        self.books: defaultdict[str, dict[str, list[float]]] = defaultdict(dict)
        self._times: Counter[str] = Counter()
        self._first: defaultdict[str, list[str]] = defaultdict(list)
        self._last: defaultdict[str, list[str]] = defaultdict(list)
        self._previous: dict[str, tuple[str, ...]] = {}

    def observe(self, mail: Outgoing) -> None:
        book = self.books[mail.sender]
        for key in mail.recipients:
            used = book.get(key)
            if used is None:
                book[key] = [1.0, mail.at]
            else:
                used[0] = used[0] * 0.5 ** (max(0.0, mail.at - used[1]) / _HALF) + 1.0
                used[1] = mail.at
            self._see(key)
        self._see(mail.sender)
        self._previous[mail.sender] = mail.recipients

    def _see(self, key: str) -> None:
        self._times[key] += 1
        if self._times[key] == _LISTED and person(key):
            names = parts(key)
            self._first[names[0]].append(key)
            self._last[names[-1]].append(key)

    def slip(self, mail: Outgoing, name: str, seed: object, kind: str = "", turn: int = 0) -> Slip | None:
        """In a mail of this name: the same for the same seed. None when nobody could be mixed up."""
        rng = random.Random(f"{seed}|{name}|{turn}")
        draw = rng.random()
        kind = kind or ("auto" if draw < _AUTO else "org" if draw < _AUTO + _ORG else "rand")
        replaced = len(mail.recipients) == 1 or rng.random() < _AUTO
        found = KINDS[kind](self, rng, mail)
        if found is None:
            return None
        meant, wrong = found
        return Slip(_injected(mail, meant, wrong, rng, replaced=replaced), kind, wrong, meant, replaced)

    @staticmethod
    def added(mail: Outgoing, meant: str, wrong: str, rng: random.Random) -> Slip:
        return Slip(_injected(mail, meant, wrong, rng, replaced=False), "3g", wrong, meant, replaced=False)

    def _use(self, sender: str, key: str, at: float) -> float:
        weight, last = self.books[sender][key]
        return float(weight * 0.5 ** (max(0.0, at - last) / _HALF))

    def auto(self, rng: random.Random, mail: Outgoing) -> tuple[str, str] | None:
        book, taken = self.books[mail.sender], {*mail.recipients, mail.sender}
        for meant in rng.sample(mail.recipients, len(mail.recipients)):
            letters = 2 if rng.random() < _TWO_LETTERS else 3
            wanted = starts(meant, letters)
            found = [
                (key, self._use(mail.sender, key, mail.at) + 1e-6)
                for key in book
                if key not in taken and person(key) and starts(key, letters) & wanted
            ]
            if found:
                return meant, _pick(rng, found)
        return None

    def org(self, rng: random.Random, mail: Outgoing) -> tuple[str, str] | None:
        book, taken = self.books[mail.sender], {*mail.recipients, mail.sender}
        for meant in rng.sample(mail.recipients, len(mail.recipients)):
            names = parts(meant)
            listed = dict.fromkeys(self._first.get(names[0], []) + self._last.get(names[-1], []))
            found = [key for key in listed if key not in taken and key not in book]
            if found:
                return meant, rng.choice(found)
        return None

    def rand(self, rng: random.Random, mail: Outgoing) -> tuple[str, str] | None:
        taken = {*mail.recipients, mail.sender}
        found = [key for key in self.books[mail.sender] if key not in taken and person(key)]
        return (rng.choice(mail.recipients), rng.choice(found)) if found else None

    def used(self, rng: random.Random, mail: Outgoing) -> tuple[str, str] | None:
        taken = {*mail.recipients, mail.sender}
        found = [
            (key, self._use(mail.sender, key, mail.at) + 1e-6)
            for key in self.books[mail.sender]
            if key not in taken and person(key)
        ]
        return (rng.choice(mail.recipients), _pick(rng, found)) if found else None

    def previous(self, rng: random.Random, mail: Outgoing) -> tuple[str, str] | None:
        found = [key for key in self._previous.get(mail.sender, ()) if key not in {*mail.recipients, mail.sender}]
        return (rng.choice(mail.recipients), rng.choice(found)) if found else None


KINDS: Mapping[str, Callable[[World, random.Random, Outgoing], tuple[str, str] | None]] = {
    "auto": World.auto, "org": World.org, "rand": World.rand, "used": World.used, "window": World.previous,
}  # fmt: skip


def _pick(rng: random.Random, weighted: Sequence[tuple[str, float]]) -> str:
    left = rng.random() * sum(weight for _, weight in weighted)
    for key, weight in weighted:
        left -= weight
        if left <= 0:
            return key
    return weighted[-1][0]


def _injected(mail: Outgoing, meant: str, wrong: str, rng: random.Random, *, replaced: bool) -> Outgoing:
    fields = {"to": list(mail.to), "cc": list(mail.cc), "bcc": list(mail.bcc)}
    name = next(name for name, keys in fields.items() if meant in keys)
    if replaced:
        fields[name][fields[name].index(meant)] = wrong
        for other in fields.keys() - {name}:
            fields[other] = [key for key in fields[other] if key != meant]
    else:
        fields[name].insert(rng.randrange(len(fields[name]) + 1), wrong)
    to, cc, bcc = map(tuple, fields.values())
    return replace(mail, to=to, cc=cc, bcc=bcc)
