"""A web server over the real desk and the real store, with mails that wait in it, and time that stands still."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from mailguard import tokens
from mailguard.desk import Desk
from mailguard.log import Log
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.metrics import Metrics
from mailguard.notices import NoticeSettings, render
from mailguard.notices.words import clean
from mailguard.people import Directory, Organization, People, Person
from mailguard.records import (
    Action,
    AttachmentInfo,
    Capability,
    Delivery,
    Hit,
    Hold,
    Mail,
    Mode,
    NewMail,
    NewNotice,
    Notice,
    NoticeClaim,
    NoticeKind,
    Outcome,
    Power,
    Reply,
    Requires,
    Result,
    State,
    Verdict,
)
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock, make_message
from mailguard.web import WebServer, WebSettings, create_app

ANN, BOSS, HELPER, LEX = "ann@corp.example", "ceo@corp.example", "assistant@corp.example", "lex@corp.example"
PAT, BOB, HIDDEN = "pat@client.example", "bob@client.example", "silent@partner.example"
SUBJECT = "Quote for ACME"
MINUTES = timedelta(minutes=1)
SETTINGS = NoticeSettings(sender="mailguard@corp.example")


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
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    # mails that wait
    async def held(self, *, flagged: bool = True, requires: Requires = Requires.LINK, subject: str = SUBJECT) -> str:
        """Held until its sender confirms: one colleague, one client (flagged), one in Bcc."""
        why = "has never been on a mail with the others" if flagged else ""
        to = (self._copy(PAT, flagged=why), self._copy(BOSS), self._copy(HIDDEN, visible=False, flagged=why))
        hold = Hold("unexpected-cc", "", requires=requires, expires_at=self._later())
        return await self.put(to, hold=hold, subject=subject)

    async def delayed(self, subject: str = SUBJECT) -> str:
        """Leaves by itself in five minutes."""
        to = (self._copy(BOB, held=False), self._copy(BOSS, held=False, external=False))
        return await self.put(
            to, rule="external-delay", why="2 recipients, 1 outside: bob@client.example", subject=subject
        )

    async def for_approval(self) -> str:
        """Held until Lex approves, who has to type a code."""
        to = (self._copy(PAT, flagged="under a no-contact order"), self._copy(HIDDEN, visible=False))
        hold = Hold("no-contact", "", approvers=(LEX,), requires=Requires.CODE, expires_at=self._later())
        return await self.put(to, hold=hold, rule="no-contact", why="pat@client.example: legal hold")

    async def to_boss(self) -> str:
        """The assistant's copy has left, the executive's leaves in five minutes; somebody is in Bcc."""
        copy = self._copy(HELPER, held=False, added=True, due_at=self.clock.now())
        to = (self._copy(BOSS, held=False), copy, self._copy(HIDDEN, held=False, visible=False))
        number = await self.put(to, rule="executive-assistant", why=f"to {BOSS}", subject="Cost cutting")
        await self.leave(number)
        return number

    async def put(
        self,
        to: Iterable[Delivery],
        *,
        hold: Hold | None = None,
        rule: str = "unexpected-cc",
        why: str = "pat@client.example has never been on a mail with the others",
        subject: str = SUBJECT,
        **more: Any,
    ) -> str:
        copies, number = tuple(to), f"4F7K{next(self.numbers):03}"
        raw = make_message(subject=clean(subject))
        hits = (Hit(rule, Mode.ENFORCE, Action.HOLD if hold else Action.DELAY, why),)
        verdict = Verdict(hits[0].action, holds=(replace(hold, reason=why),) if hold else (), hits=hits)
        mail = NewMail(
            number, Envelope(ANN, tuple(d.recipient for d in copies if not d.added)),
            Identity(ANN, Proof.LOGIN, "ann"), raw, hashlib.sha256(raw).digest(), self.clock.now(), (), copies,
            verdict, message_id=f"<{number}@corp.example>", subject=subject, answers=ANN,
            attachments=(AttachmentInfo("quote.pdf", "application/pdf", 48_000),), **more,
        )  # fmt: skip
        await self.store.put(mail, self.clock.now())
        return number

    def _copy(self, address: str, *, held: bool = True, **more: Any) -> Delivery:
        return waiting(address, self.clock, held=held, **more)

    def _later(self) -> datetime:
        return self.clock.now() + timedelta(hours=8)

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
        claims = await self.store.claim(
            "w", self.clock.now(), lease=timedelta(minutes=5), limit=100, per_destination=100, skip={}
        )
        for claim in claims:
            sent = Outcome(Result.SENT, Reply(250, "2.0.0", "ok"))
            await self.store.settle(claim, {d.id: sent for d in claim.deliveries}, self.clock.now())
        assert any(claim.mail.queue_id == number for claim in claims)

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


async def build(folder: Path, **app: Any) -> House:
    """Started; `stop` ends it."""
    clock, bell = FakeClock(), Bell()
    people = People(
        Organization(name="Corp", domains=("corp.example",), zone="Europe/Warsaw"),
        Directory((Person(ANN), Person(BOSS))),
    )
    store = SqliteStore(folder / "mail.db")
    await store.open()
    desk = Desk(store, lambda: people, clock, Log(), Metrics(), bell)
    server = WebServer(create_app(desk, WebSettings(), clock, zone=lambda: "Europe/Warsaw", **app), "127.0.0.1:0")
    await server.start()
    return House(store, desk, clock, server, bell)


async def stop(house: House) -> None:
    await house.server.stop()
    await house.store.close()
