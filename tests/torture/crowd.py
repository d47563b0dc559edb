"""The installed service with a crowd in front of it: its peak of memory, and how long a well-behaved sender waits."""

import asyncio
import contextlib
import re
import resource
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

from mailguard.testing import eventually
from tests.installed import Installed, install
from tests.torture.fault import Trial
from tests.unit.courier.peer import Peer
from tests.unit.smtpd.peer import Client

PATIENCE = 10.0  # seconds a well-behaved sender waits at most for one mail, on a machine that is busy with the attack
HONEST = "127.0.0.9"  # where it connects from
OPENING = "MAIL FROM:<ann@corp.example>\r\nRCPT TO:<bob@corp.example>\r\nDATA\r\n"
_NUMBER = re.compile(rb"^X-Number: (\d+)\r?$", re.MULTILINE)


@dataclass
class Crowd:
    """`waits`: seconds from connecting to the 250, of every mail the well-behaved sender sent.

    The next hop is on the loop of those who measure: a `Peer` takes a mail in large pieces, because one that read the
    attack line by line would keep the clocks waiting, and not the service.
    """

    installed: Installed
    world: Peer
    waits: list[float] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    async def client(self, source: str = "127.0.0.1", *, greet: bool = True) -> Client:
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        client = Client(*streams)
        self.clients.append(client)
        if greet:
            await client.greet()
        return client

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.installed.folder / "ca.pem")

    @property
    def port(self) -> int:
        return self.installed.ports["plain"]

    @property
    def peak(self) -> int:
        """The most memory it ever had, in MB."""
        assert self.installed.process is not None
        status = Path(f"/proc/{self.installed.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10

    async def send(self) -> None:
        """One ordinary mail by the well-behaved sender."""
        number, began = len(self.waits), time.monotonic()
        client = await self.client(HONEST)
        await client.envelope("ann@corp.example", "bob@corp.example")
        said = await client.data(
            f"From: ann@corp.example\r\nTo: bob@corp.example\r\nMessage-ID: <{number}@corp.example>\r\n"
            f"X-Number: {number}\r\n\r\nHello\r\n".encode()
        )
        assert said.startswith("250 2.0.0 queued"), said
        self.waits.append(time.monotonic() - began)
        client.close()

    async def steadily(self) -> None:
        while True:
            await self.send()
            await asyncio.sleep(0.02)

    async def arrived(self) -> Counter[int]:
        """How often each of those mails came out; waits for all of them."""

        def count() -> Counter[int]:
            found = (_NUMBER.search(mail.data) for mail in self.world.arrived)
            return Counter(int(each[1]) for each in found if each)

        with contextlib.suppress(AssertionError):
            await eventually(lambda: len(count()) >= len(self.waits), within=30)
        return count()


@asynccontextmanager
async def crowd(trial: Trial, cap: int, limits: str = "{}") -> AsyncIterator[Crowd]:
    """Everything inside happens while the well-behaved sender sends; asserted afterwards: at most `cap` MB, nobody
    waited longer than PATIENCE, and all that was acknowledged came out once.
    """
    world = await Peer().start()
    folder = Path(tempfile.mkdtemp(dir=trial.folder))
    installed = await asyncio.to_thread(install, folder, world.port)
    settings = installed.config.read_text()
    installed.config.write_text(settings.replace("  users: {", f"  limits: {limits}\n  users: {{"))
    await asyncio.to_thread(installed.start)
    here = Crowd(installed, world)
    try:
        for _ in range(10):
            await here.send()
        before, idle = here.peak, max(here.waits)
        sender = asyncio.create_task(here.steadily())
        try:
            yield here
        finally:
            sender.cancel()
            ended = await asyncio.gather(sender, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended
        arrivals = await here.arrived()
        trial.accepted += len(here.waits)
        trial.lost += len(set(range(len(here.waits))) - set(arrivals))
        trial.duplicated += sum(arrivals.values()) - len(arrivals)
        trial.note = (
            f"{trial.note}{here.peak} MB at most ({before} before); longest wait of another sender"
            f" {max(here.waits) * 1000:.0f} ms ({idle * 1000:.0f} without)"
        )
        assert here.peak <= cap, trial.note
        assert max(here.waits) < PATIENCE, trial.note
        assert "Traceback" not in installed.log
    finally:
        for client in here.clients:
            client.close()
        if installed.process is not None:
            await asyncio.to_thread(installed.end, SIGKILL)
        await world.stop()


def sockets(wanted: int) -> int:
    """So many of `wanted` connections as this process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted + 500)), hard))
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
