"""SQLite: what `mailguard db` does to the file."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mailguard.errors import ConfigError
from mailguard.store.sqlite import SqliteStore, backup, check, connection, migrate
from mailguard.store.statements import migrations
from tests.store.making import NOW, body, carry, hold, mail
from tests.store.test_paused import lived, quiet


def findings(path: Path) -> list[str]:
    return list(check(path, quiet))


def altered(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.partial*")]


def first_schema(path: Path) -> None:
    """A file as the first version left it."""
    db = sqlite3.connect(path)
    db.executescript(migrations("sqlite")[0][1])
    db.execute(f"PRAGMA application_id = {connection.APPLICATION}")
    db.execute("PRAGMA user_version = 1")
    db.close()


# --- backup ---


async def test_a_backup_while_the_store_is_written_to_is_one_state_of_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await asyncio.gather(*(store.put(mail(f"Q{n}", raw=b"x" * 50_000), NOW) for n in range(40)))
    target, going = tmp_path / "copy.db", True

    async def write() -> int:
        number = 0
        while going:
            await store.put(mail(f"W{(number := number + 1)}"), NOW)
        return number

    writing = asyncio.create_task(write())
    steps: list[tuple[int, int]] = []
    await asyncio.to_thread(backup, store.path, target, lambda done, of: steps.append((done, of)))
    going = False
    assert await writing > 0
    await store.close()
    assert len({of for _, of in steps}) == 1, "it began again in the middle"
    assert steps[-1][0] == steps[-1][1]
    assert findings(target) == []
    copy = SqliteStore(target)
    await copy.open()
    assert await body(copy, "Q39") == b"x" * 50_000
    await copy.close()


async def test_a_backup_is_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    await lived(tmp_path / "mail.db")
    (tmp_path / "to").mkdir()
    backup(tmp_path / "mail.db", tmp_path / "to" / "copy.db", quiet)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["copy.db"]
    assert stat.S_IMODE((tmp_path / "to" / "copy.db").stat().st_mode) == 0o600


async def test_a_backup_overwrites_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    await lived(tmp_path / "mail.db")
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(ConfigError, match="overwrites nothing"):
        backup(tmp_path / "mail.db", target, quiet)
    assert target.read_text() == "precious"
    with pytest.raises(ConfigError, match="does not exist"):
        backup(tmp_path / "mail.db", tmp_path / "nowhere" / "copy.db", quiet)

    def late(_done: int, _of: int) -> None:
        (tmp_path / "second.db").write_text("came first")

    with pytest.raises(ConfigError, match="File exists"):
        backup(tmp_path / "mail.db", tmp_path / "second.db", late)
    assert (tmp_path / "second.db").read_text() == "came first"
    assert left_over(tmp_path) == []


async def test_no_store_and_a_file_that_is_none_are_told_apart(tmp_path: Path) -> None:
    for verb in (lambda path: findings(path), lambda path: backup(path, tmp_path / "copy.db", quiet)):
        _refused(verb, tmp_path / "none.db", "there is no store")
        (tmp_path / "noise.db").write_bytes(b"not a database at all" * 1000)
        _refused(verb, tmp_path / "noise.db", "damaged or not a database")
        altered(tmp_path / "theirs.db", "CREATE TABLE IF NOT EXISTS theirs (x)")
        _refused(verb, tmp_path / "theirs.db", "another program")
    assert not (tmp_path / "copy.db").exists()


def _refused(verb: Callable[[Path], object], path: Path, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        verb(path)


async def test_a_copy_put_beside_the_log_of_another_file_is_refused(tmp_path: Path) -> None:
    """SQLite would play that log into the copy: two states mixed, and the copy spoilt."""
    path = tmp_path / "mail.db"
    store = SqliteStore(path)
    await store.open()
    await store.put(mail("A"), NOW)
    backup(path, tmp_path / "copy.db", quiet)
    await asyncio.gather(*(store.put(mail(f"B{n}"), NOW) for n in range(20)))
    log = (tmp_path / "mail.db-wal").read_bytes()
    await store.close()
    copy = (tmp_path / "copy.db").read_bytes()
    path.write_bytes(copy)
    (tmp_path / "mail.db-wal").write_bytes(log)
    with pytest.raises(ConfigError, match="belongs to another file"):
        await SqliteStore(path).open()
    assert path.read_bytes() == copy
    (tmp_path / "mail.db-wal").unlink()
    again = SqliteStore(path)
    await again.open()
    assert await again.get("A")
    assert "backup copy" in again.paused
    await again.close()
    assert findings(path) == []


async def test_a_copy_made_before_an_upgrade_is_noticed_after_it(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    first_schema(path)
    altered(path, "INSERT INTO event (at, kind, actor, data) VALUES (1, 'x', 'y', '{}')")
    (tmp_path / "to").mkdir()
    backup(path, tmp_path / "to" / "mail.db", quiet)
    for place, said in ((path, ""), (tmp_path / "to" / "mail.db", "backup copy")):
        store = SqliteStore(place)
        await store.open()
        assert said in store.paused
        assert bool(store.paused) == bool(said)
        await store.close()


async def test_a_first_schema_put_back_after_an_upgrade_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    first_schema(path)
    altered(path, "INSERT INTO event (at, kind, actor, data) VALUES (1, 'x', 'y', '{}')")
    before = path.read_bytes()
    await lived(path)
    path.write_bytes(before)
    store = SqliteStore(path)
    await store.open()
    assert "earlier state" in store.paused
    await store.close()


# --- check ---


async def test_a_store_in_order_has_no_findings_also_while_it_is_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    await store.put(mail("A", ["x@a.example", "y@b.example"]), NOW)
    await store.put(mail("B", raw=b"y" * 600_000, delay=5), NOW)
    await store.put(mail("C", holds=[hold()], per={"bob@client.example": {"state": "held"}}), NOW)
    await carry(store)
    assert findings(store.path) == []
    await store.close()
    before = store.path.read_bytes()
    assert findings(store.path) == []
    assert store.path.read_bytes() == before
    again = SqliteStore(store.path)
    await again.open()
    assert again.paused == ""
    await again.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE chunk SET data = 'x' || substr(data, 2)", "W0: the stored message does not match its checksum"),
        ("DELETE FROM chunk", "does not match its checksum"),
        ("DELETE FROM delivery", "W0: bob@client.example was accepted, but has no delivery"),
        ("UPDATE envelope SET recipients = '[]'", "bob@client.example has a delivery too many"),
        ("UPDATE tally SET deliveries = 7 WHERE state = 'sent'", "the tally says that 7 deliveries are sent"),
        ("UPDATE delivery SET fence = 4711", "fence 4711 is used"),
        ("UPDATE mail SET unfinished = 3", "3 deliveries are said to be unfinished, there are 0"),
        ("UPDATE delivery SET ended_at = NULL", "is sent, which its end contradicts"),
        ("UPDATE mail SET version = 9", "version 9 is the one that leaves"),
        ("INSERT INTO event (mail, at, kind, actor, data) VALUES (99, 1, 'x', 'y', '{}')", "a row of mail that is not"),
        (
            (
                "INSERT INTO delivery (mail, address, address_key, notify, destination, state, shorten, flagged, added,"
                "visible, external) SELECT mail, 'z', 'z', '', '', 'held', '', '', 1, 1, 1 FROM delivery"
            ),
            "nobody is asked",
        ),
    ],
)
async def test_each_kind_of_damage_has_its_words(tmp_path: Path, damage: str, words: str) -> None:
    await lived(tmp_path / "mail.db", 1)
    assert findings(tmp_path / "mail.db") == []
    altered(tmp_path / "mail.db", damage)
    found = findings(tmp_path / "mail.db")
    assert any(words in line for line in found), found


async def test_a_page_of_noise_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    await lived(path, 20)
    data = bytearray(path.read_bytes())
    data[16384:32768] = b"\xa5" * 16384
    path.write_bytes(data)
    assert any("damaged" in line for line in findings(path))


# --- migrate ---


async def test_migrate_says_from_where_to_where_and_does_it_once(tmp_path: Path) -> None:
    path, last = tmp_path / "mail.db", migrations("sqlite")[-1][0]
    first_schema(path)
    assert migrate(path) == (1, last)
    assert migrate(path) == (last, last)
    await lived(path)
    assert findings(path) == []


async def test_migrate_refuses_while_the_store_is_in_use(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    with pytest.raises(ConfigError, match="in use by process"):
        migrate(tmp_path / "mail.db")
    await store.close()


async def test_check_asks_for_a_migration_of_an_old_file(tmp_path: Path) -> None:
    first_schema(tmp_path / "mail.db")
    with pytest.raises(ConfigError, match="db migrate"):
        findings(tmp_path / "mail.db")
