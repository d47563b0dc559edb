"""Whom mails that say the same went to: the nearest remembered ones, word by word, and the thread."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import log, sqrt

from mailguard.history.ledger import DAY, Ledger
from mailguard.history.said import Said, greeted, number

_NEAREST = 30  # mails
_TO_ONE = 30  # the latest mails to one address, in which the likest is looked for
_LATEST = 60  # with one word
_COMMON, _AT_LEAST = 0.2, 3  # a word in more of the mails than this share says nothing
_SMOOTH, _USE = 2.0, 0.3
_GREETED = 30  # mails to one address
_THREAD_DAYS, _THREAD_MAILS = 60 * DAY, 10


@dataclass(slots=True)
class Topics:
    """What a mail's words, greeting and thread say of addresses."""

    near: dict[str, float] = field(default_factory=dict)  # address -> likeness of the nearest mails to it, added up
    nearest: dict[str, float] = field(default_factory=dict)  # and of the nearest one
    total: float = 0.0
    words: dict[str, float] = field(default_factory=dict)  # recipient -> how much more they are its than anybody's
    known: int = 0  # of the mail's words, those that say something
    greeted: Counter[str] = field(default_factory=Counter)  # address -> share of the mails that began so
    greetings: int = 0
    thread: Counter[str] = field(default_factory=Counter)  # who was on it, in how many of its mails
    authors: Counter[str] = field(default_factory=Counter)  # who wrote to the sender in it
    thread_last: float = 0.0  # when the thread was last gone on with
    likest: dict[str, float] = field(default_factory=dict)  # recipient -> likeness of the likest mail to it
    last_like: dict[str, float] = field(default_factory=dict)  # and of the last one
    greeted_so: dict[str, float] = field(default_factory=dict)  # recipient -> share of its mails that began so

    def share(self, key: str) -> float:
        return self.near.get(key, 0.0) / (self.total + 0.05)

    def greeting_share(self, key: str) -> float:
        return self.greeted[key] / (self.greetings + 1)


def topics(ledger: Ledger, said: Said, recipients: Sequence[str], now: float) -> Topics:
    found = Topics()
    _words(ledger, said.words, recipients, found)
    if said.greeting:
        places = ledger.saying.get(number(greeted(said.greeting)), [])[-_LATEST:]
        found.greetings = len(places)
        for place in places:
            everyone = ledger.sets[place]
            for key in everyone:
                found.greeted[key] += 1 / len(everyone)  # type: ignore[assignment]
        began = set(places)
        for key in recipients:
            latest = ledger.with_[key][-_GREETED:] if key in ledger.with_ else []
            found.greeted_so[key] = (len(began.intersection(latest)) + 0.1) / (len(latest) + 1)
    if said.thread:
        _thread(ledger, said.thread, now, found)
    return found


def _words(ledger: Ledger, words: Sequence[int], recipients: Sequence[str], found: Topics) -> None:
    mails = len(ledger.sent)
    most = _COMMON * mails + _AT_LEAST
    likeness = [0.0] * mails
    tallies = [ledger.tallies.get(key) for key in recipients]
    usual = [((tally.mails if tally else 0) + _USE) / (mails + 1) for tally in tallies]
    more, nobody = [0.0] * len(recipients), 0.0  # a word that was in no mail to somebody says the same of them all
    everyone = frozenset(recipients)
    place_of = {key: place for place, key in enumerate(recipients)}
    among: list[tuple[int, ...] | None] = [None] * mails  # which of the recipients got it; None: not asked yet
    for word in words:
        places = ledger.saying.get(word)
        if not places or len(places) > most:
            continue
        found.known += 1
        worth = log((1 + mails) / len(places)) ** 2
        latest = places[-_LATEST:]
        counts = dict[int, int]()
        for place in latest:
            likeness[place] += worth
            here = among[place]
            if here is None:
                here = among[place] = tuple([place_of[key] for key in ledger.sets[place] & everyone])
            if here:
                for at in here:
                    counts[at] = counts.get(at, 0) + 1
        below = len(latest) + _SMOOTH
        nobody += log(_SMOOTH / below)
        for at, count in counts.items():
            more[at] += log((count / usual[at] + _SMOOTH) / _SMOOTH)
    found.words = {key: nobody + each for key, each in zip(recipients, more, strict=True)}
    _nearest(ledger, likeness, len(words), recipients, found)


def _nearest(ledger: Ledger, likeness: Sequence[float], words: int, recipients: Sequence[str], found: Topics) -> None:
    length = sqrt(words + 1)
    scored = [(worth / (ledger.lengths[place] * length), place) for place, worth in enumerate(likeness) if worth]
    for like, place in nlargest(_NEAREST, scored):
        found.total += like
        for key in ledger.sets[place]:
            found.near[key] = found.near.get(key, 0.0) + like
            found.nearest.setdefault(key, like)
    for key in recipients:
        places = ledger.with_[key][-_TO_ONE:] if key in ledger.with_ else []
        likes = [likeness[place] / (ledger.lengths[place] * length) for place in places]
        found.likest[key], found.last_like[key] = max(likes, default=0.0), likes[-1] if likes else 0.0


def _thread(ledger: Ledger, thread: int, now: float, found: Topics) -> None:
    for place in ledger.threads.get(thread, ())[-_THREAD_MAILS:]:
        mail = ledger.sent[place]
        if now - mail.at < _THREAD_DAYS:
            found.thread.update(ledger.sets[place])
            found.thread_last = max(found.thread_last, mail.at)
    for place in ledger.got_threads.get(thread, ())[-_THREAD_MAILS:]:
        mail = ledger.got[place]
        if now - mail.at < _THREAD_DAYS:
            found.thread.update(ledger.got_sets[place])
            found.authors[mail.sender] += 1
            found.thread_last = max(found.thread_last, mail.at)
