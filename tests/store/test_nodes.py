"""Two processes' worth of rooms on one PostgreSQL: what one of them decides, the other knows."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from mailguard.clock import SystemClock
from mailguard.curbs import Bypass, Curbs, Reasons
from mailguard.errors import ConfigError, TemporaryFailure
from mailguard.log import Log
from mailguard.nodes import Nodes
from mailguard.people import Directory, Organization, People
from mailguard.people.access import Access
from mailguard.people.alerts import Alerts
from mailguard.records import Actor
from mailguard.rules.settings import HoldSettings
from mailguard.store.postgres import PostgresStore, server
from mailguard.testing import eventually
from tests.postgres import Postgres

OURS = Organization(name="Corp", domains=("corp.example",))
OPS = Actor("ops", "command line")


@dataclass
class OneNode:
    """What of a service the others can change."""

    url: str
    broken: bool = False  # its files are wrong
    reloads: list[str] = field(default_factory=list)
    thawed: list[str] = field(default_factory=list)
    bereaved: int = 0
    trouble: int = 0  # so often it fails to see to that

    async def start(self) -> None:
        clock, log, people = SystemClock(), Log(stream=io.StringIO()), People(OURS, Directory())
        self.store = PostgresStore(self.url)
        alerts = Alerts("ops@corp.example", Access, lambda: people)
        reasons = Reasons(lambda: people, HoldSettings(fallback="ops@corp.example"))
        self.curbs = Curbs(self.store, reasons, clock, log, alerts, lambda: None)
        self.bypass = Bypass(self.store, clock, log, alerts, lambda: None)
        self.nodes = Nodes(
            self.store, clock, log, (self._thaw, self.bypass.refresh), self._reload,
            lambda: {"rules": f"rules-{len(self.reloads)}", "failed": "people.yaml:3" if self.broken else ""},
            self._lose,
        )  # fmt: skip
        await self.store.open()
        await self.curbs.start(None)
        await self.bypass.start()
        await self.nodes.start()

    async def stop(self) -> None:
        await self.nodes.stop()
        await self.bypass.stop()
        await self.curbs.stop(1.0)
        await self.store.close()

    async def _thaw(self) -> None:
        self.thawed += await self.curbs.refresh()

    async def _lose(self) -> None:
        if self.trouble:
            self.trouble -= 1
            raise TemporaryFailure("away")
        self.bereaved += 1

    async def _reload(self, actor: str) -> None:
        if self.broken:
            raise ConfigError("people.yaml:3")
        self.reloads.append(actor)


@pytest.fixture
async def pair(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[OneNode, OneNode]]:
    monkeypatch.setattr(server, "BEAT_SECONDS", 0.1)
    url = postgres.fresh()
    one, other = OneNode(url), OneNode(url)
    await one.start()
    await other.start()
    yield one, other
    await one.stop()
    await other.stop()


async def test_a_bypass_is_everybodys_and_ends_once(pair: tuple[OneNode, OneNode], postgres: Postgres) -> None:
    one, other = pair
    await one.bypass.begin(timedelta(hours=1), "the rules hold everything", OPS)
    await eventually(lambda: other.bypass.now)
    assert other.bypass.now == one.bypass.now
    await other.bypass.end(OPS)
    await eventually(lambda: one.bypass.now is None)
    await one.bypass.begin(timedelta(seconds=1), "again, and both see its end", OPS)
    await eventually(lambda: other.bypass.now)
    await eventually(lambda: not one.bypass.now and not other.bypass.now)
    schema = one.url.rpartition("search_path=")[2]
    ended = f"SELECT count(*) FROM {schema}.event WHERE kind = 'bypass.ended'"
    await eventually(lambda: postgres.say(ended) == "2")
    await one.bypass.begin(timedelta(hours=1), "once more, which the other hears after whatever it did", OPS)
    await eventually(lambda: other.bypass.now)
    assert postgres.say(ended) == "2"


async def test_news_of_before_its_end_does_not_bring_a_bypass_back(
    pair: tuple[OneNode, OneNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is told that it is over, it is over here: mail that comes in then is guarded."""
    one, _ = pair
    await one.bypass.begin(timedelta(hours=1), "the rules hold everything", OPS)
    remember, told = one.store.remember, asyncio.Event()

    async def slowly(*args: Any, **kwargs: Any) -> None:
        await told.wait()
        await remember(*args, **kwargs)

    monkeypatch.setattr(one.store, "remember", slowly)
    ending = asyncio.create_task(one.bypass.end(OPS))
    await asyncio.sleep(0)
    await one.bypass.refresh()
    assert one.bypass.now is None
    told.set()
    assert await ending
    await one.bypass.refresh()
    assert one.bypass.now is None


async def test_who_is_frozen_at_one_is_frozen_at_the_other_until_either_thaws(pair: tuple[OneNode, OneNode]) -> None:
    one, other = pair
    one.curbs.freeze("login ann", "ann", "three times her quota")
    await eventually(lambda: other.curbs.frozen("login ann"))
    (standing,) = other.curbs.all_frozen
    assert (standing.login, standing.why) == ("ann", "three times her quota")
    assert await other.curbs.thaw("login ann", OPS)
    await eventually(lambda: not one.curbs.frozen("login ann"))
    await eventually(lambda: one.thawed == ["login ann"])
    assert not other.curbs.frozen("login ann")


async def test_a_reload_reaches_all_and_says_where_it_could_not(pair: tuple[OneNode, OneNode]) -> None:
    one, other = pair
    one.reloads.append("ops")
    await one.nodes.tell("ops")
    assert {node.about["rules"] for node in await one.nodes.followed(10)} == {"rules-1"}
    assert other.reloads == ["ops"]
    other.broken = True
    await one.nodes.tell("ops")
    said = {node.name: node.about["failed"] for node in await one.nodes.followed(10)}
    assert said == {one.store.node: "", other.store.node: "people.yaml:3"}
    assert one.reloads == ["ops"], "who asked is not asked"


async def test_one_that_is_silent_is_no_node_any_more_and_nobody_waits_for_it(
    pair: tuple[OneNode, OneNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    assert len(await one.store.nodes()) == 2
    monkeypatch.setattr(server, "SILENT", 1_000_000)
    assert other.store._beating is not None
    other.store._beating.cancel()
    await one.nodes.tell("ops")
    assert [node.name for node in await one.nodes.followed(20)] == [one.store.node]


async def test_all_take_one_anothers_pages(pair: tuple[OneNode, OneNode]) -> None:
    one, other = pair
    assert await one.store.secret() == await other.store.secret() != b""


async def test_who_came_later_and_is_gone_is_missed_also_when_the_store_is_away_for_a_moment(
    pair: tuple[OneNode, OneNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    monkeypatch.setattr("mailguard.nodes.PATIENCE", (0.01,))
    one.trouble = 1
    await eventually(lambda: one.store.at_work == 2)
    await other.store.close()
    await eventually(lambda: one.bereaved == 1)
    assert one.store.at_work == 1
