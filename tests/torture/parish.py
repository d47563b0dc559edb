"""A site for kills: every kind of mail, people who act on it, two places to go to, and books that are compared."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mailguard.testing import eventually
from tests.postgres import Postgres
from tests.torture.books import Books, InFile, Kept, Letter, OnServer
from tests.torture.fault import Trial
from tests.torture.served import database, end, installation, launch, lives, ready, tell
from tests.torture.sink import NOBODY, Sink, hello

BOB, LEE, JAN, EVA, TOM, KIM, UMA, MO = (
    "bob@corp.example", "lee@corp.example", "jan@corp.example", "eva@corp.example", "tom@corp.example",
    "kim@client.example", "uma@client.example", "mo@other.example",
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
    "five in one": ((BOB, LEE, JAN, EVA, TOM), 500),
    "two and three": ((KIM, UMA, BOB, LEE, JAN), 500),
    "back": ((BOB,), 500),
    "on": ((LEE, KIM), 500),
    "large": ((BOB, KIM), 600_000),
    "one large": ((BOB,), 600_000),
}
"""Subject → recipients, and the length of the text."""


@dataclass
class Parish:
    """One installation and everybody around it."""

    trial: Trial
    site: Any
    sinks: list[Sink]
    kept: Kept
    letters: list[Letter] = field(default_factory=list)  # whose final dot was sent, acknowledged or not
    lives: dict[int, str] = field(default_factory=dict)  # number → killed, erred, stopped or running
    stopped_mails: set[str] = field(default_factory=set)
    spared: dict[str, str] = field(default_factory=dict)  # kind → name of the first of it: nobody touches that
    undecided: int = 0
    begun: int = 0  # mails

    # --- the service ---
    async def start(self, failpoints: str = "", *, wait: bool = True) -> None:
        self.lives[len(self.lives) + 1] = "running"
        _edit(self.site.config, r"hostname: .*", f"hostname: {hello(len(self.lives))}")
        await launch(self.site, MAILGUARD_FAILPOINTS=failpoints)
        if wait:
            await ready(self.site)

    async def takes_mail(self) -> bool:
        """Whether it came so far that it takes mail."""
        return await lives(self.site)

    async def dead(self, within: float) -> bool:
        """Whether it has ended, in so many seconds at most."""
        try:
            await eventually(lambda: self.site.process.poll() is not None, within=within)
        except AssertionError:
            return False
        return True

    async def died(self, within: float = 20.0) -> None:
        """By its own hand, at the failpoint."""
        code = await asyncio.to_thread(self.site.process.wait, within)
        assert code == -9, f"exit {code}: {self.site.log[-2000:]}"
        self.site.process = None
        self._ended("killed")

    async def killed(self) -> None:
        await end(self.site, 9)
        self._ended("killed")

    async def stopped(self) -> None:
        assert await end(self.site) == 0, self.site.log[-2000:]
        self._ended("stopped")

    def seen_to_err(self) -> bool:
        """Whether the planted error is in the log."""
        return "Planted" in self.site.log

    async def erred(self) -> None:
        """Ended in order, by itself or now, after an error that may have cut off what it did."""
        code = await end(self.site)
        assert code in (0, 1), f"exit {code}: {self.site.log[-2000:]}"
        self._ended("erred")

    def _ended(self, how: str) -> None:
        self.trial.kills += how == "killed"
        self.lives[len(self.lives)] = how

    def without_archive(self) -> None:
        """As a version that knew of none."""
        _edit(self.site.config, r"archive: .*", "# no archive")

    def next_hop(self, dot: bool = True, *, pause: float = 0.0, large_passes: bool = False) -> None:
        """From now on: whether it lets mail come to its final dot, and how long it thinks about it."""
        for sink in self.sinks:
            sink.pause, sink.large_passes = pause, large_passes
            sink.open.set() if dot else sink.open.clear()

    # --- the people ---
    async def load(self, mails: int = 24, clients: int = 4) -> None:
        """Mail of every kind, and hands that cancel, drop and send; it ends with the service, or when all is sent."""
        kinds = [*KINDS, *self.trial.dice.choices(list(KINDS), k=max(0, mails - len(KINDS)))]
        self.trial.dice.shuffle(kinds)
        enough = asyncio.Event()
        people = asyncio.create_task(self._people(enough))
        await asyncio.gather(*(self.send(kinds[start::clients]) for start in range(clients)))
        enough.set()
        await people  # not cut off: the service would still do what it was asked, after `_let_go`

    async def send(self, kinds: list[str]) -> None:
        """One mail after the other, until the service is gone."""
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
        self.begun += 1
        name = f"{self.begun}-{self.trial.number}x"
        self.spared.setdefault(kind, name)
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
        raw = head.encode() + text
        for piece in (raw[: -length // 2], raw[-length // 2 :], b".\r\n"):
            writer.write(piece)
            await writer.drain()
        letter = Letter(name, recipients, raw)
        self.letters.append(letter)
        code, said = await _answer(reader)
        if code == "250":
            found = re.search(r"\b[0-9A-HJKMNP-TV-Z]{13}\b", said)
            assert found, said
            self.letters[self.letters.index(letter)] = replace(letter, queue_id=found[0])
            self.undecided += "undecided" in said

    async def _people(self, enough: asyncio.Event) -> None:
        """One act after the other on mail that waits."""
        with contextlib.suppress(Exception):  # the service was killed under their hands
            while not enough.is_set():
                await asyncio.sleep(0.02)
                spared = {f"<{name}@parish.example>" for name in self.spared.values()}
                rows = await tell(self.site, "list", state="waiting", limit=100)
                waiting = [row for row in rows if row["sender"] and row["message_id"] not in spared]
                if not waiting:
                    continue
                mail = self.trial.dice.choice(waiting)
                verb = self.trial.dice.choice(["cancel", "send", "drop", "stop"])
                whom = [mail["deliveries"][0]["address"]] if verb == "drop" else []
                if verb == "stop":
                    self.stopped_mails.add(mail["queue_id"])
                await tell(self.site, "act", act=verb, queue_id=mail["queue_id"], recipients=whom)

    # --- the books ---
    async def settled(self, *, judge: bool = True) -> None:
        """Until the books balance; then they are judged and counted, once a run."""
        await self._let_go()
        unsettled = ["never looked"]

        async def balanced() -> bool:
            nonlocal unsettled
            unsettled = (await self._books()).unsettled()
            return not unsettled

        try:
            await eventually(balanced, within=30)
        except AssertionError as error:
            raise AssertionError(f"{error}; {len(unsettled)} complaints: {unsettled[:5]}") from None
        if judge:
            await self._judge()

    async def _let_go(self) -> None:
        """What was stopped waits for days; what a rule failed on waits for an approver."""
        for queue_id in self.stopped_mails:
            await tell(self.site, "act", act="send", queue_id=queue_id)
        for mail in await tell(self.site, "list", state="held", limit=1000):
            if not {"back", "on"} & set(mail["rules"]):
                await tell(self.site, "act", act="cancel", queue_id=mail["queue_id"])

    async def _judge(self) -> None:
        books = await self._books()
        cut = [number for number, ending in self.lives.items() if ending in ("killed", "erred")]
        kept = await asyncio.to_thread(self.kept.stored)
        cut_off = await asyncio.to_thread(self.kept.interrupted, books.suspects())
        wrong = books.wrong(cut, cut_off, kept)
        assert not wrong, f"{len(wrong)} promises broken: {wrong[:5]}"
        self.trial.accepted += sum(bool(letter.queue_id) for letter in self.letters)
        self.trial.duplicated += books.duplicated()

    def arrived(self) -> int:
        """Copies of people's mail."""
        return sum(len(one.recipients) for sink in self.sinks for one in sink.arrivals if not one.told)

    async def _books(self) -> Books:
        rows = await tell(self.site, "list", state="", limit=100_000)
        archive = "archive: " in await asyncio.to_thread(self.site.config.read_text, "utf-8")
        return Books(self.letters, rows, [one for sink in self.sinks for one in sink.arrivals], archive)


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
async def parish(trial: Trial, server: Postgres | None = None) -> AsyncIterator[Parish]:
    """Configured, not started; whatever runs at the end is killed. The store is a file, or on this server."""
    async with installation(trial, RULES) as (site, _):
        sinks = [Sink(), Sink()]
        for sink in sinks:
            await sink.start()
        inside, outside = (f"127.0.0.1:{sink.port}" for sink in sinks)
        _edit(
            site.config, r"next_hop: .*",
            f'next_hop: {{smarthost: "{inside}", tls: none, '
            f'routes: {{client.example: {{smarthost: "{outside}", tls: none}}}}}}',
        )  # fmt: skip
        _edit(site.config, r"next_hop:", "archive: {to: journal@archive.example}\nnext_hop:")
        _edit(site.config, r"notices: {", "notices: {digest: {over: 100000, within: 1s}, ")
        kept: Kept = InFile(database(site))
        if server is not None:
            url = await asyncio.to_thread(server.fresh)
            _edit(site.config, r"store: .*", f"store: {url}")
            kept = OnServer(server, url.rpartition("search_path=")[2])
        try:
            yield Parish(trial, site, sinks, kept)
        finally:
            for sink in sinks:
                await sink.stop()


def _edit(config: Path, pattern: str, new: str) -> None:
    config.write_text(re.sub(pattern, new, config.read_text("utf-8")), "utf-8")
