"""The signs by which a recipient is judged, one number each, in the order in which the model reads them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nsmallest
from math import log1p, sqrt
from types import MappingProxyType

from mailguard.history.company import company
from mailguard.history.ledger import DAY, HOURS, Ledger, hour
from mailguard.history.names import alike, greeted, named, names
from mailguard.history.said import Said
from mailguard.history.topics import topics
from mailguard.mail.address import domain
from mailguard.records.habits import Background, Remembered

HOUR = DAY / 24
NEVER, NOTHING, NOBODY = 99.0, -1.0, -9.0  # of a time, of a share, of a comparison
_ALIKE = 60  # addresses that begin alike, the latest used ones
_OTHERS = 12  # recipients that are asked about one
_LIKELY = (8, 5, 5)  # addresses looked at because of the words, of the others and of the greeting

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "use": ("weight", "last", "first", "since", "share", "recent", "lasting", "in_cc", "alone"),
    "received": ("got", "got_last", "heard", "heard_last"),
    "firm": ("firm_mails", "firm_senders", "firm_last", "others_write", "writes_others", "others_write_most"),
    "address": ("outside", "domain", "domain_here"),
    "company": ("beside_share", "seen_beside", "closest", "beside", "others_belong", "got_beside", "got_share",
                "got_closest", "beside_last"),
    "conversation": ("thread", "reply", "forward", "quotes", "answered", "answered_too", "quoted", "others_quoted",
                     "author", "thread_author", "thread_last"),
    "words": ("near", "nearest", "words", "words_each", "in_text", "likest", "last_like"),
    "greeting": ("greeting", "greeted", "greeting_usual", "greeted_so"),
    "manner": ("hour", "length", "length_usual"),
    "slip": ("alike_better", "alike_how", "alike_best", "begins_better", "alike_here", "alike_here_how"),
    "expected": ("expected", "others_least", "others_mean", "missing_better", "missing_best"),
    "mail": ("recipients", "place", "to", "book", "usual_size", "strangers"),
    "beside": ("than_use", "than_share", "than_near", "than_words", "than_likest", "than_expected", "than_firm",
               "than_last"),
}  # fmt: skip
NAMES = tuple(name for family in FAMILIES.values() for name in family)
_COMPARED = tuple(
    map(NAMES.index, ("weight", "beside_share", "near", "words_each", "likest", "expected", "firm_senders", "last"))
)


@dataclass(frozen=True)
class Outgoing:
    """A mail that somebody is about to send; addresses are keys, without the sender's own."""

    sender: str
    at: float
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    said: Said = field(default_factory=Said)

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        return tuple(key for key in dict.fromkeys((*self.to, *self.cc, *self.bcc)) if key != self.sender)

    def remembered(self, scores: Mapping[str, float] = MappingProxyType({})) -> Remembered:
        """What is learnt of it once it is sent."""
        said = self.said
        return Remembered(self.sender, self.at, self.recipients, frozenset(self.cc), said.thread, said.words, scores)


class Signs:
    """Everything there is to know of one mail's recipients."""

    def __init__(self, ledger: Ledger, background: Mapping[str, Background], mail: Outgoing) -> None:
        self.ledger, self.background, self.mail = ledger, background, mail
        recipients, said = mail.recipients, mail.said
        self.everyone = frozenset(recipients)
        self.company, self.missing = company(ledger, recipients, mail.at)
        self.topics = topics(ledger, said, recipients, mail.at)
        self._domains = Counter(map(domain, recipients))
        self._cache: dict[str, float] = {}
        self._missing_total = sum(self.missing.values())
        self.meant: dict[str, str] = {}
        likely = {key: self.expected(key) for key in self._likely()}
        self._likeliest = max(sorted(likely), key=lambda key: likely[key], default="")
        self._best = likely.get(self._likeliest, NOTHING)
        self._answered = {key: named(key, said.author, said.author_address) for key in recipients}
        self._quoted = {key: named(key, said.quoted, said.quoted_addresses) for key in recipients}
        self._quoted_surely = sum(how > 1 for how in self._quoted.values())
        self._strangers = sum(key not in ledger.tallies for key in recipients)

    def quoted(self, key: str) -> bool:
        """Whether what the mail answers names this recipient."""
        return self._quoted[key] > 0

    def rows(self) -> list[list[float]]:
        """One for each recipient, in their order."""
        rows = [self._row(place, key) for place, key in enumerate(self.mail.recipients)]
        for sign in _COMPARED:
            column = [row[sign] for row in rows]
            total, others = sum(column), len(rows) - 1
            for row, value in zip(rows, column, strict=True):
                row.append(value - (total - value) / others if others else 0.0)
        return rows

    def expected(self, key: str) -> float:
        """How much this address was to be expected in this mail: a rough sum, for comparing candidates."""
        known = self._cache.get(key)
        if known is None:
            known = self._cache[key] = self._expected(key)
        return known

    def _expected(self, key: str) -> float:
        ledger, said, topics, now = self.ledger, self.mail.said, self.topics, self.mail.at
        short, long = ledger.weights(key, now)
        total = log1p(short) + 0.4 * log1p(long) + 0.4 * log1p(ledger.heard_from(key, now))
        if topics.total:
            total += 2 * topics.near.get(key, 0.0) / topics.total
        if key in topics.thread:
            total += 1.5
        if said.author or said.author_address:
            total += (0, 0.7, 1.5, 2.5)[named(key, said.author, said.author_address)]
        if said.head:
            total += (0, 0.2, 0.7, 1.2)[named(key, said.head)]
        if said.greeting:
            total += 1.5 * names(key).first.startswith(said.greeting[:3]) + 2 * topics.greeting_share(key)
        if said.text:
            total += (0, 0.4, 0.6, 1)[named(key, said.text)]
        if key in self.missing:
            total += 1.5 * self.missing[key] / (self.missing[key] + 1)
        return total

    def _likely(self) -> set[str]:
        """Who is not among the recipients, and might well be."""
        topics = self.topics
        worth: tuple[Mapping[str, float], ...] = (topics.near, self.missing, topics.greeted)
        near, beside, greeted = (_most(one, count) for one, count in zip(worth, _LIKELY, strict=True))
        found = {*topics.thread, *near, *beside, *greeted} - self.everyone - {self.mail.sender}
        return {key for key in found if key in self.ledger.tallies or key in self.ledger.from_}

    def _row(self, place: int, key: str) -> list[float]:
        others = [other for other in self.mail.recipients if other != key]
        return [
            *self._use(key), *self._received(key), *self._firm(key, others[:_OTHERS]), *self._address(key, len(others)),
            *self._company(key, len(others)), *self._conversation(key, len(others)), *self._words(key),
            *self._greeting(key), *self._manner(key), *self._slip(key, others),
            *self._expectation(key, others[:_OTHERS]), *self._mail(place),
        ]  # fmt: skip

    def _use(self, key: str) -> tuple[float, ...]:
        ledger, now, all_ = self.ledger, self.mail.at, self.ledger.all.weights(self.mail.at)
        tally = ledger.tallies.get(key)
        if tally is None:
            return 0.0, NEVER, NOTHING, NEVER, 0.0, 0.0, 0.0, NOTHING, NOTHING
        short, long = tally.weights(now)
        return (
            log1p(long), _ago(tally.last, now), log1p(max(0.0, now - tally.first) / DAY),
            log1p(len(ledger.sent) - tally.place), tally.mails / len(ledger.sent), short / (all_[0] + 1),
            long / (all_[1] + 1), tally.cc / tally.mails, tally.alone / tally.mails,
        )  # fmt: skip

    def _received(self, key: str) -> tuple[float, ...]:
        one = self.company[key]
        heard = self.ledger.from_.get(key)
        return (
            log1p(one.got_mails), _ago(one.got_last, self.mail.at),
            log1p(heard.weights(self.mail.at)[0]) if heard else 0.0, _ago(heard.last if heard else 0.0, self.mail.at),
        )  # fmt: skip

    def _firm(self, key: str, others: Sequence[str]) -> tuple[float, ...]:
        here = self.background.get(key, _UNKNOWN)
        write = [here.senders.get(other, 0) for other in others]
        written = sum(key in self.background.get(other, _UNKNOWN).senders for other in others)
        return (
            log1p(here.mails), log1p(len(here.senders)),
            log1p(max(0.0, self.mail.at - here.last) / DAY) if here.last else NEVER,
            sum(map(bool, write)) / len(others) if others else NOTHING,
            written / len(others) if others else NOTHING,
            log1p(max(write)) if others else NOTHING,
        )  # fmt: skip

    def _address(self, key: str, others: int) -> tuple[float, ...]:
        place = domain(key)
        return (
            place != domain(self.mail.sender), log1p(self.ledger.domains[place]),
            (self._domains[place] - 1) / others if others else NOTHING,
        )  # fmt: skip

    def _company(self, key: str, others: int) -> tuple[float, ...]:
        if not others:
            return (NOTHING,) * len(FAMILIES["company"])
        one = self.company[key]
        beside = len(one.beside - {key}) / others
        return (
            one.share, float(bool(one.beside)), one.close, beside, one.others,
            len(one.got_beside - {key}) / others, one.got_share, one.got_close, _ago(one.last, self.mail.at),
        )  # fmt: skip

    def _conversation(self, key: str, others: int) -> tuple[float, ...]:
        said, quoted = self.mail.said, self._quoted
        return (
            self.topics.thread[key], said.reply, said.forward, said.quotes, self._answered[key],
            named(key, said.head), quoted[key],
            (self._quoted_surely - (quoted[key] > 1)) / others if others else NOTHING,
            bool(said.author), self.topics.authors[key], _ago(self.topics.thread_last, self.mail.at),
        )  # fmt: skip

    def _words(self, key: str) -> tuple[float, ...]:
        topics = self.topics
        words = topics.words.get(key, 0.0)
        return (
            topics.share(key), topics.nearest.get(key, 0.0), words, words / (topics.known + 3),
            named(key, self.mail.said.text), topics.likest.get(key, 0.0), topics.last_like.get(key, 0.0),
        )  # fmt: skip

    def _greeting(self, key: str) -> tuple[float, ...]:
        name, topics = self.mail.said.greeting, self.topics
        usual = topics.greeting_share(key) if topics.greetings else NOTHING
        return bool(name), bool(name) and greeted(key, name), usual, topics.greeted_so.get(key, NOTHING)

    def _manner(self, key: str) -> tuple[float, ...]:
        """Whether a mail of this length, at this hour, is like those to this address."""
        ledger, length = self.ledger, sqrt(len(self.mail.said.words) + 1)
        tally = ledger.tallies.get(key)
        if tally is None:
            return NOTHING, length, NOBODY
        at = hour(self.mail.at)
        usual = (ledger.all.hours[at] + 1) / (ledger.all.mails + HOURS)
        return (tally.hours[at] + 4 * usual) / (tally.mails + 4) / usual, length, length - tally.words

    def _slip(self, key: str, others: Sequence[str]) -> tuple[float, ...]:
        """Who may have been meant: somebody whose name begins alike and who is more to be expected here."""
        mine = self.expected(key)
        best = begins = NOTHING
        how, meant = NOTHING, ""
        for other in self._alike(key):
            worth, likeness = self.expected(other), alike(key, other)
            begins = max(begins, worth)
            if likeness and worth > best:
                best, how, meant = worth, likeness, other
        self.meant[key] = meant if best > self._best else self._likeliest
        here = [(self.expected(other), likeness) for other in others if (likeness := alike(key, other))]
        return (
            best - mine if meant else NOBODY, how, best, begins - mine if begins >= 0 else NOBODY,
            max(here)[0] - mine if here else NOBODY, max(likeness for _, likeness in here) if here else NOTHING,
        )  # fmt: skip

    def _alike(self, key: str) -> list[str]:
        ledger = self.ledger
        found = set().union(*(ledger.starts.get(start, ()) for start in names(key).prefixes))
        found -= self.everyone
        found.discard(self.mail.sender)
        if len(found) <= _ALIKE:
            return sorted(found)
        return sorted(found, key=lambda other: (-ledger.tallies[other].last, other))[:_ALIKE]

    def _expectation(self, key: str, others: Sequence[str]) -> tuple[float, ...]:
        mine, theirs = self.expected(key), [self.expected(other) for other in others]
        return (
            mine, min(theirs, default=NOTHING), sum(theirs) / len(theirs) if theirs else NOTHING,
            self._best - mine, self._best,
        )  # fmt: skip

    def _mail(self, place: int) -> tuple[float, ...]:
        ledger = self.ledger
        return (
            len(self.mail.recipients), place, len(self.mail.to), log1p(len(ledger.tallies)), ledger.size,
            self._strangers,
        )  # fmt: skip


_UNKNOWN = Background()


def _ago(at: float, now: float) -> float:
    return log1p(max(0.0, now - at) / HOUR) if at else NEVER


def _most(worth: Mapping[str, float], count: int) -> list[str]:
    """Of equals the first by name: a set's order is another one in each process, and a score is not."""
    return nsmallest(count, worth, key=lambda key: (-worth[key], key))
