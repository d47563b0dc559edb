"""Bodies encrypted at rest: no file has them, and without the key nobody reads them, on both databases."""

import asyncio
import base64
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mailguard.errors import ConfigError, TemporaryFailure
from mailguard.mail.headers import AddCc, Drop, Splice
from mailguard.records import Action, Fact, Hit, Mode, NewNotice, NoticeKind, State
from mailguard.store.base import Store
from mailguard.store.places import place
from mailguard.store.postgres import PostgresStore
from mailguard.store.retention import Retention
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.settings import EncryptionSettings, OldKey
from mailguard.store.sqlite import SqliteStore, backup
from mailguard.testing import FakeClock
from tests.postgres import Postgres
from tests.store.making import ANN, NOW, OK, body, claim, hold, later, mail, settle
from tests.store.test_moving import move

A, B = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
TEXT, WORD = b"tajemnica-przedsiebiorstwa-4711", "poufnosc-0815"
KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))
LARGE = TEXT * 20_000  # three pieces
SPLICED = "ustep-wstawiony-1234"
EDITS = AddCc("pa@corp.example"), Splice(5, 9, SPLICED)
HIT = Hit("r1", Mode.ENFORCE, Action.HOLD, "a word", frozenset(), "high", (("body", WORD),))


class Site:
    """One place, opened with one key or another."""

    def __init__(self, folder: Path, postgres: Postgres | None) -> None:
        self.folder, self.postgres = folder, postgres
        self.url = postgres.fresh() if postgres else f"sqlite://{folder / 'mail.db'}"

    @asynccontextmanager
    async def open(self, keys: Keyring) -> AsyncIterator[Store]:
        store: Store
        if self.postgres:
            store = PostgresStore(self.url, clock=FakeClock(), callers_clock=True, keys=keys)
        else:
            store = SqliteStore(self.folder / "mail.db", clock=FakeClock(), keys=keys)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def on_disk(self, text: bytes | str) -> list[str]:
        """Where it stands: the store's files and its log, a backup, a standby, a dump."""
        wanted = text.encode() if isinstance(text, str) else text
        if self.postgres:
            return ["dump"] if dumped(self.url, wanted) else []
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        backup(self.folder / "mail.db", copy, lambda *_: None)
        backup(self.folder / "mail.db", self.folder / "standby.db", lambda *_: None, renew=True)  # as `db standby` does
        return sorted(path.name for path in self.folder.iterdir() if wanted in path.read_bytes())

    def say(self, sql: str) -> list[Any]:
        if self.postgres:
            schema = self.url.rpartition("=")[2]
            return self.postgres.say(f"SET search_path = {schema}; {sql}").split("\n")
        with contextlib.closing(sqlite3.connect(self.folder / "mail.db")) as db:
            rows = [row[0] for row in db.execute(sql)]
            db.commit()
        return rows

    def check(self, **keys: Any) -> list[str]:
        return list(place(self.url, EncryptionSettings(**keys)).check(lambda *_: None))


def dumped(url: str, text: bytes) -> bool:
    """Whether pg_dump writes it; it shows bytea in hexadecimal."""
    schema = url.rpartition("=")[2]
    address = url.replace(f"&search_path={schema}", "")
    dump = subprocess.run(["pg_dump", f"--schema={schema}", address], check=True, capture_output=True).stdout
    assert b"CREATE TABLE" in dump
    return text in dump or text.hex().encode() in dump


@pytest.fixture(params=["postgres", "sqlite"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.getfixturevalue("postgres") if request.param == "postgres" else None)


def letter(queue_id: str, raw: bytes = b"Subject: x\r\n\r\n" + TEXT, **more: Any) -> Any:
    made = mail(queue_id, raw=raw, edits=EDITS, **more)
    return replace(made, verdict=replace(made.verdict, hits=(HIT,)))


async def load_run(store: Store) -> None:
    """Mail as it comes: at once and large, sent, held, stopped before it was."""
    await store.put(letter("BIG", LARGE, delay=10), NOW)
    await asyncio.gather(*(store.put(letter(f"Q{n}"), NOW) for n in range(60)))
    await asyncio.gather(*(store.put(letter(f"H{n}", holds=[hold()]), NOW) for n in range(20)))
    for one in await claim(store, limit=30):
        await settle(store, one, OK)


@pytest.mark.parametrize("keys", [Keyring(A), PLAIN], ids=["on", "off"])
async def test_no_file_and_no_copy_has_a_body_or_the_words_found_in_it(site: Site, keys: Keyring) -> None:
    async with site.open(keys) as store:
        await load_run(store)
        files = site.on_disk(TEXT)
        words = site.on_disk(WORD) + site.on_disk(SPLICED)
        assert site.on_disk("Quote")  # the search does find what is there: a subject
    after = site.on_disk(TEXT)
    found = bool(files), bool(words), bool(after)
    assert found == ((False,) * 3 if keys else (True,) * 3), (files, words, after)


async def test_no_file_of_the_server_and_not_the_log_that_its_standby_gets_has_a_body(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Other tests use this server, too: each text here is nobody else's."""
    texts = {keys: uuid4().hex for keys in (True, False)}
    for keys, text in texts.items():
        async with Site(tmp_path, postgres).open(Keyring(A) if keys else PLAIN) as store:
            await store.put(letter("Q1", f"Subject: x\r\n\r\n{text}\r\n".encode()), NOW)
    postgres.say("CHECKPOINT")
    files = [path for path in (postgres.folder / "data").rglob("*") if path.is_file()]
    holding = {keys: [path for path in files if text.encode() in path.read_bytes()] for keys, text in texts.items()}
    assert holding[True] == []
    assert {"pg_wal", "base"} <= {part for path in holding[False] for part in path.parts}, "plain it is found"


async def test_it_is_read_as_it_was(site: Site) -> None:
    async with site.open(Keyring(A)) as store:
        await load_run(store)
        assert await body(store, "BIG") == LARGE
        assert await body(store, "H3") == b"Subject: x\r\n\r\n" + TEXT
        found = await store.get("H3")
        assert found
        assert (found.hits, found.edits) == ((HIT,), EDITS)
        taken = {one.mail.queue_id: one.raw for one in await claim(store, later(20), per_destination=100)}
        assert taken["BIG"] is None
        assert set(taken.values()) == {None, b"Subject: x\r\n\r\n" + TEXT}
    assert await asyncio.to_thread(site.check, key=A) == []


@pytest.mark.parametrize("keys", [Keyring(B), PLAIN], ids=["another", "none"])
async def test_without_its_key_nothing_starts(site: Site, keys: Keyring) -> None:
    async with site.open(Keyring(A)) as store:
        await store.put(letter("Q1"), NOW)
    with pytest.raises(ConfigError, match=r"1 stored mails are encrypted with key .*encryption\.old"):
        async with site.open(keys):
            pass
    with pytest.raises(ConfigError, match=r"encryption\.old"):
        await asyncio.to_thread(site.check)
    with pytest.raises(ConfigError, match=r"encryption\.old"):
        async with place(site.url).onlooker():
            pass
    async with site.open(Keyring(A)) as store:
        assert TEXT in await body(store)


async def test_another_key_is_for_mail_to_come_and_housekeeping_brings_the_rest_to_it(site: Site) -> None:
    async with site.open(Keyring(A)) as store:
        await load_run(store)
    pieces = len(site.say("SELECT id FROM chunk"))
    async with site.open(Keyring(B, [A])) as store:
        await store.put(letter("NEW"), NOW)
        assert len(set(site.say("SELECT key_id FROM mail"))) == 2
        await store.purge(NOW, KEEP)
        assert len(set(site.say("SELECT key_id FROM mail"))) == 1
    async with site.open(Keyring(B)) as store:  # the old one may go
        assert await body(store, "BIG") == LARGE
        found = await store.get("H3")
        assert found
        assert (found.hits, found.edits) == ((HIT,), EDITS)
    with pytest.raises(ConfigError):
        async with site.open(Keyring(A)):
            pass
    assert len(site.say("SELECT id FROM chunk")) == pieces + 1
    assert await asyncio.to_thread(site.check, key=B) == []


async def test_what_was_there_before_is_encrypted_by_housekeeping_and_decrypted_again(site: Site) -> None:
    async with site.open(PLAIN) as store:
        await load_run(store)
    async with site.open(Keyring(A)) as store:
        await store.purge(NOW, KEEP)
        assert site.on_disk(TEXT) == []
        assert site.on_disk(WORD) == []
        assert await body(store, "BIG") == LARGE
    assert await asyncio.to_thread(site.check, key=A) == []
    async with site.open(Keyring(old=[A])) as store:
        await store.purge(NOW, KEEP)
    async with site.open(PLAIN) as store:
        assert await body(store, "BIG") == LARGE
        found = await store.get("H3")
        assert found
        assert (found.hits, found.edits) == ((HIT,), EDITS)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE chunk SET data = (SELECT data FROM chunk WHERE id = 131072) WHERE id = 65536",  # of another mail
        "UPDATE chunk SET data = (SELECT data FROM chunk WHERE id = 196609) WHERE id = 196608",  # in another place
        "UPDATE mail SET body_key = (SELECT body_key FROM mail WHERE id = 2)",
        "UPDATE mail SET body_key = ''",
    ],
    ids=["another-mail", "another-place", "another-key", "no-key"],
)
async def test_what_was_put_in_its_place_is_damage_and_never_sent(site: Site, sql: str) -> None:
    async with site.open(Keyring(A)) as store:
        for name, raw in (("Q1", TEXT), ("Q2", TEXT), ("Q3", LARGE)):
            await store.put(mail(name, raw=raw), NOW)
    site.say(sql)
    async with site.open(Keyring(A)) as store:
        got = {name: await body(store, name) for name in ("Q1", "Q3")}
        assert got != {"Q1": TEXT, "Q3": LARGE}
        assert all(raw in (b"", TEXT, LARGE) for raw in got.values())  # nothing of one in the other
    assert any("checksum" in line for line in await asyncio.to_thread(site.check, key=A))


async def test_a_later_version_is_encrypted_too(site: Site) -> None:
    async with site.open(Keyring(A)) as store:
        await store.put(letter("Q1", to=["bob@client.example", "eve@client.example"], delay=10), NOW)
        await store.drop("Q1", ["eve@client.example"], by=ANN, now=NOW, edit_headers=True)
        found = await store.get("Q1")
        assert found
        assert (found.hits, found.edits) == ((HIT,), (*EDITS, Drop("eve@client.example")))
        assert site.on_disk(WORD) + site.on_disk(SPLICED) == []


async def test_no_two_pieces_look_alike(site: Site) -> None:
    async with site.open(Keyring(A)) as store:
        for name in ("Q1", "Q2"):
            await store.put(letter(name, bytes(600 << 10)), NOW)
    pieces = site.say("SELECT data FROM chunk")
    assert len(pieces) == 6
    assert len({str(one)[:64] for one in pieces}) == 6
    assert len(set(site.say("SELECT evidence FROM version"))) == 2


async def test_purge_takes_the_key_with_the_bytes(site: Site) -> None:
    async with site.open(Keyring(A)) as store:
        await store.put(letter("Q1"), NOW)
        for one in await claim(store):
            await settle(store, one, OK)
        assert await store.purge(NOW + timedelta(days=8), KEEP) == 1
        found = await store.get("Q1")
        assert found
        assert found.purged
        assert found.edits == (AddCc("pa@corp.example"), Splice(5, 9, ""))
    assert site.on_disk(SPLICED) == []
    assert [str(one) for one in site.say("SELECT key_id || body_key FROM mail")] == [""]
    async with site.open(PLAIN) as store:  # nothing is left that a key would be for
        assert await body(store) == b""


async def test_moved_to_postgresql_they_stay_encrypted(tmp_path: Path, postgres: Postgres) -> None:
    here, there = Site(tmp_path, None), Site(tmp_path, postgres)
    async with here.open(Keyring(A)) as store:
        await load_run(store)
    assert await move(tmp_path / "mail.db", there.url)
    assert there.on_disk(TEXT) == []
    assert there.on_disk(WORD) == []
    async with there.open(Keyring(A)) as moved:
        assert await body(moved, "BIG") == LARGE
        found = await moved.get("H3")
        assert found
        assert (found.hits, found.edits) == ((HIT,), EDITS)


async def test_a_node_without_a_new_key_leaves_its_mail_to_who_has_it(postgres: Postgres, tmp_path: Path) -> None:
    site = Site(tmp_path, postgres)
    async with site.open(Keyring(A)) as old, site.open(Keyring(B, [A])) as new:
        await new.put(letter("Q1"), NOW)
        await old.put(letter("Q2"), NOW)
        with pytest.raises(TemporaryFailure, match="does not name"):
            await claim(old)  # says so, and has taken nothing
        found = await new.get("Q1")
        assert found
        assert {d.state for d in found.deliveries} == {State.QUEUED}
        assert [one.mail.queue_id for one in await claim(old)] == ["Q2"]
        assert await claim(old) == []
        assert [one.mail.queue_id for one in await claim(new)] == ["Q1"]


async def test_what_is_to_be_told_of_it_is_left_to_them_too(postgres: Postgres, tmp_path: Path) -> None:
    """Else every round of the node without the key fails, and it tells nobody anything of any mail."""
    site = Site(tmp_path, postgres)
    async with site.open(Keyring(A)) as old, site.open(Keyring(B, [A])) as new:
        await old.set_archive("journal@archive.example", tuple(Fact), by=ANN, now=NOW)
        for store, name in ((new, "Q1"), (old, "Q2")):
            told = NewNotice(NoticeKind.HELD, f"{name}@corp.example", name)
            two = ["bob@client.example", "eve@client.example"]
            await store.put(letter(name, to=two, delay=1, notices=(told,)), NOW)
            await store.drop(name, two[:1], by=ANN, now=NOW, edit_headers=True)
            await store.put(letter(f"{name}-HELD", to=two, holds=[hold(expires_at=later(5))]), NOW)
        for one in await claim(new, later(1)):
            await settle(new, one, OK, later(1))

        async def journals(store: Store) -> set[str]:
            found = await store.claim_journals(later(2), lease=timedelta(hours=6), limit=10)
            return {one.mail.queue_id for one in found}

        async def notices(store: Store) -> set[str]:
            found = await store.claim_notices(
                later(2), lease=timedelta(hours=6), limit=10, digest_over=5, digest_within=timedelta(minutes=10)
            )
            return {one.person for one in found}

        async def sent_copy(store: Store) -> str:
            found = await store.claim_sent_copy(later(2), lease=timedelta(minutes=30))
            return found.mail.queue_id if found else ""

        async def ended(store: Store) -> set[str]:
            return {one.queue_id for one in await store.expire(later(6)) if one.outcome != "reminded"}

        with pytest.raises(TemporaryFailure, match="does not name"):
            await journals(old)
        assert [await ask(old) for ask in (journals, notices, ended)] == [{"Q2"}, {"Q2@corp.example"}, {"Q2-HELD"}]
        assert await sent_copy(old) == ""
        assert [await ask(new) for ask in (journals, notices, ended)] == [{"Q1"}, {"Q1@corp.example"}, {"Q1-HELD"}]
        assert await sent_copy(new) == "Q1"
        assert await sent_copy(old) == "Q2"


async def test_housekeeping_without_its_key_goes_on_with_the_rest(postgres: Postgres, tmp_path: Path) -> None:
    site, long_after = Site(tmp_path, postgres), NOW + timedelta(days=8)
    async with site.open(Keyring(old=[A])) as old, site.open(Keyring(B, [A])) as new, site.open(Keyring(A)) as first:
        for name, store in (("Q1", new), ("Q2", first)):
            await store.put(letter(name), NOW)
            await store.put(letter(f"{name}-HELD", holds=[hold()]), NOW)
        for one in await claim(new):
            await settle(new, one, OK)
        with pytest.raises(TemporaryFailure, match="does not name"):
            await old.purge(long_after, KEEP)
        await old.purge(long_after, KEEP)
        found = [await new.get(name) for name in ("Q1", "Q2")]
        assert [one.purged if one else None for one in found] == [False, True]
        assert site.on_disk(SPLICED) == ["dump"], "what waits in plain words by now"
        assert await body(new, "Q1-HELD") == b"Subject: x\r\n\r\n" + TEXT
        await new.purge(long_after, KEEP)
        assert site.on_disk(SPLICED) == []


@pytest.mark.parametrize("text", ["short", base64.b64encode(bytes(31)).decode(), "é" * 44])
def test_what_is_no_key_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        Keyring(text)
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        EncryptionSettings(key=A, old=[OldKey(key=text)]).keys()


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ConfigError, match=r"mailguard\[encryption\]"):
        Keyring(A)
