"""The week, played: a real store with the firm's past, the judge of the service, files read by its workers."""

import hashlib
import io
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mailguard.extract.pool import Pool
from mailguard.history import HistorySettings
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.judge import IntakeSettings, Judge
from mailguard.intake.ledgers import Ledgers
from mailguard.log import Log
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.notices.settings import NoticeSettings
from mailguard.records import Action, Delivery, NewMail, Outcome, Reach, Reply, Result, State, Verdict
from mailguard.rules.loader import load
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.store.base import Store
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import MONDAY, FakeClock
from tests.corpus.mails import HOME, PEOPLE, Mail

POLICY: RuleSet = load([Path(__file__).parents[2] / "rules"], PEOPLE)
GONE = "adlerhome.example"  # DNS says that it takes no mail; of all other domains that they do
PAST = timedelta(days=16)  # before the week: more than the 14 days of history.learn
SENT = Outcome(Result.SENT, Reply(250, "2.0.0", "ok"))
SETTINGS = IntakeSettings(
    "mail.corp.example", HoldSettings(fallback="postmaster@corp.example"), HistorySettings(),
    NoticeSettings(sender="mailguard@corp.example"), timedelta(minutes=1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Played:
    """A mail, and what became of it."""

    mail: Mail
    decided: NewMail

    @property
    def verdict(self) -> Verdict:
        return self.decided.verdict

    @property
    def held(self) -> bool:
        return bool(self.verdict.holds)

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule that fired, those that only watch too."""
        return tuple(hit.rule for hit in self.verdict.hits)

    @property
    def told(self) -> bool:
        """Whether its sender, or who answers for it, gets a notice."""
        answers = address.key(self.decided.answers or self.mail.sender)
        return any(address.key(notice.person) == answers for notice in self.decided.notices)


async def play(mails: Collection[Mail], folder: Path) -> list[Played]:
    """All of them in the order of their dates; what is not held leaves when it is due, and is learnt."""
    async with _firm(folder) as (store, judge):
        await _remember(store)
        played = []
        for mail in sorted(mails, key=lambda mail: (mail.at, mail.name)):
            await _carry(store, mail.at)
            decided = await judge.mail(mail.letter)
            await store.put(decided, mail.at)
            played.append(Played(mail, decided))
        return played


@asynccontextmanager
async def _firm(folder: Path) -> AsyncIterator[tuple[Store, Judge]]:
    clock = FakeClock()
    store, files = SqliteStore(folder / "mail.db", clock=clock), Pool(decide=60)
    await store.open()
    try:
        yield store, Judge(
            store, lambda: POLICY, lambda: PEOPLE, lambda _: "hop.example:25", SETTINGS, Log(stream=io.StringIO()),
            files=files, familiar=Acquaintances(store, clock),
            ledgers=Ledgers(store, SETTINGS.history), reach=_reach,
        )  # fmt: skip
    finally:
        await files.close()
        await store.close()


async def _reach(domains: Collection[str], seconds: float) -> Reach:
    return Reach({GONE: f"the domain {GONE} takes no mail"} if GONE in domains else {})


async def _remember(store: Store) -> None:
    """history.txt, as if all of it had been sent on one day."""
    for mail in _past():
        await store.put(mail, MONDAY - PAST)
    await _carry(store, MONDAY - PAST)


async def _carry(store: Store, now: datetime) -> None:
    lease = timedelta(minutes=5)
    while claims := await store.claim("week", now, lease=lease, limit=1000, per_destination=1000, skip={}):
        for claim in claims:
            await store.settle(claim, dict.fromkeys((delivery.id for delivery in claim.deliveries), SENT), now)


def _past() -> Iterator[NewMail]:
    lines = (HOME / "history.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        who, times, to = line.split("|")
        for number in range(int(times)):
            yield _earlier(_full(who), tuple(map(_full, to.split())), number)


def _earlier(sender: str, to: tuple[str, ...], number: int) -> NewMail:
    name = f"{number}.{hashlib.sha256(f'{sender}{to}'.encode()).hexdigest()[:10]}"
    raw = f"From: {sender}\r\nSubject: earlier\r\n\r\n".encode()
    recipients = tuple(map(Recipient, to))
    deliveries = tuple(
        Delivery(one, "hop.example:25", State.QUEUED, external=PEOPLE.external(one.address)) for one in recipients
    )
    return NewMail(
        queue_id=name, envelope=Envelope(sender, recipients), identity=Identity(sender, Proof.LOGIN, sender), raw=raw,
        digest=hashlib.sha256(raw).digest(), received_at=MONDAY - PAST, edits=(), deliveries=deliveries,
        verdict=Verdict(Action.PASS), message_id=f"<{name}@earlier.example>", subject="earlier",
    )  # fmt: skip


def _full(short: str) -> str:
    """`ann.lee` → ann.lee@corp.example, `kim.ward@harbour` → kim.ward@harbour.example."""
    name, _, host = short.strip().partition("@")
    return f"{name}@{host or 'corp'}.example"
