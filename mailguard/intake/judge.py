"""A verdict for one mail: facts gathered, rules asked, and the mail as it will be stored."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from time import perf_counter, thread_time
from types import MappingProxyType
from typing import Any

from mailguard.errors import CannotTell
from mailguard.extract.pool import Pool
from mailguard.history.settings import HistorySettings
from mailguard.intake.arrange import Desired, arrange, edits
from mailguard.intake.aside import stand_aside
from mailguard.intake.facts import gather
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.keep import keep
from mailguard.intake.ledgers import Ledgers, remembered
from mailguard.intake.letter import Letter
from mailguard.intake.own_wait import lengthened
from mailguard.locale.sayings import joined, saying, told
from mailguard.log import Log
from mailguard.mail import address
from mailguard.mail.envelope import Proof
from mailguard.mail.kind import is_confidential
from mailguard.mail.message import LONG_HEAD
from mailguard.mail.sketch import Sketch
from mailguard.notices.settings import NoticeSettings
from mailguard.people import People
from mailguard.records import (
    Action,
    AttachmentInfo,
    Content,
    Familiar,
    Heard,
    Hit,
    Hold,
    HoldKind,
    Kept,
    Known,
    Mode,
    Need,
    NewMail,
    OnExpiry,
    Past,
    Reach,
    Remembered,
    Thread,
    Verdict,
    Waiting,
)
from mailguard.rules import engine
from mailguard.rules.budget import OverBudget, Stopwatch
from mailguard.rules.facts import Facts
from mailguard.rules.logic import LATE as TOO_LATE
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.store.base import Store
from mailguard.tasks import in_thread

UNDECIDED = "undecided"
UNREADABLE = "unreadable"
LATE = object()  # what was not fetched within the budget of any rule that asked for it


Wanted = Mapping[Need, float]
"""What rules want to know, and for how many seconds the most patient of them waits for it."""
Opinion = NewMail | Wanted
"""A mail with its verdict, or what the rules want to know before they give one."""


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What intake needs of the configuration."""

    hostname: str
    holds: HoldSettings
    history: HistorySettings
    notices: NoticeSettings
    decide: timedelta  # from the dot to the 250, all facts included


class Judge:
    """Asks the rules, fetches what they want to know, and never lets a mail pass that it could not judge."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], RuleSet],
        people: Callable[[], People],
        destination: Callable[[str], str],
        settings: IntakeSettings,
        log: Log,
        aside: Callable[[datetime], object] = lambda _: None,
        *,
        files: Pool,
        familiar: Acquaintances,
        ledgers: Ledgers,
        reach: Callable[[Collection[str], float], Awaitable[Reach]],
    ) -> None:
        """`aside`: does the guard stand aside at this time? `files` reads what is attached.

        `reach` asks DNS about domains for so many seconds.
        """
        self._files, self._familiar, self._reach, self._ledgers = files, familiar, reach, ledgers
        self._store, self._rules, self._people, self._destination = store, rules, people, destination
        self._settings, self._log, self._aside_at = settings, log, aside

    def opinion(self, letter: Letter) -> Opinion:
        """What the rules say of it, knowing nothing but the mail."""
        return self._opinion(letter, Known(), {})

    def undecided(self, letter: Letter) -> NewMail:
        """Kept safe and held while it is still being judged.

        For this we are on the loop, and a long header may be the very reason why judging takes so long.
        """
        visible = letter.visible if letter.message.head_size <= LONG_HEAD else frozenset[str]()
        hold = Hold(UNDECIDED, saying("mailguard is still checking this mail"), HoldKind.UNDECIDED)
        verdict = Verdict(Action.HOLD, holds=(hold,), rules_hash=self._rules().hash)
        return self._new_mail(letter, self._people(), verdict, automatic=False, visible=visible, files=())

    def late(self, letter: Letter) -> NewMail:
        """Held for a person: the budget is spent, and it is not decided afterwards."""
        return self._failed(letter, OverBudget(TOO_LATE))

    async def mail(self, letter: Letter, wanted: Wanted = MappingProxyType({})) -> NewMail:
        """The mail with its verdict: the rules are asked again until they want to know nothing more.

        `wanted`: what they asked for knowing nothing but the mail.
        """
        known, fetched = Known(), wanted
        while True:
            try:
                known = await self._fetch(letter, wanted, known)
            except Exception as error:
                return self._failed(letter, error)
            opinion = await self._aside(letter, known, fetched)
            if isinstance(opinion, NewMail):
                return opinion
            wanted, fetched = opinion, {**fetched, **opinion}

    async def _aside(self, letter: Letter, known: Known, fetched: Wanted) -> Opinion:
        """As `_opinion`, in a thread when the mail is large."""
        if letter.small and not known.contents:
            return self._opinion(letter, known, fetched)
        return await in_thread(self._opinion, letter, known, fetched)

    def _opinion(self, letter: Letter, known: Known, fetched: Wanted) -> Opinion:
        """As `_decided`; whatever goes wrong on the way ends in a hold, never in a pass."""
        try:
            return self._decided(letter, self._rules(), self._people(), known, fetched)
        except Exception as error:
            return self._failed(letter, error)

    def _failed(self, letter: Letter, error: Exception) -> NewMail:
        self._failure("rules", error)
        return self._unreadable(letter, self._people(), error)

    def _failure(self, where: str, error: Exception) -> None:
        """What cannot be told of a mail is in its hold; what nobody planned for, and a slow rule, is to be mended."""
        if not isinstance(error, CannotTell) or isinstance(error, OverBudget):
            self._log.failure(where, error)

    async def _fetch(self, letter: Letter, wanted: Wanted, known: Known) -> Known:
        """What rules have asked for, all of it at once, and each for as long as one of them waits for it."""
        ways: dict[Need, Callable[[Letter], Awaitable[Any]]] = {
            Need.PAST: self._past, Need.FAMILIAR: self._acquaintances,
            Need.REACH: lambda letter: self._reached(letter, wanted[Need.REACH]),
            Need.THREAD: self._thread, Need.HEARD: self._heard, Need.WAITING: self._waiting,
            Need.CONTENTS: self._contents, Need.SENT_FILES: self._sent_files,
        }  # fmt: skip
        asked = list(wanted)
        works = (_within(ways[need](letter), inf if need is Need.REACH else wanted[need]) for need in asked)
        found = dict(zip(asked, await asyncio.gather(*works), strict=True))
        late = {need: wanted[need] for need in asked if found[need] is LATE}
        fetched: dict[str, Any] = {need.value: value for need, value in found.items() if value is not LATE}
        kept = {need: seconds for need, seconds in known.late.items() if need not in wanted}
        return replace(known, late={**kept, **late}, **fetched)

    async def _contents(self, letter: Letter) -> tuple[Content | None, ...]:
        return await self._files.read(letter.message)

    async def _sent_files(self, letter: Letter) -> Mapping[bytes, frozenset[str]]:
        return await self._store.files_sent(letter.files)

    async def _past(self, letter: Letter) -> Past:
        past = await self._store.facts_for(letter.sender, letter.addresses, letter.message.references)
        found = await self._ledgers.doubts(letter)
        if found is None:
            return past
        odd = {key: one for key, one in found.items() if one.why}
        return replace(
            past, odd={key: one.why for key, one in odd.items()},
            meant={key: one.meant for key, one in odd.items() if one.meant},
            scores={key: round(one.score, 3) for key, one in found.items()},
        )  # fmt: skip

    async def _thread(self, letter: Letter) -> Thread | None:
        message = letter.message
        return await self._store.thread(letter.sender, letter.addresses, message.references, message.parent)

    async def _heard(self, letter: Letter) -> tuple[Heard, ...]:
        passages = letter.reading.quoted_passages
        return await self._store.heard(passages) if passages else ()

    async def _waiting(self, letter: Letter) -> tuple[Waiting, ...]:
        found = await self._store.waiting(letter.sender, letter.addresses)
        return tuple(one for one in found if one.queue_id != letter.queue_id)  # itself, when it is decided late

    async def _acquaintances(self, letter: Letter) -> Familiar:
        return await self._familiar.of(letter.sender)

    async def _reached(self, letter: Letter, seconds: float) -> Reach:
        """DNS has half of the time there is to decide, or less: its silence is no error, and must make no mail wait."""
        people = self._people()
        reached = {one for recipient in letter.envelope.addresses for one in people.expand(recipient)}
        outside = sorted({address.domain(one) for one in reached if people.external(one)})
        return await self._reach(outside, min(seconds, self._settings.decide.total_seconds() / 2))

    def _decided(self, letter: Letter, rules: RuleSet, people: People, known: Known, fetched: Wanted) -> Opinion:
        settings, identity = self._settings, letter.session.identity
        facts = gather(letter.reading, letter.envelope, identity, people, known, letter.now, settings.history.learn)
        troubles: list[tuple[str, Exception]] = []
        watch = Stopwatch(perf_counter, thread_time, settings.decide.total_seconds())
        verdict = engine.evaluate(rules, facts, settings.holds, lambda *trouble: troubles.append(trouble), watch)
        wanted = {need: seconds for need, seconds in facts.budget.wanted.items() if seconds > fetched.get(need, -1.0)}
        if wanted := {need: wanted[need] for need in wanted if need not in fetched or need in known.late}:
            return wanted  # every rule is asked again
        for rule, error in troubles:
            self._failure(f"rule {rule}", error)
        verdict = self._free(lengthened(verdict, facts), letter.now)
        info = tuple(AttachmentInfo(f.name, f.content_type, f.size) for f in facts.attachments if not f.inline)
        mail = self._new_mail(letter, people, verdict, facts.automatic, frozenset(facts.to + facts.cc), info)
        return replace(
            mail, kept=self._kept(facts), confidential=is_confidential(letter.message),
            remembered=self._remembered(letter, facts),
            sketch=_sketch(letter) if rules.sketches and not facts.automatic else None,
            files=tuple(letter.files), inside=_inside(letter, people),
        )  # fmt: skip

    def _remembered(self, letter: Letter, facts: Facts) -> Remembered | None:
        """Of a person's mail; as `_kept`, nothing that goes wrong in here may hold it up."""
        if facts.automatic or not letter.sender:
            return None
        try:
            return remembered(letter, dict(facts.known.past.scores) if facts.known.past else {})
        except Exception as error:
            self._failure("history", error)
            return None

    def _kept(self, facts: Facts) -> Kept | None:
        """Nothing that goes wrong in here may hold up a mail: it is missing when other rules are tried, that is all."""
        try:
            return keep(facts)
        except Exception as error:
            self._failure("facts", error)
            return None

    def _unreadable(self, letter: Letter, people: People, error: Exception) -> NewMail:
        """A mail we cannot read waits for a person; what can still be read of it is said."""
        unread = saying("mailguard could not read this mail")
        why = joined(": ", (unread, told(error))) if isinstance(error, CannotTell) else unread
        holds = self._settings.holds
        hold = Hold(
            UNREADABLE, why, HoldKind.ERROR,
            expires_at=letter.now + holds.expires,
            on_expiry=OnExpiry.RETURN if holds.on_expiry is OnExpiry.SEND else holds.on_expiry,
        )  # fmt: skip
        hit = Hit(UNREADABLE, Mode.ENFORCE, Action.HOLD, hold.reason) if self._aside_at(letter.now) else None
        verdict = Verdict(Action.HOLD, holds=(hold,), hits=(hit,) if hit else (), rules_hash=self._rules().hash)
        verdict = self._free(verdict, letter.now)
        return self._new_mail(letter, people, verdict, automatic=False, visible=letter.visible, files=())

    def _free(self, verdict: Verdict, now: datetime) -> Verdict:
        return stand_aside(verdict) if self._aside_at(now) else verdict

    def _new_mail(
        self,
        letter: Letter,
        people: People,
        verdict: Verdict,
        automatic: bool,
        visible: frozenset[str],
        files: tuple[AttachmentInfo, ...],
    ) -> NewMail:
        settings, message, identity = self._settings, letter.message, letter.session.identity
        answers = people.answers_for(identity.address, settings.holds.fallback)
        if automatic and not people.service(identity.address):
            answers = settings.holds.fallback
        desired = Desired(
            letter.queue_id, letter.envelope, message, visible, automatic, identity.address, answers, people,
            self._destination, settings.notices, letter.now,
        )  # fmt: skip
        base = list(letter.edits) or edits(message, letter.session, settings.hostname, letter.queue_id, letter.now)
        arranged = arrange(desired, verdict, base)
        return NewMail(
            queue_id=letter.queue_id, envelope=letter.envelope, identity=identity, raw=letter.spool.raw,
            digest=letter.spool.digest, received_at=letter.now, edits=arranged.edits, deliveries=arranged.deliveries,
            verdict=verdict, message_id=message.message_id or f"<{letter.queue_id}@{settings.hostname}>",
            subject=message.subject, references=message.references, parent=message.parent, attachments=files,
            automatic=automatic, notices=arranged.notices, session_id=letter.session.id, answers=answers,
        )  # fmt: skip


def _inside(letter: Letter, people: People) -> tuple[str, ...]:
    """Own addresses that the header names and the envelope does not: the connector delivers to them itself."""
    if letter.session.identity.proof is not Proof.CONNECTOR:
        return ()
    passing = set(letter.addresses)
    named = {address.key(box.address): box.address for box in letter.message.mailboxes("to", "cc")}
    return tuple(
        one for key, one in named.items()
        if key not in passing and not people.external(one) and not people.expand(one) & passing  # no list that came
    )  # fmt: skip


async def _within(work: Awaitable[Any], seconds: float) -> Any:
    """What it gives, or LATE; then it is told to end."""
    try:
        return await asyncio.wait_for(work, None if seconds == inf else seconds)
    except TimeoutError:
        return LATE


def _sketch(letter: Letter) -> Sketch | None:
    """What its text is known again by; a text that nobody can read is not, and a rule that asks for it says so."""
    try:
        return letter.reading.sketch
    except CannotTell:
        return None
