"""A web server over the real desk and the real store, with mails that wait in it, and time that stands still."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from mailguard import tokens
from mailguard.desk import Desk, Operator, Staff
from mailguard.extract.pool import Pool
from mailguard.history.settings import HistorySettings
from mailguard.intake.again import Again
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.judge import IntakeSettings, Judge
from mailguard.intake.ledgers import Ledgers
from mailguard.locale import Saying, saying
from mailguard.locale.sayings import counted
from mailguard.log import Log
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.metrics import Metrics
from mailguard.notices.compose import render
from mailguard.notices.settings import NoticeSettings
from mailguard.notices.words import clean
from mailguard.people import Assistant, Directory, Organization, People, Person, PreferenceSettings
from mailguard.people.access import Access
from mailguard.records import (
    Action,
    AttachmentInfo,
    Capability,
    Claim,
    Delivery,
    Hit,
    Hold,
    Kept,
    Mail,
    Mode,
    NewMail,
    NewNotice,
    Notice,
    NoticeClaim,
    NoticeKind,
    Outcome,
    Past,
    Power,
    Reach,
    Reply,
    Requires,
    Result,
    State,
    Verdict,
)
from mailguard.rules.loader import load
from mailguard.rules.settings import HoldSettings
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import MONDAY, FakeClock, make_message
from mailguard.web.api import Parts
from mailguard.web.app import create_app
from mailguard.web.console import Condition, Sources
from mailguard.web.server import WebServer
from mailguard.web.settings import WebSettings
from mailguard.web.sign_in import Ways

ANN, BOSS, HELPER, LEX = "ann@corp.example", "ceo@corp.example", "assistant@corp.example", "lex@corp.example"
ADA, HANS = "ada@corp.example", "hans@corp.example"  # an administrator who may read content; the helpdesk
PAT, BOB, HIDDEN = "pat@client.example", "bob@client.example", "silent@partner.example"
RITA, ROB = "rita@corp.example", "rob@corp.example"
SUBJECT = "Quote for ACME"
MINUTES = timedelta(minutes=1)
SETTINGS = NoticeSettings(sender="mailguard@corp.example")


RULES = Path(__file__).parent.parent.parent / "rules" / "10-external-delay.yaml"


class Bell:
    """Counts how often the scheduler would have been woken."""

    def __init__(self) -> None:
        self.rung = 0

    def wake(self) -> None:
        self.rung += 1


def waiting(address: str, clock: FakeClock, *, held: bool, **more: Any) -> Delivery:
    state, due = (State.HELD, None) if held else (State.QUEUED, clock.now() + 5 * MINUTES)
    outside = not address.endswith("@corp.example")
    return Delivery(Recipient(address), "mx:x", state, **{"due_at": due, "external": outside, **more})


@dataclass
class House:
    """`url` is where the pages are; every mail made here is Ann's unless it says otherwise."""

    store: SqliteStore
    desk: Desk
    clock: FakeClock
    server: WebServer
    bell: Bell
    people: People
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    # mails that wait
    async def held(self, *, flagged: bool = True, requires: Requires = Requires.LINK, subject: str = SUBJECT) -> str:
        """Held until its sender confirms: one colleague, one client (flagged), one in Bcc."""
        why = "has never been on a mail with the others" if flagged else ""
        to = (self.copy(PAT, flagged=why), self.copy(BOSS), self.copy(HIDDEN, visible=False, flagged=why))
        hold = Hold("unexpected-cc", "", requires=requires, expires_at=self._later())
        return await self.put(to, hold=hold, subject=subject)

    async def mixed_up(self) -> str:
        """Held: a client stands in Cc where Rob was probably meant."""
        why = saying("You have never written to {address} together with {others}", address=PAT, others=BOSS)
        to = (self.copy(BOSS, external=False), self.copy(PAT, flagged=why))
        raw = make_message(ANN, BOSS, cc=PAT, subject="Cost cutting", body="Cleo,\r\n\r\nthe draft.\r\n")
        hold = Hold("unexpected-cc-inside", "", expires_at=self._later())
        past = Past(odd={PAT: why}, meant={PAT: ROB})
        kept = Kept(to=(BOSS,), cc=(PAT,), past=past)
        return await self.put(
            to, hold=hold, rule="unexpected-cc-inside", why=why, subject="Cost cutting", raw=raw, kept=kept
        )

    async def delayed(self, subject: str = SUBJECT) -> str:
        """Leaves by itself in five minutes."""
        to = (self.copy(BOB, held=False), self.copy(BOSS, held=False, external=False))
        return await self.put(
            to, rule="external-delay", why="2 recipients, 1 outside: bob@client.example", subject=subject
        )

    async def for_approval(self, *approvers: str, needed: int = 1, subject: str = SUBJECT, **more: Any) -> str:
        """Held until Lex (or those named) approves, who has to type a code."""
        to = (self.copy(PAT, flagged="under a no-contact order"), self.copy(HIDDEN, visible=False))
        hold = Hold(
            "no-contact", "", approvers=approvers or (LEX,), needed=needed, requires=Requires.CODE,
            expires_at=self._later(),
        )  # fmt: skip
        return await self.put(
            to, hold=hold, rule="no-contact", why="pat@client.example: legal hold", subject=subject, **more
        )

    async def to_boss(self) -> str:
        """The assistant's copy has left, the executive's leaves in five minutes; somebody is in Bcc."""
        copy = self.copy(HELPER, held=False, added=True, due_at=self.clock.now())
        to = (self.copy(BOSS, held=False), copy, self.copy(HIDDEN, held=False, visible=False))
        number = await self.put(to, rule="executive-assistant", why=f"to {BOSS}", subject="Cost cutting")
        await self.leave(number)
        return number

    async def told_the_helper(self) -> str:
        """The same, and the assistant was told of it."""
        number = await self.to_boss()
        told = NewNotice(NoticeKind.ASSISTANT, HELPER, number, Power.ASSISTANT, frozenset({BOSS}))
        await self.store.notify([told], self.clock.now())
        await self.notices()
        return number

    async def put(
        self,
        to: Iterable[Delivery],
        *,
        hold: Hold | None = None,
        rule: str = "unexpected-cc",
        why: str = "pat@client.example has never been on a mail with the others",
        subject: str = SUBJECT,
        hits: tuple[Hit, ...] = (),
        answers: str = ANN,
        raw: bytes = b"",
        **more: Any,
    ) -> str:
        copies, number = tuple(to), f"4F7K{next(self.numbers):03}"
        raw = raw or make_message(subject=clean(subject))
        hits = hits or (Hit(rule, Mode.ENFORCE, Action.HOLD if hold else Action.DELAY, why),)
        verdict = Verdict(hits[0].action, holds=(replace(hold, reason=why),) if hold else (), hits=hits)
        mail = NewMail(
            number, Envelope(ANN, tuple(d.recipient for d in copies if not d.added)),
            Identity(ANN, Proof.LOGIN, "ann"), raw, hashlib.sha256(raw).digest(), self.clock.now(), (), copies,
            verdict, message_id=f"<{number}@corp.example>", subject=subject, answers=answers,
            attachments=(AttachmentInfo("quote.pdf", "application/pdf", 48_000),), **more,
        )  # fmt: skip
        await self.store.put(mail, self.clock.now())
        return number

    def copy(self, address: str, *, held: bool = True, **more: Any) -> Delivery:
        return waiting(address, self.clock, held=held, **more)

    def _later(self) -> datetime:
        return self.clock.now() + timedelta(hours=8)

    def why(self, address: str = PAT) -> Saying:
        """A reason as a rule gives it."""
        outside = saying("outside the organization")
        return counted(
            "{number} recipient {who}: {list}", "{number} recipients {who}: {list}", 1, who=outside, list=address
        )

    # links
    async def link(self, number: str, person: str = ANN, power: Power = Power.SENDER) -> str:
        """A fresh link to one person's page."""
        token, scope = tokens.new(), frozenset({BOSS}) if power is Power.ASSISTANT else frozenset[str]()
        await self.store.grant([Capability(tokens.digest(token), number, person, power, scope)], self.clock.now())
        return f"{self.url}/m/{token}"

    async def notice(self, kind: NoticeKind, number: str, link: str, **more: Any) -> bytes:
        """The notice a person would find in the mailbox, as sent."""
        mail = await self.mail(number)
        about = Notice(1, NewNotice(kind, ANN, number, **more), self.clock.now())
        return render(
            NoticeClaim(ANN, (about,), {number: mail}, 1), links={number: link}, settings=SETTINGS,
            organization_zone="Europe/Warsaw", now=self.clock.now(), message_id="<n@corp.example>", originals={},
        )  # fmt: skip

    # what became of it
    async def mail(self, number: str) -> Mail:
        mail = await self.store.get(number)
        assert mail is not None
        return mail

    async def states(self, number: str) -> dict[str, State]:
        return {d.address: d.state for d in (await self.mail(number)).deliveries}

    async def let_go(self, number: str) -> bool:
        """Whether every copy that is not dropped may leave now."""
        mail = await self.mail(number)
        live = [d for d in mail.deliveries if d.state is not State.CANCELLED]
        return bool(live) and all(d.state.final or (d.due_at and d.due_at <= self.clock.now()) for d in live)

    async def leave(self, number: str) -> None:
        """Carry what is due, as the courier would."""
        claims = await self.claim()
        for claim in claims:
            sent = Outcome(Result.SENT, Reply(250, "2.0.0", "ok"))
            await self.store.settle(claim, {d.id: sent for d in claim.deliveries}, self.clock.now())
        assert any(claim.mail.queue_id == number for claim in claims)

    async def claim(self) -> list[Claim]:
        """What is due, on the wire now."""
        return await self.store.claim(
            "w", self.clock.now(), lease=timedelta(minutes=5), limit=100, per_destination=100, skip={}
        )

    async def notices(self) -> list[NoticeClaim]:
        """What people are told now; each is told once."""
        claims = await self.store.claim_notices(
            self.clock.now(), lease=timedelta(minutes=5), limit=100, digest_over=99, digest_within=timedelta(0)
        )
        for claim in claims:
            sent = Outcome(Result.SENT, Reply(250, "2.0.0", "ok"))
            await self.store.settle_notice(claim, sent, self.clock.now())
        return claims

    async def code(self) -> str:
        """The number in the code notice that was mailed last."""
        told = [n.notice for claim in await self.notices() for n in claim.notices]
        codes = [notice.data["code"] for notice in told if notice.kind is NoticeKind.CODE]
        assert re.fullmatch(r"\d{6}", codes[-1])
        return codes[-1]


class _Late:
    """What is made only when its own address is known."""

    app: Starlette

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def _silent(*_: object) -> Reach:
    return Reach()


async def build(
    folder: Path, *, access: Access | None = None,
    api: Callable[[Desk, SqliteStore, FakeClock], Parts] | None = None,
    ways: Callable[[Desk, SqliteStore, FakeClock, str], Awaitable[tuple[WebSettings, Ways]]] | None = None,
    preferences: PreferenceSettings = PreferenceSettings(),  # noqa: B008 - frozen
    app_passwords: int = 20, start: datetime = MONDAY, **app: Any,
) -> House:  # fmt: skip
    """Started; `stop` ends it. Lex approves what names them, Rita whatever waits for anybody (`access`).

    `ways` makes settings and other ways to sign in, of the desk and of the address where all of it will be.
    """
    clock, bell = FakeClock(start), Bell()
    people = People(
        Organization(name="Corp", domains=("corp.example",), zone="Europe/Warsaw"),
        Directory((Person(ANN), Person(BOSS, assistant=Assistant(HELPER)), Person(ADA), Person(HANS))),
    )
    store = SqliteStore(folder / "mail.db")
    await store.open()
    rights = access or Access(approver=(RITA,), admin=(ADA,), helpdesk=(HANS,), content=(ADA,))
    rules, metrics = load([RULES], people), Metrics()
    settings = IntakeSettings(
        "mail.corp.example", HoldSettings(fallback=BOSS), HistorySettings(), SETTINGS, timedelta(seconds=10)
    )
    judge = Judge(
        store, lambda: rules, lambda: people, lambda _: "hop.example:25", settings, Log(), files=Pool(),
        familiar=Acquaintances(store, clock), ledgers=Ledgers(store, settings.history), reach=_silent,
    )  # fmt: skip
    desk = Desk(
        store, lambda: people, clock, Log(), metrics, bell, lambda: rights, preferences=preferences,
        again=Again(store, judge, clock), app_passwords=app_passwords,
    )  # fmt: skip
    people.absences, people.preferences = desk.absences.now, desk.preferences.now
    operator = Operator(desk, store, clock, Log(), bell, lambda *_: [])
    staff = Staff(store, operator, desk.rights, lambda: rights, lambda: people, clock, Log(), desk.marks)

    async def condition() -> Condition:
        counts = await store.counts(clock.now())
        return Condition(counts, 9 << 30, False, "", ("0.0.0.0:587",), "hop.example:25", None, None, (), ())

    console = Sources.of(staff, store, clock, lambda: rules, settings, metrics.lags, condition)
    parts = api(desk, store, clock) if api else None
    late = _Late()
    server = WebServer(late, "127.0.0.1:0", lambda: late.app.state.streams.close())
    await server.start()
    web, others = await ways(desk, store, clock, f"http://127.0.0.1:{server.port}") if ways else (WebSettings(), Ways())
    late.app = create_app(
        desk, web, clock, zone=lambda: "Europe/Warsaw", api=parts, console=console, ways=others, **app
    )
    return House(store, desk, clock, server, bell, people)


async def stop(house: House) -> None:
    await house.server.stop()
    await house.store.close()
