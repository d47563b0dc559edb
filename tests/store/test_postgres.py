"""What only a store that several share can get wrong: who has what, and what became of a commit nobody heard of."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailguard import process
from mailguard.audit import Walk
from mailguard.clock import SystemClock
from mailguard.errors import ClaimLost, ConfigError, MailChanged, TemporaryFailure
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Ending, State
from mailguard.store.base import Filter
from mailguard.store.places import place
from mailguard.store.postgres import PostgresStore, lanes, server
from mailguard.store.postgres.bridge import wait
from mailguard.store.postgres.server import connect
from mailguard.store.statements import migrations
from mailguard.testing import FakeClock, eventually
from tests.postgres import Postgres
from tests.store.cutting import cutting
from tests.store.making import ADMIN, ANN, LEASE, NOW, claim, hold, kinds, later, mail, settle, state

Another = Callable[[], PostgresStore]


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def another(url: str, clock: FakeClock) -> Another:
    """A node, not open, on the same database each time."""
    return lambda: PostgresStore(url, clock=clock, callers_clock=True)


@asynccontextmanager
async def nodes(another: Another, count: int) -> AsyncIterator[list[PostgresStore]]:
    found = [another() for _ in range(count)]
    await asyncio.gather(*(store.open() for store in found))  # the schema is made by one of them
    try:
        yield found
    finally:
        for store in found:
            await store.close()


def id_of(one: Any) -> str:
    return str(one.mail.queue_id)


# --- several nodes --------------------------------------------------------------------------------------------


async def test_each_copy_is_claimed_by_one_node(another: Another) -> None:
    async with nodes(another, 3) as found:
        await asyncio.gather(*(found[n % 3].put(mail(f"Q{n}"), NOW) for n in range(60)))
        taken: list[str] = []
        for _ in range(20):
            for claims in await asyncio.gather(*(claim(store, limit=4) for store in found)):
                taken += map(id_of, claims)
        assert sorted(taken) == sorted(f"Q{n}" for n in range(60))


async def test_what_a_node_left_is_taken_over_when_its_lease_ends_and_its_word_counts_no_more(another: Another) -> None:
    async with nodes(another, 2) as (slow, other):
        await slow.put(mail(), NOW)
        (late,) = await claim(slow)
        assert await other.reclaim(later(4)) == 0
        assert await other.reclaim(NOW + LEASE) == 1
        (taken,) = await claim(other, later(6))
        for word in (settle(slow, late), slow.renew(late, later(6), LEASE)):
            with pytest.raises(ClaimLost):
                await word
        await settle(other, taken)
        assert await state(slow) is State.SENT


async def test_a_node_that_starts_takes_nothing_from_those_that_work_but_what_one_left_that_stopped(
    another: Another,
) -> None:
    async with nodes(another, 2) as (one, other):
        await one.put(mail(), NOW)
        (taken,) = await claim(one)
        assert await other.reclaim(NOW, everything=True) == 0
        await settle(one, taken)
        await one.put(mail("Q2"), NOW)
        assert len(await claim(one)) == 1
        await one.close()
        assert await other.reclaim(NOW, everything=True) == 1


async def test_leases_go_by_the_databases_clock_and_not_by_that_of_a_node(url: str) -> None:
    store = PostgresStore(url)
    await store.open()
    await store.put(mail(), NOW)
    (taken,) = await claim(store, later(0), lease=timedelta(hours=1))
    assert taken.lease_until > later(0) + timedelta(hours=1)  # `NOW` is long ago by any real clock
    assert await store.reclaim(later(10**6)) == 0  # a node whose clock is years ahead
    await store.close()


async def test_a_pause_and_its_end_count_on_every_node(another: Another) -> None:
    async with nodes(another, 2) as (one, other):
        await one.put(mail(), NOW)
        await one.pause("leak", by=ADMIN, now=NOW)
        assert await claim(other) == []
        assert await other.resume(by=ADMIN, now=NOW)
        assert len(await claim(one)) == 1


async def test_of_a_cancel_and_a_claim_one_wins(another: Another) -> None:
    async with nodes(another, 2) as (one, other):
        for n in range(12):
            await one.put(mail(f"Q{n}"), NOW)
            said, claims = await asyncio.gather(one.cancel(f"Q{n}", by=ANN, now=NOW), claim(other))
            left = f"Q{n}" in map(id_of, claims)
            assert (said.ending.name == "TOO_LATE") is left
            for got in claims:
                await settle(other, got)


async def test_events_that_commit_late_are_chained_late_and_none_is_missed(another: Another) -> None:
    async with nodes(another, 2) as (one, other):
        begun, go_on = asyncio.Event(), asyncio.Event()

        def slow(db: Any) -> None:
            db.run("add_event", (None, 1, "message.held", "slow", "{}"))
            begun.set()
            wait(go_on.wait())

        writing = asyncio.create_task(one._write(slow))
        await begun.wait()
        await other.record("message.held", by=ADMIN, now=NOW)
        assert (await other.seal(NOW)) is not None
        go_on.set()
        await writing
        last = await other.seal(NOW)
        assert last is not None
        walk = Walk({}, whole=True)
        findings = [finding async for span in one.audit() for finding in walk.see(span)]
        assert (findings, list(walk.end()), last.last) == ([], [], 2)


async def test_two_nodes_that_seal_at_once_make_one_chain(another: Another) -> None:
    async with nodes(another, 3) as found:
        for n in range(5):
            await asyncio.gather(*(store.record(f"x.{n}", by=ADMIN, now=NOW) for store in found))
            await asyncio.gather(*(store.seal(NOW) for store in found))
        walk = Walk({}, whole=True)
        assert [finding async for span in found[0].audit() for finding in walk.see(span)] == []
        assert list(walk.end(15)) == []


async def test_a_conversation_that_two_nodes_begin_at_once_is_one(another: Another) -> None:
    async with nodes(another, 2) as (one, other):
        for n in range(8):
            refers: dict[str, Any] = {"references": (f"<parent{n}@x.example>",)}
            await asyncio.gather(one.put(mail(f"A{n}", **refers), NOW), other.put(mail(f"B{n}", **refers), NOW))
        rows = await one._look(lambda db: db.run("receipts", (99,)).fetchall())
        assert len(rows) == 16
        found = await one.thread("ann@corp.example", (), ("<A0@corp.example>", "<B0@corp.example>"), "")
        assert found is not None
        count = await one._look(lambda db: wait(db.raw.fetchval("SELECT count(DISTINCT thread) FROM mail")))
        assert count == 8


# --- a commit that nobody heard of ----------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_lost_during_commit_is_asked_about_and_the_mail_is_there_once(
    postgres: Postgres, url: str, tmp_path: Path, when: str
) -> None:
    async with cutting(postgres.folder, tmp_path) as cutter:
        store = PostgresStore(url.replace(str(postgres.folder), str(tmp_path)))
        await store.open()
        cutter.cut = when
        await store.put(mail(), NOW)
        assert cutter.cuts == 1
        assert [found.queue_id for found in await store.find(Filter())] == ["Q1"]
        await store.close()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_a_commit_came_to_cannot_be_told_so_the_client_hears_451_and_the_mail_never_leaves(
    postgres: Postgres, url: str, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "_ASK_SECONDS", 0.5)
    async with cutting(postgres.folder, tmp_path) as cutter:
        store = PostgresStore(url.replace(str(postgres.folder), str(tmp_path)))
        await store.open()
        cutter.cut, cutter.away = when, True
        with pytest.raises(TemporaryFailure):
            await store.put(mail(delay=5), NOW)
        cutter.away = False
        if when == "after":

            async def taken_back() -> bool:
                return "message.cancelled" in await kinds(store)

            await eventually(taken_back)
            assert await state(store) is State.CANCELLED
        else:
            await store.put(mail("Q2"), NOW)
            assert [found.queue_id for found in await store.find(Filter())] == ["Q2"]
        await store.close()


async def test_a_claim_that_nobody_heard_of_is_due_again_as_soon_as_the_database_is_back(
    postgres: Postgres, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "_ASK_SECONDS", 0.5)
    async with cutting(postgres.folder, tmp_path) as cutter:
        store = PostgresStore(url.replace(str(postgres.folder), str(tmp_path)))
        await store.open()
        await store.put(mail(), NOW)
        cutter.cut, cutter.away = "after", True
        with pytest.raises(TemporaryFailure):
            await claim(store)
        cutter.away = False

        async def due_again() -> bool:
            return await state(store) is State.QUEUED

        await eventually(due_again)
        (taken,) = await claim(store, SystemClock().now())
        await settle(store, taken)
        assert await state(store) is State.SENT
        await store.close()


async def test_a_newer_version_leaves_the_schema_alone_while_an_older_one_is_at_work(
    url: str, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, _ = migrations("postgres")[-1]
    later = [*migrations("postgres"), (newest + 1, "ALTER TABLE mail ADD COLUMN new bigint")]
    async with nodes(another, 1) as (old,):
        with monkeypatch.context() as patch:
            patch.setattr(server, "migrations", lambda _: later)
            with pytest.raises(ConfigError, match=re.escape(f"({old.node}): stop it first")):
                await another().open()
        await old.put(mail(), NOW)
        assert len(await claim(old)) == 1, "it goes on"
    monkeypatch.setattr(server, "migrations", lambda _: later)
    async with nodes(another, 2):
        pass


async def test_a_table_that_gets_a_column_meanwhile_stops_nobody(url: str, another: Another) -> None:
    async with nodes(another, 1) as (store,):
        for number in range(10):  # from the sixth time on the server keeps a statement's plan
            await store.put(mail(f"Q{number}"), NOW)
            await settle(store, (await claim(store))[0])
        other = await connect(url, "another")
        await other.raw.execute("ALTER TABLE mail ADD COLUMN new bigint")
        await other.raw.close()
        await store.put(mail("last"), NOW)
        await settle(store, (await claim(store))[0])
        assert await state(store, "last") is State.SENT


async def test_what_a_dead_nodes_session_still_does_is_over_before_its_claims_are_taken_back(
    url: str, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of a transaction: the database has not noticed yet, and its locks hide what it had."""
    with monkeypatch.context() as patch:
        patch.setattr(process, "identity", ended_process)
        dead = another()
    async with nodes(lambda: dead, 1), nodes(another, 1) as (other,):
        await dead.put(mail(), NOW)
        assert len(await claim(dead)) == 1
        ghost = await connect(url, dead.node)
        await ghost.raw.execute("BEGIN")
        await ghost.raw.execute("UPDATE delivery SET attempts = attempts")
        assert await other.reclaim(NOW, everything=True) == 1
        assert ghost.raw.is_closed()
        assert len(await claim(other)) == 1


def ended_process() -> str:
    """The identity of one that ran on this machine."""
    ask = "from mailguard import process; print(process.identity())"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True, text=True).stdout.strip()


async def test_what_fails_on_a_new_connection_leaves_none_behind(postgres: Postgres, url: str) -> None:
    store = PostgresStore(url)
    await store.open()
    await store.close()
    writing = lanes.Lanes(partial(connect, url, "writing"), FakeClock(), lambda _: None)
    with pytest.raises(MailChanged) as caught:
        await writing.run(_fail)
    await writing.close()
    assert postgres.say("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writing'") == "0", caught


def _fail(_: object) -> None:
    raise MailChanged


async def test_a_fork_is_taken_back_unless_another_was_told_of_it(another: Another) -> None:
    async with nodes(another, 1) as (store,):
        for queue_id in ("Q1", "Q2"):
            await store.put(mail(queue_id, delay=5, fork=queue_id.encode()), NOW)
        again = Envelope("", (Recipient("bob@client.example"),))
        assert (await store.join(mail("Q2", delay=5), again, b"", NOW, revision=0)).ending is Ending.DONE
        await store._take_back("Q1")
        await store._take_back("Q2")
        assert [await state(store, one) for one in ("Q1", "Q2")] == [State.CANCELLED, State.QUEUED]
        assert await store.put(mail("Q3", delay=5, fork=b"Q1"), NOW) == "", "it comes again, and is the first"


# --- a database that goes and comes ---------------------------------------------------------------------------


async def test_a_database_that_crashes_is_451_and_comes_back_by_itself_with_all_that_was_acknowledged(
    postgres: Postgres, another: Another
) -> None:
    store = another()
    await store.open()
    await store.put(mail(), NOW)
    (taken,) = await claim(store)
    postgres.stop(signal.SIGQUIT)
    try:
        with pytest.raises(TemporaryFailure):
            await store.put(mail("Q2"), NOW)
        with pytest.raises(TemporaryFailure):
            await store.find(Filter())
    finally:
        postgres.start()
    await settle(store, taken)
    await store.put(mail("Q3"), NOW)
    assert {found.queue_id for found in await store.find(Filter())} == {"Q1", "Q3"}
    await store.close()


async def test_a_database_that_takes_no_writes_is_451_until_it_does(postgres: Postgres, url: str) -> None:
    postgres.say("CREATE DATABASE standby")
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(postgres.say, "DROP DATABASE standby WITH (FORCE)")
        store = PostgresStore(url.replace("/postgres?", "/standby?").partition("&")[0])
        await store.open()
        postgres.say("ALTER DATABASE standby SET default_transaction_read_only = on")
        postgres.say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'standby'")
        with pytest.raises(TemporaryFailure):
            await store.put(mail(), NOW)
        with pytest.raises(ConfigError, match="takes no writes"):
            await PostgresStore(store.url).open()
        postgres.say("ALTER DATABASE standby RESET default_transaction_read_only")
        await store.put(mail(), NOW)
        await store.close()


async def test_no_connection_left_is_451(postgres: Postgres, url: str) -> None:
    schema = url.rpartition("=")[2]
    postgres.say(f"CREATE ROLE few LOGIN CONNECTION LIMIT 1; GRANT ALL ON SCHEMA {schema} TO few")
    store = PostgresStore(url.replace("mailguard@", "few@"))
    await store.open()  # its beat has the one connection
    with pytest.raises(TemporaryFailure):
        await store.find(Filter())
    await store.put(mail(), NOW)
    await store.close()


# --- what is refused ------------------------------------------------------------------------------------------


async def test_what_is_no_database_for_mail_is_refused_with_what_to_do(postgres: Postgres, url: str) -> None:
    with pytest.raises(ConfigError, match="createdb"):
        await PostgresStore(url.replace("/postgres?", "/nowhere?")).open()
    with pytest.raises(ConfigError, match="is it running"):
        await PostgresStore("postgresql://mailguard@/postgres?host=/nowhere").open()
    schema = url.rpartition("=")[2]
    postgres.say(f"CREATE TABLE {schema}.invoices (id int)")
    with pytest.raises(ConfigError, match="another program"):
        await PostgresStore(url).open()
    postgres.say(f"DROP TABLE {schema}.invoices; CREATE TABLE {schema}.schema_version (id int, number bigint)")
    postgres.say(f"INSERT INTO {schema}.schema_version VALUES (1, 999)")
    with pytest.raises(ConfigError, match="newer mailguard"):
        await PostgresStore(url).open()


async def test_a_copy_of_the_database_sends_nothing_before_a_word(postgres: Postgres, another: Another) -> None:
    store = another()
    await store.open()
    await store.put(mail(), NOW)
    await store.close()
    schema = store.url.rpartition("=")[2]
    postgres.say(f"UPDATE {schema}.epoch SET id = 'of another database'")
    copy = another()
    await copy.open()
    assert "copy" in copy.paused
    assert (await claim(copy), await copy.next_due()) == ([], None)
    assert await copy.resume(by=ADMIN, now=NOW)
    assert (len(await claim(copy)), copy.paused) == (1, "")
    await copy.close()


# --- seen by other processes ----------------------------------------------------------------------------------


async def test_check_and_audit_read_it_beside_the_service(postgres: Postgres, another: Another) -> None:
    store = another()
    await store.open()
    await store.put(mail(holds=[hold()]), NOW)
    await store.seal(NOW)
    there = place(store.url)
    checked = await asyncio.to_thread(lambda: list(there.check(lambda _done, _of: None)))
    assert checked == []
    audit = there.audit()
    spans = await asyncio.to_thread(lambda: list(audit.spans()))
    assert (len(spans), audit.given) == (1, len(await store.events("Q1")))
    async with there.onlooker() as looking:
        found = await looking.get("Q1")
        assert found is not None
        assert found.identity == Identity("ann@corp.example", Proof.LOGIN, "ann")
    schema = store.url.rpartition("=")[2]
    postgres.say(f"UPDATE {schema}.chunk SET data = 'other'; UPDATE {schema}.mail SET unfinished = 7")
    checked = await asyncio.to_thread(lambda: list(there.check(lambda _done, _of: None)))
    assert [line for line in checked if "checksum" in line]
    assert [line for line in checked if "7 deliveries" in line]
    known = migrations("postgres")[-1][0]
    assert await asyncio.to_thread(there.migrate) == (known, known)
    await store.close()


async def test_a_store_that_was_never_made_is_no_empty_one(url: str) -> None:
    with pytest.raises(ConfigError, match="db migrate"):
        async with place(url).onlooker():
            pass
