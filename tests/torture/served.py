"""A real process under load: an installation in a trial's folder, clients that never rest, and an exact account."""

import asyncio
import contextlib
import functools
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Set
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from mailguard.admin import client
from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import Installed, install
from tests.torture.fault import Trial
from tests.torture.nursery import Child, nursery

INSIDE, OUTSIDE = "bob@corp.example", "kim@client.example"
RULES = """\
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 1h}]}
"""
"""Mail to the outside waits longer than any run."""

_numbers = count(1)


@dataclass
class Load:
    """Clients that send one numbered mail after the other until they are stopped, or told to go away."""

    port: int
    to: str = INSIDE
    slow: float = 0.0  # seconds between two halves of a message
    knocking: bool = False  # comes again when it was refused or cut
    acknowledged: set[str] = field(default_factory=set)
    cut: list[str] = field(default_factory=list)  # what was asked when the connection ended without a word
    farewells: int = 0  # 421
    stopped: bool = False

    async def run(self, clients: int = 8) -> None:
        await asyncio.gather(*(self._client() for _ in range(clients)))

    async def more(self, mails: int = 1) -> None:
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + mails
        await eventually(lambda: len(self.acknowledged) >= wanted, within=30)

    async def _client(self) -> None:
        while not self.stopped:
            with contextlib.suppress(OSError):
                await self._session()
            if not self.knocking:
                return
            await asyncio.sleep(0.02)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            if not (await reader.readline()).startswith(b"220"):
                return  # it never was a session
            if await self._say(reader, writer, b"EHLO client.corp.example\r\n", "EHLO") != 250:
                return
            while not self.stopped and await self._mail(reader, writer):
                pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        name = f"<{next(_numbers)}@load.corp.example>"
        for line in ("MAIL FROM:<ann@corp.example>", f"RCPT TO:<{self.to}>", "DATA"):
            if await self._say(reader, writer, f"{line}\r\n".encode(), line) not in (250, 354):
                return False
        head = f"From: ann@corp.example\r\nTo: {self.to}\r\nMessage-ID: {name}\r\nSubject: Load\r\n\r\n".encode()
        writer.write(head + b"x" * 400 + b"\r\n")
        if self.slow:
            await asyncio.sleep(self.slow)
        if await self._say(reader, writer, b"y" * 400 + b"\r\n.\r\n", "the dot") != 250:
            return False
        self.acknowledged.add(name)
        return True

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, what: str) -> int:
        """The code of the answer; 0 when there was none."""
        try:
            writer.write(line)
            while (answer := await reader.readline())[3:4] == b"-":
                pass
        except OSError:
            answer = b""
        if not answer:
            self.cut.append(what)
            return 0
        self.farewells += answer.startswith(b"421")
        return int(answer[:3])


@contextlib.asynccontextmanager
async def installation(trial: Trial, rules: str = RULES) -> AsyncIterator[tuple[Installed, OutsideWorld]]:
    """Configured and not started; whatever runs at the end is killed."""
    sink = OutsideWorld(SystemClock())
    await sink.start()
    folder = trial.folder / "site"
    folder.mkdir()
    site = await asyncio.to_thread(install, folder, sink.port)
    write_rules(site, rules)
    try:
        yield site, sink
    finally:
        if site.process is not None:
            await kill(trial, site)
        await sink.stop()


def write_rules(site: Installed, rules: str) -> None:
    """These and no others."""
    for shipped in (site.folder / "rules").iterdir():
        shipped.unlink()
    (site.folder / "rules" / "10-only.yaml").write_text(rules)


async def launch(site: Installed, **environ: str) -> None:
    """Start it, from the nursery, without waiting until it is ready."""
    log = site.next_log()
    site.process = await asyncio.to_thread(lambda: Child(nursery(), site.config, log, environ))


async def start(site: Installed, **environ: str) -> None:
    """Ready when it returns."""
    await launch(site, **environ)
    await ready(site)


async def ready(site: Installed) -> None:
    """Until it takes mail."""
    await asyncio.to_thread(site.wait_until_ready)


async def lives(site: Installed) -> bool:
    """Whether it came so far that it takes mail, or ended before."""
    try:
        await ready(site)
    except AssertionError:
        return False
    return True


async def tell(site: Installed, verb: str, **arguments: Any) -> Any:
    """Ask the service as the command line does, without a process for it."""
    return await asyncio.to_thread(functools.partial(client.ask, site.folder / "admin.sock", verb, **arguments))


async def act(site: Installed, verb: str, queue_ids: Iterable[str]) -> None:
    for queue_id in queue_ids:
        await tell(site, "act", act=verb, queue_id=queue_id)


async def end(site: Installed, signum: int = signal.SIGTERM) -> int:
    return await asyncio.to_thread(site.end, signum)


async def kill(trial: Trial, site: Installed) -> None:
    trial.kills += 1
    await end(site, signal.SIGKILL)


async def command(site: Installed, *verb: str, code: int | None = 0) -> str:
    """Run a verb as a process of its own: what it said. It ends with `code` (None: any)."""
    said = site.folder / f"said-{next(_numbers)}"
    process = await asyncio.to_thread(lambda: Child(nursery(), site.config, said, {}, verb))
    found = await asyncio.to_thread(process.wait)
    text = said.read_text("utf-8")
    assert code is None or found == code, f"{verb}: exit {found}\n{text}"
    return text


async def rows(site: Installed, state: str = "waiting") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await tell(site, "list", state=state, limit=100_000)
    return found


async def emptied(site: Installed) -> None:
    """Until nothing waits and nothing is on the wire."""

    async def empty() -> bool:
        return not await rows(site) and not await rows(site, "sending")

    await eventually(empty, within=60)


def events(site: Installed, event: str) -> list[dict[str, Any]]:
    whole = site.log.rpartition("\n")[0]  # the last line may be half there
    lines = (json.loads(line) for line in whole.splitlines() if event in line and line.startswith("{"))
    return [line for line in lines if line["event"] == event]


def arrivals(sink: OutsideWorld) -> Counter[str]:
    """How often each mail arrived outside, by Message-ID; notices apart."""
    return Counter(str(mail.message["Message-ID"]) for mail in sink.caught if not mail.is_notice)


def account(trial: Trial, acknowledged: Set[str], arrived: Counter[str], waiting: Set[str] = frozenset()) -> None:
    """Count what was acknowledged and is nowhere, and what arrived more than once."""
    trial.accepted += len(acknowledged)
    trial.lost += len(acknowledged - arrived.keys() - waiting)
    trial.duplicated += sum(times - 1 for times in arrived.values())


def database(site: Installed) -> Path:
    return site.folder / "mail.db"
