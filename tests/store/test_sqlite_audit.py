"""Hands in the database file: each change to the audit is found, and named."""

import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.audit import Walk
from mailguard.records import Seal
from mailguard.store.sqlite import AuditFile, SqliteStore
from mailguard.store.sqlite.connection import APPLICATION
from mailguard.store.statements import migrations
from tests.store.making import ADMIN, ANN, NOW, carry, hold, mail

Tamper = Callable[[sqlite3.Connection], object]


def verified(path: Path, heads: dict[int, bytes] | None = None) -> list[str]:
    """What `mailguard audit verify` finds in this file."""
    audit, walk = AuditFile(path), Walk(heads)
    findings = [finding for span in audit.spans() for finding in walk.see(span)]
    return findings + list(walk.end(audit.given))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with 26 sealed records in three ranges, and two that are not sealed."""
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    for number in range(1, 6):
        await store.put(mail(f"Q{number}", holds=[hold()]), NOW)
        await store.record("mail.read", by=ANN, now=NOW, queue_id=f"Q{number}")
        await store.seal(NOW) if number % 2 == 0 else None
    for number in range(1, 6):
        await store.cancel(f"Q{number}", by=ANN, now=NOW, reason="the wrong client")
    for _ in range(6):
        await store.record("session.opened", by=ADMIN, now=NOW)
    await store.seal(NOW)
    await store.record("session.opened", by=ADMIN, now=NOW)
    await store.record("session.closed", by=ADMIN, now=NOW)
    await store.close()
    return tmp_path / "mail.db"


def sql(text: str, *values: object) -> Tamper:
    return lambda db: db.execute(text, values)


def twice(*texts: str) -> Tamper:
    return lambda db: [db.execute(text) for text in texts]


_LEAF = "UPDATE seal SET leaves = CAST({} AS BLOB) WHERE number = 1"
TAMPERED: list[tuple[str, Tamper, str]] = [
    ("another actor", sql("UPDATE event SET actor = 'bob@corp.example (link)' WHERE id = 17"), "record 17 was changed"),
    (
        "one letter",
        sql("UPDATE event SET data = replace(data, 'wrong', 'wrung') WHERE id = 17"),
        "record 17 was changed",
    ),
    ("a space in its JSON", sql("UPDATE event SET data = replace(data, ':', ': ') WHERE id = 17"), "record 17 was"),
    ("a microsecond", sql("UPDATE event SET at = at + 1 WHERE id = 3"), "record 3 was changed"),
    ("a time that is none", sql("UPDATE event SET at = 'soon' WHERE id = 3"), "record 3 was changed"),
    ("no text", sql("UPDATE event SET data = CAST(x'ff00' AS TEXT) WHERE id = 3"), "record 3 was changed"),
    (
        "another mail's",
        sql("UPDATE event SET mail = (SELECT mail FROM event WHERE id = 4) WHERE id = 2"),
        "record 2 was",
    ),
    ("another queue id", sql("UPDATE mail SET queue_id = 'X' WHERE queue_id = 'Q1'"), "record 1 was changed"),
    ("deleted", sql("DELETE FROM event WHERE id = 17"), "record 17 is missing"),
    (
        "swapped",
        twice(*(f"UPDATE event SET id = {to} WHERE id = {who}" for who, to in ((3, 99), (5, 3), (99, 5)))),
        "record 3 was changed",
    ),
    (
        "put in",
        twice(
            "DELETE FROM event WHERE id = 17",
            "INSERT INTO event SELECT 17, mail, at, kind, actor, data FROM event WHERE id = 3",
        ),
        "record 17 was changed",
    ),
    (
        "salt taken as if it were erased",
        twice(
            "DELETE FROM event WHERE id = 1",
            _LEAF.format("substr(leaves, 1, 8) || zeroblob(16) || substr(leaves, 25)"),
        ),
        "record 1 is erased, and no record says by whom",
    ),
    ("a digest", sql(_LEAF.format("substr(leaves, 1, 24) || zeroblob(32) || substr(leaves, 57)")), "seal 1: the list"),
    ("a leaf cut off", sql("UPDATE seal SET leaves = substr(leaves, 57) WHERE number = 2"), "seal 2: the list of its"),
    ("a root", sql("UPDATE seal SET root = zeroblob(32) WHERE number = 2"), "seal 2 was changed"),
    ("a head", sql("UPDATE seal SET head = zeroblob(32) WHERE number = 2"), "seal 2 was changed"),
    ("a seal's time", sql("UPDATE seal SET at = at + 1 WHERE number = 2"), "seal 2 was changed"),
    ("a seal gone", sql("DELETE FROM seal WHERE number = 2"), "after seal 1 comes seal 3"),
    ("the first seal gone", sql("DELETE FROM seal WHERE number = 1"), "the chain begins with seal 2"),
    (
        "as if past retention",
        twice("DELETE FROM event WHERE id BETWEEN 7 AND 12", "UPDATE seal SET leaves = NULL WHERE number = 2"),
        "the records of seal 2 are gone, but older",
    ),
    ("the tail cut off", sql("DELETE FROM event WHERE id > 26"), "the last records are missing"),
    ("a hole in the tail", twice("DELETE FROM event WHERE id = 27"), "record 27 is missing, and not sealed"),
    (
        "seals and tail cut off",
        twice("DELETE FROM event WHERE id > 12", "DELETE FROM seal WHERE number = 3"),
        "the last records are missing",
    ),
]


@pytest.mark.parametrize(("how", "says"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED])
def test_what_was_done_to_the_file_is_named(path: Path, how: Tamper, says: str) -> None:
    assert verified(path) == []
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA foreign_keys = 0")
    how(db)
    db.close()
    assert says in verified(path)[0]


def seals(path: Path) -> list[Seal]:
    return [span.seal for span in AuditFile(path).spans() if span.seal]


def test_a_flipped_byte_of_a_record_is_named(path: Path) -> None:
    """In the file itself, whatever SQLite thinks of it."""
    raw = bytearray(path.read_bytes())
    at = raw.index(b'{"reason":"the wrong client"') + 20
    raw[at] ^= 1
    path.write_bytes(raw)
    (finding,) = verified(path)
    assert "was changed: it is not what was sealed (message.cancelled" in finding


def test_a_tail_cut_off_without_trace_is_told_by_the_log(path: Path) -> None:
    logged = {seal.number: seal.head for seal in seals(path)}
    db = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "DELETE FROM event WHERE id > 12", "DELETE FROM seal WHERE number = 3",
        "UPDATE sqlite_sequence SET seq = 12 WHERE name = 'event'",
    ):  # fmt: skip
        db.execute(statement)
    db.close()
    assert verified(path) == []
    assert "seal 3 (" in verified(path, logged)[0]


async def test_an_old_copy_in_its_place_is_told_by_the_log(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    shutil.copy(path, old)
    store = SqliteStore(path)
    await store.open()
    await store.record("session.opened", by=ADMIN, now=NOW)
    seal = await store.seal(NOW)
    await store.close()
    assert seal
    assert verified(path, {seal.number: seal.head}) == []
    assert verified(old) == []
    assert "was logged, and is not here" in verified(old, {seal.number: seal.head})[0]


async def test_an_unsealed_record_that_was_taken_out_is_a_gap_for_ever(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DELETE FROM event WHERE id = 27")
    db.close()
    store = SqliteStore(path)
    await store.open()
    await store.seal(NOW)
    await store.close()
    assert verified(path) == ["record 27 was not there any more when its range was sealed"]


def _as_of(version: int, new: Path, old: Path) -> None:
    """What a store holds, in one of an earlier version."""
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute("ATTACH ? AS new", (str(new),))
        for number, script in migrations("sqlite"):
            if number <= version:
                db.executescript(script)
        tables = db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (table,) in tables.fetchall():
            columns = ", ".join(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
            db.execute(f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute(f"PRAGMA application_id = {APPLICATION}")


async def test_what_was_forgotten_before_there_was_a_chain_is_no_finding(tmp_path: Path) -> None:
    """A store of an earlier version: some of its events went with their mails."""
    new, path = tmp_path / "new.db", tmp_path / "mail.db"
    store = SqliteStore(new)
    await store.open()
    for number in range(5):
        await store.put(mail(f"Q{number}"), NOW)
    await carry(store)
    await store.close()
    _as_of(7, new, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM event WHERE id IN (1, 2, 5)")
    store = SqliteStore(path)
    await store.open()
    await store.put(mail("Q9"), NOW)
    await store.seal(NOW)
    await store.close()
    assert verified(path) == []


async def test_erasing_all_of_it_without_a_word_is_found(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.erase("ann@corp.example", by=ADMIN, now=NOW + timedelta(days=1))
    await store.close()
    assert verified(path) == []
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("UPDATE event SET data = replace(data, '1-', '2-') WHERE kind = 'audit.erased'")
    db.close()
    assert "record 1 is erased, and no record says by whom" in verified(path)


@pytest.mark.slow
async def test_many_events_are_verified_range_by_range(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = SqliteStore(path)
    await store.open()
    await store._write(
        lambda db: db.executemany(
            "INSERT INTO event (at, kind, actor, data) VALUES (?, 'mail.read', 'ann@corp.example (link)', '{}')",
            [(n,) for n in range(20_000)],
        )
    )
    seal = await store.seal(NOW)
    await store.close()
    assert seal
    assert seal.number == 40
    tracemalloc.start()
    try:
        assert verified(path, {40: seal.head}) == []
        assert tracemalloc.get_traced_memory()[1] < 2 << 20  # of some 10 MB that they take all together
    finally:
        tracemalloc.stop()
