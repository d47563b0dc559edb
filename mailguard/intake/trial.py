"""Rules tried on past mail: on the facts that were kept of it, or on whole mails in the order they were written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from mailguard.extract.pool import Pool
from mailguard.intake.arrange import Desired, arrange
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.judge import IntakeSettings, Judge
from mailguard.intake.keep import recall
from mailguard.intake.ledgers import Ledgers
from mailguard.intake.letter import Letter
from mailguard.log import Log
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof, Session
from mailguard.mail.reading import Reading
from mailguard.people import People
from mailguard.records import (
    Action,
    Hit,
    Kept,
    Mail,
    Mode,
    NewMail,
    Outcome,
    Reach,
    Reply,
    Result,
    Spool,
    State,
    Verdict,
)
from mailguard.rules.backtest import Ruling, Trial, retry, ruling
from mailguard.rules.rule import RuleSet
from mailguard.store.base import Store

_LEASE = timedelta(hours=1)
_SENT = Outcome(Result.SENT, Reply(250, "2.0.0", "as it was"))


def on_kept(mail: Mail, kept: Kept, rules: RuleSet, people: People, settings: IntakeSettings) -> Trial:
    """The rules on the facts of a stored mail, next to what was decided when it came."""
    facts = recall(mail, kept, people, settings.history.learn)
    verdict, unjudged = retry(rules, facts, settings.holds)
    desired = Desired(
        mail.queue_id, mail.envelope, facts.message, frozenset(facts.to + facts.cc), mail.automatic,
        mail.identity.address, mail.answers, people, lambda _: "", settings.notices, mail.received_at,
    )  # fmt: skip
    told = [notice.person for notice in arrange(desired, verdict, []).notices]
    return Trial(
        mail.queue_id, address.key(mail.identity.address), mail.received_at,
        ruling(mail.hits, without=unjudged), ruling(verdict.hits, told), unjudged,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A mail of an archive, as its header says who wrote it when and to whom."""

    name: str
    raw: bytes
    envelope: Envelope
    at: datetime


class PastClock:
    """Stands where the mail that is being judged was written."""

    def __init__(self) -> None:
        self.at = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Nothing is due in the past."""


class Rehearsal:
    """Whole mails, one by one: what is known of each is what the ones before it taught, as it would have been live.

    `store` is one of its own, empty and soon forgotten; no text and no subject is written there. DNS is not asked, and
    no mail waits while the next is judged: what asks for either is not known.
    """

    def __init__(
        self, store: Store, clock: PastClock, policies: Sequence[RuleSet], people: People, settings: IntakeSettings,
        files: Pool, log: Log,
    ) -> None:  # fmt: skip
        """`policies`: the draft, or what is live and the draft."""
        self._store, self._clock = store, clock
        familiar = Acquaintances(store, clock)
        ledgers = Ledgers(store, settings.history)
        self._judges = [
            Judge(
                store, lambda rules=rules: rules, lambda: people, lambda _: "", settings, log,  # type: ignore[misc]
                files=files, familiar=familiar, ledgers=ledgers, reach=_silent,
            )
            for rules in policies
        ]  # fmt: skip
        self._number = 0

    async def judge(self, mail: Written) -> Trial:
        """What each policy makes of it; then it is sent, and learnt from."""
        self._clock.at = mail.at
        self._number += 1
        identity = Identity(mail.envelope.sender, Proof.LOGIN)
        spool = Spool(mail.raw, sha256(mail.raw).digest())
        letter = Letter(
            f"B{self._number:012}", mail.envelope, spool, Session("", identity, ""), Reading(spool.message), mail.at
        )
        found = [await judge.mail(letter) for judge in self._judges]
        await self._learn(found)
        rulings = [_ruling(one) for one in found]
        old = rulings[0] if len(rulings) > 1 else None
        return Trial(mail.name, address.key(identity.address), mail.at, old, rulings[-1])

    async def _learn(self, found: Sequence[NewMail]) -> None:
        now = self._clock.now()
        copies = tuple(
            replace(copy, state=State.QUEUED, due_at=now, destination="")
            for copy in found[-1].deliveries
            if not copy.added
        )
        await self._store.put(
            replace(
                found[-1], raw=b"", subject="", attachments=(), verdict=Verdict(Action.PASS), deliveries=copies,
                notices=(), edits=(), kept=None, sketch=next((one.sketch for one in found if one.sketch), None),
                files=next((one.files for one in found if one.files), ()),
            ),
            now,
        )  # fmt: skip
        for claim in await self._store.claim("", now, lease=_LEASE, limit=10, per_destination=10, skip={}):
            await self._store.settle(claim, {copy.id: _SENT for copy in claim.deliveries}, now)


def _ruling(mail: NewMail) -> Ruling:
    """A mail that could not be read is held, whatever the rules say."""
    verdict = mail.verdict
    said = {hit.rule for hit in verdict.hits}
    errors = [Hit(hold.rule, Mode.ENFORCE, Action.HOLD, hold.reason) for hold in verdict.holds if hold.rule not in said]
    return ruling((*verdict.hits, *errors), [notice.person for notice in mail.notices])


async def _silent(domains: Collection[str], _: float) -> Reach:
    return Reach(silent=frozenset(domains))
