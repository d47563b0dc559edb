"""One person's remembered mail, indexed for the questions that are asked of every mail."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from math import sqrt

from mailguard.history.budget import Surprises
from mailguard.history.names import names
from mailguard.mail.address import domain
from mailguard.records.habits import Remembered

DAY = 86400.0
SENT, GOT = 600, 300  # mails of one person that are looked at
ROUND = 60  # recipients; who else got a round mail says nothing about who belongs together
SHORT, LONG = 21 * DAY, 120 * DAY  # half-lives of being written to
FADES = 60 * DAY  # and of having been in one mail
SIZE = 0.97  # of the running average of recipients a mail
HOURS = 8  # parts of a day


_AVERAGED = 20  # mails


class Tally:
    """How one address was written to."""

    __slots__ = ("alone", "cc", "first", "hours", "last", "long", "mails", "place", "short", "words")

    def __init__(self, at: float) -> None:
        self.mails = self.cc = self.alone = self.place = 0
        self.first = self.last = at
        self.short = self.long = 0.0
        self.words = 0.0  # of a mail, as a running average of their square root
        self.hours = [0] * HOURS

    def add(self, at: float, place: int) -> None:
        passed = max(0.0, at - self.last)
        self.short = self.short * 0.5 ** (passed / SHORT) + 1
        self.long = self.long * 0.5 ** (passed / LONG) + 1
        self.mails += 1
        self.place, self.last = place, max(at, self.last)
        self.hours[hour(at)] += 1

    def lately(self, now: float) -> float:
        """Mails, the older the less."""
        return float(self.short * 0.5 ** (max(0.0, now - self.last) / SHORT))

    def weights(self, now: float) -> tuple[float, float]:
        """The same, and by the long half-life."""
        passed = max(0.0, now - self.last)
        return self.short * 0.5 ** (passed / SHORT), self.long * 0.5 ** (passed / LONG)


class Ledger:
    """Bounded by whoever fills it: SENT and GOT of the latest mails, oldest first."""

    def __init__(self, sent: Iterable[Remembered] = (), got: Iterable[Remembered] = ()) -> None:
        self.sent: list[Remembered] = []
        self.got: list[Remembered] = []
        self.tallies: dict[str, Tally] = {}
        self.with_: defaultdict[str, list[int]] = defaultdict(list)  # address -> places in `sent`
        self.saying: defaultdict[int, list[int]] = defaultdict(list)  # word -> places in `sent`
        self.threads: defaultdict[int, list[int]] = defaultdict(list)
        self.got_with: defaultdict[str, list[int]] = defaultdict(list)  # address, sender's too -> places in `got`
        self.got_threads: defaultdict[int, list[int]] = defaultdict(list)
        self.from_: dict[str, Tally] = {}
        self.starts: defaultdict[str, set[str]] = defaultdict(set)  # first letters of a name -> addresses
        self.domains: Counter[str] = Counter()
        self.sets: list[frozenset[str]] = []  # the recipients of each of `sent`
        self.lengths: list[float] = []  # of the words of each, as a vector
        self.got_sets: list[frozenset[str]] = []  # of `got`, its sender too
        self.all = Tally(0.0)
        self.size = 1.0
        self.surprises = Surprises()  # of the mails in `sent` that were judged
        for mail in sent:
            self.add_sent(mail)
        for mail in got:
            self.add_got(mail)

    def add_sent(self, mail: Remembered) -> None:
        place = len(self.sent)
        self.sent.append(mail)
        everyone = frozenset(mail.recipients)
        self.sets.append(everyone)
        self.lengths.append(sqrt(len(mail.words) + 1))
        self.all.add(mail.at, place)
        self.size = self.size * SIZE + len(everyone) * (1 - SIZE)
        for key in everyone:
            tally = self.tallies.get(key)
            if tally is None:
                tally = self.tallies[key] = Tally(mail.at)
                for start in names(key).prefixes:
                    self.starts[start].add(key)
            tally.add(mail.at, place)
            tally.words += (self.lengths[-1] - tally.words) / min(tally.mails, _AVERAGED)
            tally.cc += key in mail.cc
            tally.alone += len(everyone) == 1
            self.domains[domain(key)] += 1
            if len(everyone) <= ROUND:
                self.with_[key].append(place)
        for word in mail.words:
            self.saying[word].append(place)
        if mail.thread:
            self.threads[mail.thread].append(place)
        if mail.score is not None:
            self.surprises.add(mail.score)

    def add_got(self, mail: Remembered) -> None:
        place = len(self.got)
        self.got.append(mail)
        everyone = frozenset((*mail.recipients, mail.sender))
        self.got_sets.append(everyone)
        if mail.sender not in self.from_:
            self.from_[mail.sender] = Tally(mail.at)
        self.from_[mail.sender].add(mail.at, place)
        if len(everyone) <= ROUND:
            for key in everyone:
                self.got_with[key].append(place)
        if mail.thread:
            self.got_threads[mail.thread].append(place)

    def weights(self, key: str, now: float) -> tuple[float, float]:
        """Mails to this address, the older the less, by the short and the long half-life."""
        tally = self.tallies.get(key)
        return tally.weights(now) if tally else (0.0, 0.0)

    def heard_from(self, key: str, now: float) -> float:
        tally = self.from_.get(key)
        return tally.lately(now) if tally else 0.0

    @property
    def trimmed(self) -> "Ledger":
        """Itself, or one of the latest mails when it has grown too far."""
        if len(self.sent) <= SENT * 5 // 4 and len(self.got) <= GOT * 5 // 4:
            return self
        return Ledger(self.sent[-SENT:], self.got[-GOT:])


def hour(at: float) -> int:
    """The part of a day, by one clock for everybody."""
    return int(at % DAY / DAY * HOURS)


def fresh(at: float, now: float) -> float:
    """What a mail of then still counts."""
    return float(0.5 ** (max(0.0, now - at) / FADES))
