"""Three processes share a database: one is killed, one stopped for twice its lease, one cut off. Nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mailguard.records import State
from mailguard.store.base import Filter
from mailguard.store.postgres import PostgresStore
from mailguard.testing import eventually
from tests.postgres import Postgres
from tests.store.cutting import cutting
from tests.store.making import NOW, mail

MAILS = 60
LEASE = 2.0


class Node:
    """A process of `tests.store.node`."""

    def __init__(self, url: str, folder: Path, lease: float = LEASE, wire: float = 0.05) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.node", url, folder, str(lease)],
            env={**os.environ, "WIRE_SECONDS": str(wire)},
        )

    @property
    def ready(self) -> bool:
        return (self.folder / f"{self.process.pid}.ready").exists()

    @property
    def dots(self) -> list[str]:
        """What it brought to the final dot."""
        path = self.folder / f"{self.process.pid}.dots"
        return path.read_text().split() if path.exists() else []

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@pytest.mark.timeout(300)
async def test_no_mail_is_lost_with_a_node_and_what_arrives_twice_was_at_the_dot(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.fresh()
    async with cutting(postgres.folder, tmp_path) as cutter:
        store = PostgresStore(url)
        await store.open()
        others = [url, url, url.replace(str(postgres.folder), str(tmp_path))]
        nodes = [Node(one, tmp_path) for one in others]
        try:
            await eventually(lambda: all(node.ready for node in nodes), within=120)
            for number in range(MAILS):
                await store.put(mail(f"Q{number}"), NOW)
            await eventually(lambda: all(node.dots for node in nodes), within=60)
            nodes[0].process.kill()
            os.kill(nodes[1].process.pid, signal.SIGSTOP)
            cutter.sever()
            await asyncio.sleep(2 * LEASE)
            os.kill(nodes[1].process.pid, signal.SIGCONT)
            cutter.away = False

            async def over() -> bool:
                found = await store.find(Filter(limit=MAILS))
                return all(d.state is State.SENT for one in found for d in one.deliveries)

            await eventually(over, within=120)
        finally:
            for node in nodes:
                node.end()
        await store.close()
    arrived = Counter(name for node in nodes for name in node.dots)
    assert len(arrived) == MAILS
    twice = [name for name, times in arrived.items() if times > 1]
    # Of each node that was interrupted, at most what it had brought to the dot and not yet settled: one mail.
    assert len(twice) <= len(nodes)
    assert all(times == 2 for name, times in arrived.items() if name in twice)


async def test_who_starts_after_a_kill_waits_for_no_lease_and_takes_nothing_from_the_living(
    postgres: Postgres, tmp_path: Path
) -> None:
    """The store's own lease is half an hour: too long for a mail whose process is known to be gone."""
    url = postgres.fresh()
    store = PostgresStore(url)
    await store.open()
    node = Node(url, tmp_path, 1800, wire=60)
    try:
        await store.put(mail("Q1"), NOW)
        await eventually(lambda: node.ready, within=60)

        async def sending() -> bool:
            (found,) = await store.find(Filter(limit=1))
            return found.deliveries[0].state is State.SENDING

        await eventually(sending, within=60)
        assert await store.reclaim(NOW, everything=True) == 0, "it is at work"
        node.end()
        assert await store.reclaim(NOW, everything=True) == 1
    finally:
        node.end()
        await store.close()
