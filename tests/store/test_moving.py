"""A store moves out of its file into PostgreSQL: nothing is lost, nothing leaves twice, and there is a way back."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mailguard.audit import Walk
from mailguard.clock import SystemClock
from mailguard.errors import ConfigError
from mailguard.mail.sketch import Sketch
from mailguard.records import (
    AppPassword,
    Capability,
    Fact,
    Kept,
    Login,
    NewNotice,
    NoticeKind,
    PastMail,
    Power,
    Role,
    State,
    Token,
)
from mailguard.store.base import Store
from mailguard.store.moving import move as moving
from mailguard.store.moving.tables import LEFT, TABLES
from mailguard.store.places import place
from mailguard.store.postgres import PostgresStore
from mailguard.store.retention import Retention
from mailguard.store.search import Search
from mailguard.store.sqlite import SqliteStore, backup
from tests.postgres import Postgres
from tests.store.making import ADMIN, ANN, NOW, body, carry, claim, hold, kinds, later, mail, settle, state
from tests.store.test_habits import letter
from tests.store.test_links import digest
from tests.store.test_paused import quiet
from tests.store.test_threads import SKETCH

OUT = {"bob@client.example": {"external": True}}
ODD = "Grüße \U0001f600 it's 'q' {x} %s, \\ \x7f"
KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))
ROOT = Path(__file__).parents[2]


class Watch:
    """Remembers the passes; `stop` is called when all is in step."""

    def __init__(self, stop: Callable[[], object] = lambda: None) -> None:
        self.passes: list[moving.Copied] = []
        self.steps: list[tuple[int, int]] = []
        self._stop = stop

    @contextmanager
    def copying(self) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, of: self.steps.append((done, of))

    def in_step(self, copied: moving.Copied) -> None:
        self.passes.append(copied)
        self._stop()


async def move(path: Path, url: str, watch: Watch | None = None, **more: Any) -> moving.Copied | None:
    return await moving.move(path, url, watch or Watch(), SystemClock(), **more)


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def findings(url: str) -> list[str]:
    return await asyncio.to_thread(lambda: list(place(url).check(quiet)))


def verified(url: str) -> int:
    """How many sealed records the audit proves."""
    walk, audit = Walk(), place(url).audit()
    wrong = [found for span in audit.spans() for found in walk.see(span)]
    assert wrong + list(walk.end(audit.given)) == []
    return walk.checked


async def with_something_of_everything(store: Store) -> None:
    special: dict[str, Any] = {"attachments": (), "files": (digest("offer"),), "kept": Kept(), "subject": ODD}
    sent = mail("SENT", sketch=SKETCH, per=OUT, references=("<0@c>",), parent="<0@c>", **special)
    await store.set_archive("journal@archive.example", [Fact.SENT], by=ADMIN, now=NOW)
    to = ["bob@client.example"]
    await store.put(replace(sent, remembered=letter(to, scores={to[0]: -1.5})), NOW)
    await carry(store)
    await store.seal(NOW)
    past = replace(letter(to, sender="old@corp.example"), scores={to[0]: 1e-7})
    await store.learn_past([PastMail(past, digest=b"one")])
    held = NewNotice(NoticeKind.HELD, "ann@corp.example", "HELD")
    pending = {"bob@client.example": {"state": State.HELD}}
    await store.put(
        mail("HELD", holds=[hold(expires_at=later(60))], per=pending, notices=(held,), sketch=Sketch(SKETCH.own)), NOW
    )
    await store.put(mail("WAITS", delay=5, raw=os.urandom(700_000), fork=digest("fork")), NOW)
    await store.set_hooks({"https://hook.example/": ["message.stopped"]})
    await store.stop("WAITS", by=ANN, hold=hold("late"), now=NOW)
    await store.put(mail("DUE", to=("a@x.example", "b@y.example", "c@z.example"), files=(digest("logo"),)), NOW)
    await store.drop("DUE", ["c@z.example"], by=ANN, now=NOW, edit_headers=False)
    await store.grant([Capability(digest("link"), "HELD", "ann@corp.example", Power.SENDER)], NOW)
    await store.set_code("ann browser", digest("123456"), later(10), NOW)
    await store.open_login(digest("session"), Login("ann@corp.example", later(60)))
    await store.set_factor("ann", "SECRET", [digest("recovery")], by=ADMIN, now=NOW)
    token = Token("siem", Role.AUDITOR, "", "uid 0", NOW, later(9000))
    await store.add_token(token, digest("token"), by=ADMIN, now=NOW)
    await store.add_app_password(AppPassword("ann@corp.example", "Phone", NOW), digest("phone"), by=ANN, now=NOW)
    await store.add_legal_hold("eve@corp.example", reason="case 4711", by=ADMIN, now=NOW)
    await store.remember("preference:ann@corp.example", {"language": "pl"}, event="x.y", by=ANN, now=NOW)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    async with opened(SqliteStore(tmp_path / "mail.db")) as store:
        await with_something_of_everything(store)
    return tmp_path / "mail.db"


def test_every_table_is_copied_or_stated_not_to_be(path: Path) -> None:
    db = sqlite3.connect(path)
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    empty = [table.name for table in TABLES if not db.execute(f"SELECT 1 FROM {table.name}").fetchone()]
    db.close()
    ours = {name for name in names if not name.startswith(("sqlite_", "word_"))}
    assert {table.name for table in TABLES} | LEFT == ours
    assert empty == [], "then what follows says nothing about them"


async def test_everything_arrives_and_goes_on(path: Path, postgres: Postgres) -> None:
    url, watch = postgres.fresh(), Watch()
    copied = await move(path, url, watch)
    assert copied
    assert {name: rows for name, rows, _ in copied.tables}["mail"] == 4
    assert watch.steps[-1][0] == watch.steps[-1][1] == sum(rows for _, rows, _ in copied.tables)
    assert await findings(url) == []
    assert await asyncio.to_thread(verified, url) > 0
    original, store = SqliteStore(path), PostgresStore(url, callers_clock=True)
    with pytest.raises(ConfigError, match=r"was moved to postgresql://localhost/postgres at .*--undo"):
        await original.open()
    async with opened(store):
        assert store.paused == ""
        assert (await store.reclaim(NOW, everything=True)) == 0
        found = await store.get("SENT")
        assert found
        assert (found.subject, found.digest) == (ODD, mail().digest)
        assert [one.queue_id for one in await store.search(Search(subject="grusse"))] == ["SENT"]
        assert len(await body(store, "WAITS")) == 700_000
        link = await store.capability(digest("link"))
        assert link
        assert link.queue_id == "HELD"
        assert await store.use_code("ann browser", digest("123456"), later(1))
        assert await store.login(digest("session"), NOW)
        assert [one.name for one in await store.tokens()] == ["siem"]
        assert await store.app_password(digest("phone")) == AppPassword("ann@corp.example", "Phone", NOW)
        assert await store.recall("preference:*") == {"preference:ann@corp.example": {"language": "pl"}}
        assert await store.files_sent([digest("offer")]) == {digest("offer"): {"client.example"}}
        assert await store.heard(SKETCH.new) != ()
        (one,) = (await store.habits("ann@corp.example", ["bob@client.example"])).sent
        assert one.scores == {"bob@client.example": -1.5}
        await store.put(mail("NEW", to=("new@x.example",), references=("<0@c>",), parent="<0@c>"), NOW)
        assert {one.mail.queue_id for one in await carry(store)} == {"DUE", "NEW"}
        assert await store.claim_sent_copy(later(1), lease=timedelta(minutes=1))
        await store.seal(NOW)
        assert await kinds(store, "SENT") != []


async def test_numbers_and_fences_of_the_source_are_never_given_again(path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    async with opened(SqliteStore(path)) as store:
        await store.put(mail("LAST"), NOW)
        (lost,) = [one for one in await claim(store) if one.mail.queue_id == "LAST"]
    await move(path, url)
    raw = await asyncpg.connect(url)
    schema = (
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE is_identity = 'YES' AND table_schema = current_schema()"
    )
    identities = {tuple(row) for row in await raw.fetch(schema)}
    await raw.close()
    assert {(table.name, table.numbers) for table in TABLES if table.numbers} == identities
    async with opened(PostgresStore(url, callers_clock=True)) as target:
        assert await target.reclaim(NOW, everything=True) == 3  # LAST, and both of DUE
        again = [one for one in await claim(target, later(1)) if one.mail.queue_id == "LAST"]
        assert again[0].fence > lost.fence


async def test_beside_a_running_service_it_waits_until_that_has_stopped(path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    store = SqliteStore(path)
    await store.open()
    assert await move(path, url, wait=False) is None
    with pytest.raises(ConfigError, match="not finished"):
        await PostgresStore(url).open()
    with pytest.raises(ConfigError, match="not finished"):
        await findings(url)
    await store.cancel("WAITS", by=ANN, now=NOW)
    await store.put(mail("LATE"), NOW)
    await carry(store, later(1))
    await store.purge(NOW + timedelta(days=8), KEEP)  # bodies go, and with them links
    loop = asyncio.get_running_loop()
    watch = Watch(lambda: tasks.append(loop.create_task(store.close())))
    tasks: list[asyncio.Task[None]] = []
    copied = await move(path, url, watch)
    assert copied
    assert len(watch.passes) == 1
    assert watch.passes[0].changed > 0
    assert copied.changed == 1  # the event that says so
    async with opened(PostgresStore(url, callers_clock=True)) as target:
        assert await state(target, "WAITS") is State.CANCELLED
        assert await body(target, "WAITS") == b""
        assert await state(target, "LATE") is State.SENT
    assert await findings(url) == []


async def test_a_row_that_took_what_another_gave_up_gets_it(path: Path, postgres: Postgres) -> None:
    """Between two passes: the earlier of two rows has the later one's unique value, which is gone there."""
    url = postgres.fresh()
    async with opened(SqliteStore(path)):
        await move(path, url, wait=False)
    db = sqlite3.connect(path, isolation_level=None)
    first, second = (row[0] for row in db.execute("SELECT id FROM remembered ORDER BY id").fetchall())
    for row in range(1200):  # so that both are in pieces of their own
        db.execute(
            "INSERT INTO remembered (sender_key, at, thread, words, copies) VALUES ('s', ?, 0, x'', '{}')", (row,)
        )
    origin = db.execute("SELECT origin FROM remembered WHERE id = ?", (second,)).fetchone()[0]
    last = db.execute("SELECT max(id) FROM remembered").fetchone()[0]
    db.execute("UPDATE remembered SET origin = NULL WHERE id = ?", (second,))
    db.execute("UPDATE remembered SET origin = ? WHERE id = ?", (origin, last))
    async with opened(SqliteStore(path)):
        await move(path, url, wait=False)
    db.execute("UPDATE remembered SET origin = NULL WHERE id = ?", (last,))
    db.execute("UPDATE remembered SET origin = ? WHERE id = ?", (origin, first))
    db.close()
    assert await move(path, url)
    assert await findings(url) == []


async def test_what_is_not_empty_or_of_another_version_is_refused(
    path: Path, tmp_path: Path, postgres: Postgres
) -> None:
    full, half, old = postgres.fresh(), postgres.fresh(), postgres.fresh()
    async with opened(PostgresStore(full)) as there:
        with pytest.raises(ConfigError, match="a service runs on"):
            await move(path, full)
        await there.put(mail("THEIRS"), NOW)
    with pytest.raises(ConfigError, match="overwrites nothing"):
        await move(path, full)
    async with opened(SqliteStore(tmp_path / "other.db")) as other:
        await other.put(mail(), NOW)
        assert await move(tmp_path / "other.db", half, wait=False) is None
    with pytest.raises(ConfigError, match="half a copy of another store"):
        await move(path, half)
    async with opened(PostgresStore(old)):
        pass
    for number, words in ((1, "run `mailguard db migrate` on it first"), (99, "made by a newer mailguard")):
        postgres.say(f"UPDATE {old.rpartition('=')[2]}.schema_version SET number = {number}")
        with pytest.raises(ConfigError, match=words):
            await move(path, old)
    for number, words in ((99, "written by a newer mailguard"), (3, "not defined as")):
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {number}")
        db.close()
        with pytest.raises(ConfigError, match=words):
            await move(path, half)
    with pytest.raises(ConfigError, match="can't be reached"):
        await move(tmp_path / "other.db", f"postgresql://x@/none?host={tmp_path}")


async def test_a_store_in_doubt_is_in_doubt_where_it_arrives(path: Path, tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    backup(path, tmp_path / "copy.db", quiet)
    await move(tmp_path / "copy.db", url)
    async with opened(PostgresStore(url, callers_clock=True)) as there:
        assert "backup copy" in there.paused
        assert await claim(there, later(5)) == []
        assert await there.resume(by=ADMIN, now=NOW)
        assert [one.mail.queue_id for one in await claim(there, later(5))] != []


@pytest.mark.parametrize("point", ["store.moving=kill@7", "store.moved=kill@1"])
async def test_killed_at_any_moment_it_goes_on(path: Path, postgres: Postgres, point: str) -> None:
    url = postgres.fresh()
    arm = "from tests.torture import failpoints; failpoints.install()\nfrom mailguard.cli import main; main()"
    command = [sys.executable, "-c", arm, "db", "copy", f"sqlite:{path}", url]
    killed = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "MAILGUARD_FAILPOINTS": point}, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    assert await killed.wait() == -signal.SIGKILL
    with pytest.raises(ConfigError, match="not finished"):
        await PostgresStore(url).open()
    if "moved" in point:
        with pytest.raises(ConfigError, match="was moved to"):
            await SqliteStore(path).open()
    copied = await move(path, url)
    assert copied
    assert await findings(url) == []
    with pytest.raises(ConfigError, match="already"):
        await move(path, url)


async def test_a_later_try_stops_an_earlier_one(path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    watch = Watch()

    async def twice() -> None:
        async with opened(SqliteStore(path)):
            waiting = asyncio.create_task(move(path, url, watch))
            await asyncio.wait_for(_passed(watch), 30)
            assert await move(path, url, wait=False) is None
        with pytest.raises(ConfigError, match="another `mailguard db copy`"):
            await waiting

    await twice()
    assert await move(path, url)


async def _passed(watch: Watch) -> None:
    while not watch.passes:
        await SystemClock().sleep(0.01)


async def test_taken_back_before_anything_was_done_there_it_is_as_before(path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    await move(path, url)
    assert await moving.take_back(path, url, SystemClock()) == ""
    with pytest.raises(ConfigError, match="was taken back"):
        await PostgresStore(url).open()
    async with opened(SqliteStore(path)) as store:
        assert store.paused == ""
        assert [one.mail.queue_id for one in await carry(store)] == ["DUE"]
    assert await move(path, url)


async def test_taken_back_from_where_work_was_done_nothing_leaves_twice(path: Path, postgres: Postgres) -> None:
    url = postgres.fresh()
    await move(path, url)
    async with opened(PostgresStore(url, callers_clock=True)) as there:
        with pytest.raises(ConfigError, match="stop it first"):
            await moving.take_back(path, url, SystemClock())
        for one in await claim(there, later(1)):
            await settle(there, one)
    assert "has worked since" in await moving.take_back(path, url, SystemClock())
    async with opened(SqliteStore(path)) as store:
        assert "taken back" in store.paused
        assert await claim(store, later(5)) == []
    async with opened(PostgresStore(url)) as there:
        assert "taken back" in there.paused


async def test_taken_back_from_what_is_gone_it_waits_for_a_word(path: Path, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh()
    await move(path, url)
    with pytest.raises(ConfigError, match=r"not to postgresql://localhost/other"):
        await moving.take_back(path, url.replace("/postgres?", "/other?"), SystemClock())
    gone = url.replace(f"host={postgres.folder}", f"host={tmp_path}")
    assert "could not be asked" in await moving.take_back(path, gone, SystemClock())
    async with opened(SqliteStore(path)) as store:
        assert "taken back" in store.paused
        assert await store.resume(by=ADMIN, now=NOW)
    with pytest.raises(ConfigError, match="was not moved"):
        await moving.take_back(path, gone, SystemClock())
