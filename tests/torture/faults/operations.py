"""What operators do to it: stopping, upgrading, reloading bad files, restoring backups. Always the real process."""

import asyncio
import functools
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Set
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from mailguard.demo.world import OutsideWorld
from mailguard.store.sqlite import check, connection
from mailguard.store.statements import migrations
from mailguard.testing import eventually
from tests.installed import ROOT, Installed
from tests.torture.fault import Trial, fault
from tests.torture.served import (
    OUTSIDE,
    Load,
    account,
    act,
    arrivals,
    command,
    database,
    emptied,
    end,
    events,
    installation,
    kill,
    rows,
    start,
    tell,
)

DRAINED = 30.0  # seconds: what systemd and compose give


# --- stopping ---


@fault("SIGTERM under load, once or twice", "every client gets an answer or 421, nothing is lost", full=20)
async def terminated(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await start(site)
        port = site.ports["plain"]
        loads = [Load(port), Load(port, slow=trial.dice.uniform(0.05, 0.4)), Load(port, OUTSIDE)]
        running = [asyncio.create_task(load.run(4)) for load in loads]
        await asyncio.sleep(trial.dice.uniform(0.2, 1.0))
        assert site.process is not None
        site.process.send_signal(signal.SIGTERM)
        if trial.number % 2:
            await asyncio.sleep(trial.dice.uniform(0.0, 0.3))
            site.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DRAINED):
            assert await asyncio.to_thread(site.process.wait) == 0
        site.process = None
        await asyncio.gather(*running)
        assert [what for load in loads for what in load.cut] == [], "cut without a word"
        assert any(load.farewells for load in loads), "nobody was there to be told"
        await start(site)
        await eventually(lambda: loads[0].acknowledged | loads[1].acknowledged <= arrivals(sink).keys(), within=30)
        waiting = {row["message_id"] for row in await rows(site)}
        account(trial, set().union(*(load.acknowledged for load in loads)), arrivals(sink), waiting)
        await end(site)


# --- upgrading ---


def as_first_schema(path: Path) -> None:
    """Make the file what the first released version would have left: its tables, with what they have in common."""
    old = path.with_name("first.db")
    db = sqlite3.connect(old, isolation_level=None)
    db.executescript(migrations("sqlite")[0][1])
    db.execute(f"PRAGMA application_id = {connection.APPLICATION}")
    db.execute("PRAGMA user_version = 1")
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    db.execute("ATTACH ? AS new", (str(path),))
    db.execute("BEGIN")
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for table in tables:
        columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
        db.execute(f"DELETE FROM main.{table}")
        db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    for _, text in triggers:
        db.execute(text)
    db.execute("COMMIT")
    db.close()
    remove_store(path)
    old.rename(path)


def remove_store(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".epoch"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


_MIGRATE = """
import os, pathlib, signal, sys
from mailguard.store.sqlite import check, connection

left, connect = int(sys.argv[2]), connection._connect

def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

def watched(path):
    db = connect(path)
    db.set_progress_handler(step, 1)
    return db

connection._connect = watched
connection.connect_writer(pathlib.Path(sys.argv[1])).close()
print(int(sys.argv[2]) - left)
"""


async def migrate(path: Path, steps: int) -> tuple[int, bytes]:
    """Open the file in a process of its own that dies at this step of SQLite's machine: (exit code, steps it took)."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MIGRATE, path, str(steps), cwd=ROOT, stdout=subprocess.PIPE
    )
    out, _ = await made.communicate()
    return made.returncode or 0, out


async def first_version(site: Installed) -> set[str]:
    """A store of the first version with mail that waits: who was acknowledged."""
    await start(site)
    load = Load(site.ports["plain"], OUTSIDE)
    running = asyncio.create_task(load.run(4))
    await load.more(40)
    load.stopped = True
    await running
    assert await end(site) == 0
    await asyncio.to_thread(as_first_schema, database(site))
    return load.acknowledged


async def upgraded(trial: Trial, site: Installed, sink: OutsideWorld, old: set[str]) -> None:
    """Start on that store with clients at the door all the time; everything leaves in the end."""
    knocking = Load(site.ports["plain"], knocking=True)
    running = asyncio.create_task(knocking.run())
    await start(site)
    await knocking.more(20)
    knocking.stopped = True
    await running
    assert {row["message_id"] for row in await rows(site)} >= old
    await act(site, "send", [row["queue_id"] for row in await rows(site)])
    await emptied(site)
    account(trial, old | knocking.acknowledged, arrivals(sink))
    assert await asyncio.to_thread(lambda: list(check(database(site), lambda _done, _of: None))) == []
    assert await end(site) == 0


@fault("upgrade with a migration, clients at the door", "what waited and what comes leaves once")
async def upgrade(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await upgraded(trial, site, sink, await first_version(site))


@fault("kill -9 in the middle of a migration", "the store is the old one or the new one, and goes on", seconds=120)
async def killed_migrating(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        old = await first_version(site)
        path = database(site)
        whole = path.with_name("whole.db")
        shutil.copy(path, whole)
        code, out = await migrate(path, 1 << 40)
        assert code == 0
        steps = int(out)
        remove_store(path)
        shutil.copy(whole, path)
        for _ in range(5):
            code, _ = await migrate(path, trial.dice.randint(1, steps))
            if code == 0:
                break  # it is through: fewer steps are left than at first
            assert code == -signal.SIGKILL
            trial.kills += 1
            found = await asyncio.to_thread(schema, path)
            assert found in [number for number, _ in migrations("sqlite")]
        await upgraded(trial, site, sink, old)


def schema(path: Path) -> int:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    number = int(db.execute("PRAGMA user_version").fetchone()[0])
    db.close()
    return number


# --- reloading ---


def _append(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(text)

    return spoil


def _write(name: str, data: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return spoil


def _expired(folder: Path) -> None:
    begin, end = (datetime.now(UTC) - timedelta(days=days) for days in (9, 1))
    made = trustme.CA().issue_cert("127.0.0.1", not_before=begin, not_after=end)
    made.private_key_pem.write_to_path(folder / "tls.key")
    made.cert_chain_pems[0].write_to_path(folder / "tls.crt")


_BAD: dict[str, Callable[[Path], None]] = {
    "rules that are no YAML": _append("rules/10-only.yaml", "\n  - [unclosed"),
    "rules with an unknown word": _append("rules/10-only.yaml", "  - {id: x, when: {what: true}, then: [{delay: 1s}]}"),
    "rules gone bad beside good ones": _write("rules/90-bad.yaml", b"\0\xff\xfe"),
    "no people.yaml": lambda folder: (folder / "people.yaml").unlink(),
    "people.yaml without its end": _append("people.yaml", "\nx: [1,"),
    "no certificate": lambda folder: (folder / "tls.crt").unlink(),
    "a certificate of noise": _write("tls.crt", b"-----BEGIN CERTIFICATE-----\nnoise\n-----END CERTIFICATE-----\n"),
    "a certificate that has expired": _expired,
    "an empty key": _write("tls.key", b""),
    "no mailguard.yaml": lambda folder: (folder / "mailguard.yaml").unlink(),
    "an unknown setting": _append("mailguard.yaml", "\nnonsense: 1\n"),
}


@fault(
    "reload under load: bad rules, people, certificate, key or configuration (each in turn)",
    "what was live stays live, and says so",
    full=len(_BAD),
)
async def bad_reload(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await start(site)
        load = Load(site.ports["plain"], knocking=True)
        running = asyncio.create_task(load.run(4))
        await load.more()
        assert site.process is not None
        kinds = list(_BAD) if trial.number == 0 else [list(_BAD)[trial.number % len(_BAD)]]
        for number, kind in enumerate(kinds, 1):
            kept = trial.folder / f"kept{number}"
            await asyncio.to_thread(shutil.copytree, site.folder, kept, ignore=shutil.ignore_patterns("admin.sock"))
            _BAD[kind](site.folder)
            site.process.send_signal(signal.SIGHUP)
            await eventually(functools.partial(times, site, "rules.reload_failed", number))
            assert await metric(site, "mailguard_rules_last_reload_successful") == 0, kind
            await load.more(5)
            put_back(kept, site.folder)
        site.process.send_signal(signal.SIGHUP)
        await eventually(lambda: events(site, "rules.reloaded"))
        assert await metric(site, "mailguard_rules_last_reload_successful") == 1
        load.stopped = True
        await running
        await emptied(site)
        assert load.cut == []
        assert not events(site, "service.failure")
        account(trial, load.acknowledged, arrivals(sink))
        assert await end(site) == 0


def times(site: Installed, event: str, number: int) -> bool:
    return len(events(site, event)) == number


def put_back(kept: Path, folder: Path) -> None:
    (folder / "rules" / "90-bad.yaml").unlink(missing_ok=True)
    for name in ("mailguard.yaml", "people.yaml", "tls.crt", "tls.key", "rules/10-only.yaml"):
        shutil.copy(kept / name, folder / name)


async def metric(site: Installed, name: str) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.ports["metrics"])
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


@fault("a storm of SIGHUPs under load, files changing under it", "mail flows, the last files win, nothing is lost")
async def storm(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await start(site)
        load = Load(site.ports["plain"])
        running = asyncio.create_task(load.run(6))
        rules = site.folder / "rules" / "10-only.yaml"
        good = rules.read_text()
        assert site.process is not None
        for _ in range(200):
            rules.write_text(good if trial.dice.random() < 0.5 else good[: trial.dice.randrange(len(good))])
            site.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(trial.dice.uniform(0, 0.01))
        rules.write_text(good.replace("1h", "2h"))
        live = (await tell(site, "reload"))["rules"]
        load.stopped = True
        await running
        assert load.cut == []
        await emptied(site)
        told = [line["rules_hash"] for line in events(site, "rules.reloaded")]
        assert told[-1] == live, "an older reading of the files became live last"
        account(trial, load.acknowledged, arrivals(sink))
        assert await end(site) == 0


# --- restoring ---


@fault("db backup under load, restored elsewhere", "the copy sends nothing until resume, then each waiting mail once")
async def restored(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await start(site)
        load, inside = Load(site.ports["plain"], OUTSIDE), Load(site.ports["plain"])
        running = [asyncio.create_task(one.run(4)) for one in (load, inside)]
        await load.more(30)
        certain = set(load.acknowledged)
        copy = trial.folder / "copy.db"
        await command(site, "db", "backup", str(copy))
        await load.more(10)
        for one in (load, inside):
            one.stopped = True
        await asyncio.gather(*running)
        assert all(one.cut == [] for one in (load, inside))
        await kill(trial, site)
        remove_store(database(site))
        copy.rename(database(site))
        sent = arrivals(sink)
        await paused(site, sink)
        kept = {row["message_id"] for row in await rows(site)}
        trial.accepted += len(certain)
        trial.lost += len(certain - kept)
        await resumed(trial, site, sink, kept, sent.keys())


async def paused(site: Installed, sink: OutsideWorld, *, again: bool = False) -> None:
    """Start, and see that nothing leaves though it is due."""
    before = len(sink.caught)
    await start(site)
    assert (await tell(site, "health"))["paused"]
    assert await metric(site, "mailguard_queue_paused") == 1
    await act(site, "send", [row["queue_id"] for row in await rows(site)])
    fresh = Load(site.ports["plain"])
    running = asyncio.create_task(fresh.run(2))
    await fresh.more(5)
    fresh.stopped = True
    await running
    if again:
        await end(site)
        await start(site)  # it does not forget
    assert len(sink.caught) == before, "it sent something"
    assert not events(site, "service.failure")


async def resumed(trial: Trial, site: Installed, sink: OutsideWorld, kept: Set[str], sent: Set[str]) -> None:
    """As the manual says: take back what left already, then resume; the rest leaves, once."""
    await act(site, "cancel", [row["queue_id"] for row in await rows(site) if row["message_id"] in sent])
    assert (await tell(site, "resume"))["resumed"]
    await emptied(site)
    arrived = arrivals(sink)
    trial.lost += len(kept - arrived.keys())
    trial.duplicated += sum(times - 1 for times in arrived.values())
    assert await metric(site, "mailguard_queue_paused") == 0
    assert await asyncio.to_thread(lambda: list(check(database(site), lambda _done, _of: None))) == []
    assert await end(site) == 0


@fault("the store set back to a snapshot", "noticed at start, nothing sent until resume, then nothing twice")
async def set_back(trial: Trial) -> None:
    async with installation(trial) as (site, sink):
        await start(site)
        load = Load(site.ports["plain"], OUTSIDE)
        running = asyncio.create_task(load.run(4))
        await load.more(30)
        load.stopped = True
        await running
        assert await end(site) == 0
        snapshot = trial.folder / "snapshot.db"
        shutil.copy(database(site), snapshot)
        await start(site)
        ids = [row["queue_id"] for row in await rows(site)]
        await act(site, "send", trial.dice.sample(ids, len(ids) // 2))
        await eventually(lambda: len(arrivals(sink)) == len(ids) // 2)
        if trial.number % 2:
            await kill(trial, site)
        else:
            await end(site)
        for suffix in ("", "-wal", "-shm"):
            database(site).with_name(f"mail.db{suffix}").unlink(missing_ok=True)
        shutil.copy(snapshot, database(site))
        sent = arrivals(sink)
        await paused(site, sink, again=True)
        assert "earlier state" in (await tell(site, "health"))["paused"]
        trial.accepted += len(load.acknowledged)
        await resumed(trial, site, sink, load.acknowledged, sent.keys())
