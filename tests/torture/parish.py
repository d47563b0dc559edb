"""A site for kills: five kinds of mail, people who act on them, two places to go to, and books that are compared."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailguard.clock import SystemClock
from mailguard.demo.world import Caught, OutsideWorld
from mailguard.testing import eventually
from tests.torture.fault import Trial
from tests.torture.nursery import Child, Nursery
from tests.torture.served import end, installation, ready, tell

BOB, LEE, KIM, MO, NOBODY = (
    "bob@corp.example", "lee@corp.example", "kim@client.example", "mo@other.example", "gone@nobody.example",
)  # fmt: skip
RULES = """\
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 1s}]}
  - {id: back, when: {header: {name: Subject, is: back}},
     then: [{hold: {until: sender_confirms, expires: 1s, on_expiry: return}}]}
  - {id: on, when: {header: {name: Subject, is: "on"}},
     then: [{hold: {until: sender_confirms, expires: 1s, on_expiry: send}}]}
"""
KINDS: dict[str, tuple[tuple[str, ...], int]] = {
    "at once": ((BOB,), 500),
    "delayed": ((KIM,), 500),
    "to five": ((BOB, LEE, KIM, MO, NOBODY), 500),
    "back": ((BOB,), 500),
    "on": ((LEE, KIM), 500),
    "large": ((BOB, KIM), 600_000),
}
"""Subject → recipients, and the length of the text."""

_ID = re.compile(rb"<(\d+-\w+)@parish\.example>")
_nursery: list[Nursery] = []


class Sink(OutsideWorld):
    """Knows nobody at nobody.example, and may take its time with the answer to the final dot."""

    pause = 0.0

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == NOBODY:
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(self.pause)
        return answer


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail that was answered 250."""

    name: str  # its Message-ID without brackets and domain
    queue_id: str
    recipients: tuple[str, ...]
    text: bytes


@dataclass
class Parish:
    """One installation and everybody around it."""

    trial: Trial
    site: Any
    sinks: list[Sink]
    acknowledged: list[Letter] = field(default_factory=list)
    undecided: int = 0
    sent: int = 0

    # --- the service ---
    async def start(self, failpoints: str = "", *, wait: bool = True) -> None:
        if not _nursery:
            _nursery.append(Nursery())
        log = self.site.folder / f"log-{len(self.site.logs)}.jsonl"
        log.touch()
        self.site.logs.append(log)
        environ = {"MAILGUARD_FAILPOINTS": failpoints}
        self.site.process = cast(Any, await asyncio.to_thread(Child, _nursery[0], self.site.config, log, environ))
        if wait:
            await ready(self.site)

    async def lives(self) -> bool:
        """Whether it came so far that it takes mail."""
        try:
            await ready(self.site)
        except AssertionError:
            return False
        return True

    async def died(self, within: float = 20.0) -> None:
        """By its own hand, at the failpoint."""
        code = await asyncio.to_thread(self.site.process.wait, within)
        assert code == -9, f"exit {code}: {self.site.log[-2000:]}"
        self.site.process = None
        self.trial.kills += 1

    async def killed(self) -> None:
        self.trial.kills += 1
        await end(self.site, 9)

    async def stopped(self) -> None:
        assert await end(self.site) == 0, self.site.log[-2000:]

    # --- the people ---
    async def load(self, mails: int = 24, clients: int = 4) -> None:
        """Mail of every kind, and hands that cancel, drop and send; it ends with the service, or when all is sent."""
        kinds = [*KINDS, *self.trial.dice.choices(list(KINDS), k=max(0, mails - len(KINDS)))]
        self.trial.dice.shuffle(kinds)
        people = asyncio.create_task(self._people())
        await asyncio.gather(*(self._client(kinds[start::clients]) for start in range(clients)))
        people.cancel()
        await asyncio.gather(people, return_exceptions=True)

    async def _client(self, kinds: list[str]) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.site.ports["plain"])
            try:
                await _answer(reader)
                await _ask(reader, writer, "EHLO client.corp.example")
                for kind in kinds:
                    await self._mail(reader, writer, kind)
            finally:
                writer.close()

    async def _mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str) -> None:
        recipients, length = KINDS[kind]
        self.sent += 1
        name = f"{self.sent}-{self.trial.number}x"
        text = (f"{name} ".encode() * (length // (len(name) + 1) + 1))[:length]
        text = b"\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + b"\r\n"
        head = (
            f"From: ann@corp.example\r\nTo: {', '.join(recipients)}\r\n"
            f"Message-ID: <{name}@parish.example>\r\nSubject: {kind}\r\n\r\n"
        )
        await _ask(reader, writer, "MAIL FROM:<ann@corp.example>")
        for one in recipients:
            await _ask(reader, writer, f"RCPT TO:<{one}>")
        await _ask(reader, writer, "DATA")
        for piece in (head.encode(), text[: length // 2], text[length // 2 :], b".\r\n"):
            writer.write(piece)
            await writer.drain()
        code, said = await _answer(reader)
        if code == "250":
            found = re.search(r"\b[0-9A-HJKMNP-TV-Z]{13}\b", said)
            assert found, said
            self.acknowledged.append(Letter(name, found[0], recipients, text))
            self.undecided += "undecided" in said

    async def _people(self) -> None:
        """One act after the other on mail that waits."""
        with contextlib.suppress(Exception):  # the service was killed under their hands
            while True:
                await asyncio.sleep(0.02)
                waiting = [m for m in await tell(self.site, "list", state="waiting", limit=100) if m["sender"]]
                if not waiting:
                    continue
                mail = self.trial.dice.choice(waiting)
                verb = self.trial.dice.choice(["cancel", "send", "drop"])
                whom = [mail["deliveries"][0]["address"]] if verb == "drop" else []
                await tell(self.site, "act", act=verb, queue_id=mail["queue_id"], recipients=whom)

    # --- the books ---
    async def settled(self, *, count: bool = True) -> None:
        """Until the books balance; then they are counted, once a run."""
        complaints = ["never looked"]

        async def balanced() -> bool:
            nonlocal complaints
            complaints = self.complaints(await tell(self.site, "list", state="", limit=100_000))
            return not complaints

        try:
            await eventually(balanced, within=30)
        except AssertionError as error:
            raise AssertionError(f"{error}; {len(complaints)} complaints: {complaints[:5]}") from None
        if count:
            self._count(await tell(self.site, "list", state="", limit=100_000))

    def complaints(self, rows: list[dict[str, Any]]) -> list[str]:
        """What is not as it must be in the end."""
        mails = {row["queue_id"]: row for row in rows}
        arrived, told = self._arrived(), self._told()
        found = [
            f"{row['queue_id']} to {d['address']} is {d['state']}"
            for row in rows
            for d in row["deliveries"]
            if d["state"] in ("held", "queued", "sending")
        ]
        for letter in self.acknowledged:
            row = mails.get(letter.queue_id)
            states = {d["address"]: d["state"] for d in row["deliveries"]} if row else {}
            for person in letter.recipients:
                found += _wrong(letter, person, states.get(person, "nowhere"), arrived[letter.name, person])
            ended = set(states.values())
            if "failed" in ended and not told["report", letter.name]:
                found.append(f"{letter.queue_id}: its sender has no report")
            if ended == {"cancelled"} and not told["returned", letter.name]:
                found.append(f"{letter.queue_id}: it did not come back")
        return found

    def _count(self, rows: list[dict[str, Any]]) -> None:
        self.trial.accepted += len(self.acknowledged)
        arrived, told = self._arrived(), self._told()
        attempts = {
            (found[1].decode(), d["address"]): (d["state"], d["attempts"])
            for row in rows
            if (found := _ID.match(row["message_id"].encode()))
            for d in row["deliveries"]
        }
        for copy, times in arrived.items():
            assert copy in attempts, f"{copy} arrived and is in no book"
            state, tries = attempts[copy]
            assert state == "sent", f"{copy} arrived and is {state}"
            assert tries >= times, f"{copy} arrived {times} times in {tries} attempts"
            self.trial.duplicated += times - 1
        if not self.trial.kills:
            assert all(times == 1 for times in told.values()), f"told twice: {told}"

    def _arrived(self) -> Counter[tuple[str, str]]:
        """(name, recipient) → how often it arrived, whole."""
        texts = {letter.name: letter.text for letter in self.acknowledged}
        found: Counter[tuple[str, str]] = Counter()
        for mail in self._caught():
            if not mail.is_notice and (name := _ID.search(mail.raw[:4000])):
                text = texts.get(name[1].decode())
                assert text is None or mail.raw.endswith(b"\r\n\r\n" + text), f"{name[1]!r}: other bytes arrived"
                found.update((name[1].decode(), person) for person in mail.recipients)
        return found

    def _told(self) -> Counter[tuple[str, str]]:
        """(report or returned, name) → how often the sender was told."""
        found: Counter[tuple[str, str]] = Counter()
        for mail in self._caught():
            if mail.is_notice and (name := _ID.search(mail.raw)):
                report = b"report-type=delivery-status" in mail.raw or b"message/delivery-status" in mail.raw
                attached = report or b"message/rfc822" in mail.raw
                if attached:
                    found["report" if report else "returned", name[1].decode()] += 1
        return found

    def _caught(self) -> list[Caught]:
        return [mail for sink in self.sinks for mail in sink.caught]


def _wrong(letter: Letter, person: str, state: str, arrived: int) -> list[str]:
    where = f"{letter.queue_id} to {person}"
    if state == "nowhere":
        return [f"{where} was acknowledged and is lost"]
    if state == "sent" and not arrived:
        return [f"{where} is sent and did not arrive"]
    return []


async def _answer(reader: asyncio.StreamReader) -> tuple[str, str]:
    while (line := await reader.readuntil(b"\n"))[3:4] == b"-":
        pass
    return line[:3].decode(), line[4:].decode()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(line.encode() + b"\r\n")
    code, said = await _answer(reader)
    if code not in ("250", "354"):
        raise ValueError(f"{line}: {code} {said}")


@contextlib.asynccontextmanager
async def parish(trial: Trial) -> AsyncIterator[Parish]:
    """Configured, not started; whatever runs at the end is killed."""
    async with installation(trial, RULES) as (site, _):
        sinks = [Sink(SystemClock()), Sink(SystemClock())]
        for sink in sinks:
            await sink.start()
        inside, outside = (f"127.0.0.1:{sink.port}" for sink in sinks)
        _rewrite(site.config, inside, outside)
        try:
            yield Parish(trial, site, sinks)
        finally:
            for sink in sinks:
                await sink.stop()


def _rewrite(config: Path, inside: str, outside: str) -> None:
    text = config.read_text("utf-8")
    text = re.sub(
        r"next_hop: .*",
        f'next_hop: {{smarthost: "{inside}", tls: none, '
        f'routes: {{client.example: {{smarthost: "{outside}", tls: none}}}}}}',
        text,
    )
    text = text.replace("notices: {", "notices: {digest: {over: 100000, within: 1s}, ")
    config.write_text(text, "utf-8")
