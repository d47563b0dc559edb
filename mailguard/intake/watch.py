"""A rule that breaks and decides everything is one alert, not five hundred notices. Why these numbers: decision 14.

Pure: times are arguments (monotonic seconds). In memory: a restart forgets, and sees it again if it goes on.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailguard.mail import address
from mailguard.records import HoldKind, NewMail, NoticeKind
from mailguard.rules.rule import RuleSet

WINDOW, BUCKET = 600.0, 60.0  # seconds looked back, and in which steps
SHARE, OVER = 0.20, 0.10  # of all mail: from here on a rule is suspect, and below it is not any more
USUAL = 0.05  # of the mail before: a rule that held more than this does nothing sudden
AGAIN = 3600.0  # seconds within which the same rule is not told of twice
PUT_OFF = timedelta(minutes=30)
_ASKING = (NoticeKind.HELD, NoticeKind.APPROVAL)

Key = tuple[str, bool]  # a rule, and whether it failed (or matched)


@dataclass(frozen=True, slots=True)
class Least:
    """How much there must be to speak of a share at all."""

    mails: int  # within the window
    senders: int  # whose mail was held
    before: int  # mails that the rule had judged before the window


FAILED, MATCHED = Least(20, 3, 0), Least(50, 5, 200)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A rule that suddenly holds so many of the last mails."""

    rule: str
    held: int
    mails: int


@dataclass(slots=True)
class _Bucket:
    begins: float
    mails: int = 0
    held: Counter[Key] = field(default_factory=Counter)
    senders: dict[Key, set[str]] = field(default_factory=dict)
    forks: set[bytes] = field(default_factory=set)


class RuleWatch:
    """Sees every mail that is kept, and says when a rule is suspect."""

    def __init__(self) -> None:
        self._window: deque[_Bucket] = deque()
        self._mails = 0  # since the start
        self._held: Counter[Key] = Counter()
        self._born: dict[str, int] = {}  # a rule, and how many mails there had been when it came
        self._rules_hash = ""
        self._alarms: dict[Key, float] = {}  # until when, should nothing more be held
        self._told: dict[str, float] = {}

    def see(self, mail: NewMail, rules: RuleSet, now: float) -> list[Suspicion]:
        """Count one mail that was judged by these rules, all its forks once; the rules that become suspect by it."""
        if any(hold.kind is HoldKind.UNDECIDED for hold in mail.verdict.holds):
            return []  # it comes again, judged
        self._adopt(rules)
        self.suspects(now)
        bucket = self._bucket(now)
        if mail.fork:  # one mail, in however many transactions a connector brings it
            if any(mail.fork in one.forks for one in self._window):
                return []
            bucket.forks.add(mail.fork)
        bucket.mails += 1
        self._mails += 1
        found = []
        for key in _keys(mail):
            bucket.held[key] += 1
            bucket.senders.setdefault(key, set()).add(address.key(mail.identity.address))
            self._held[key] += 1
            if self._share(key) >= OVER and key in self._alarms:
                self._alarms[key] = now + WINDOW
            elif (suspicion := self._suspicion(key)) and key not in self._alarms:
                self._alarms[key] = now + WINDOW
                if now - self._told.get(key[0], -AGAIN) >= AGAIN:
                    self._told[key[0]] = now
                    found.append(suspicion)
        return found

    def suspects(self, now: float) -> list[str]:
        """The rules that are suspect at the moment."""
        if self._alarms:
            self._alarms = {key: until for key, until in self._alarms.items() if until > now}
        return sorted({rule for rule, _ in self._alarms})

    def patient(self, mail: NewMail, now: float, instant: datetime) -> NewMail:
        """The mail, held as it is; the questions about it come later if only suspect rules hold it."""
        self.suspects(now)
        keys = _keys(mail)
        if not keys or len(keys) < len(mail.verdict.holds) or not keys <= self._alarms.keys():
            return mail
        later = instant + PUT_OFF
        notices = tuple(
            replace(notice, due_at=later, data={**notice.data, "put_off": "1"}) if notice.kind in _ASKING else notice
            for notice in mail.notices
        )
        return replace(mail, notices=notices)

    def _adopt(self, rules: RuleSet) -> None:
        """Other rules: whoever wrote them knows of the alarm, and what failed before may be mended."""
        if rules.hash == self._rules_hash:
            return
        self._rules_hash = rules.hash
        self._born = {rule.id: self._born.get(rule.id, self._mails) for rule in rules.rules}
        self._alarms.clear()
        self._told.clear()
        self._window.clear()

    def _bucket(self, now: float) -> _Bucket:
        while self._window and self._window[0].begins <= now - WINDOW:
            self._window.popleft()
        if not self._window or self._window[-1].begins <= now - BUCKET:
            self._window.append(_Bucket(now))
        return self._window[-1]

    def _share(self, key: Key) -> float:
        return sum(b.held[key] for b in self._window) / max(1, sum(b.mails for b in self._window))

    def _suspicion(self, key: Key) -> Suspicion | None:
        rule, failed = key
        least = FAILED if failed else MATCHED
        mails, held = sum(b.mails for b in self._window), sum(b.held[key] for b in self._window)
        senders = set[str]().union(*(b.senders.get(key, ()) for b in self._window))
        if mails < least.mails or len(senders) < least.senders or held < SHARE * mails:
            return None
        before = self._mails - mails - self._born.get(rule, 0 if failed else self._mails)
        if not failed and (before < least.before or self._held[key] - held > USUAL * before):
            return None
        return Suspicion(rule, held, mails)


def _keys(mail: NewMail) -> set[Key]:
    kinds = (HoldKind.RULE, HoldKind.ERROR)
    return {(hold.rule, hold.kind is HoldKind.ERROR) for hold in mail.verdict.holds if hold.kind in kinds}
