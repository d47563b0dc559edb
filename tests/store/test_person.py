"""One person: all that is kept of them is found, and after an erasure nothing of it is anywhere, on both databases."""

import base64
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailguard.mail.address import key
from mailguard.mail.sketch import Sketch
from mailguard.records import (
    AppPassword,
    Capability,
    Fact,
    Kept,
    Login,
    NewNotice,
    NoticeKind,
    Power,
    Role,
    Thread,
    Token,
)
from mailguard.store.base import Store
from mailguard.store.inventory import PERSONAL, SECRET, TABLES
from mailguard.store.inventory.page import written_into
from mailguard.store.postgres import PostgresStore
from mailguard.store.sealing import Keyring
from mailguard.store.sqlite import writer
from mailguard.store.statements import migrations
from tests.postgres import Postgres
from tests.store.making import ADMIN, ANN, NOW, OK, carry, hold, later, mail
from tests.store.test_encryption import Site
from tests.store.test_habits import letter
from tests.store.test_links import digest

ME, HER = "planted-4711@corp.example", "planted-4712@client.example"
BOB, EVE = "bob@client.example", "eve@corp.example"
ROOT = Path(__file__).parents[2]
KEYS = Keyring(base64.b64encode(bytes(32)).decode())
PLANTED = ("planted-4711", "planted-4712")


@pytest.fixture(params=["postgres", "sqlite"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.getfixturevalue("postgres") if request.param == "postgres" else None)


def written(queue_id: str, sender: str, to: str, **more: Any) -> Any:
    """With everything that is kept of a mail."""
    sketch = more.pop("sketch", Sketch((1, 2), (3, 4), (5, 6)))
    kept = more.pop("kept", Kept(to=(to,)))
    new = mail(
        queue_id, to=(to,), sender=sender, sketch=sketch, kept=kept, files=(digest(queue_id),),
        per={to: {"external": True}}, references=("<0@c>",), parent="<0@c>", subject=f"to {to}", **more,
    )  # fmt: skip
    return replace(new, remembered=letter([to], sender=sender))


async def filled(store: Store) -> None:
    """Both of them in every table that may hold a person, and other people's mail that mentions them."""
    await store.set_archive("journal@archive.example", tuple(Fact), by=ADMIN, now=NOW)
    told = (NewNotice(NoticeKind.HELD, ME, "Q1"),)
    await store.put(written("Q1", ME, HER, notices=told), NOW)
    await carry(store)
    await store.put(written("Q2", HER.replace("client", "corp"), BOB), NOW)
    await store.put(written("Q7", ANN.name, BOB, inside=(ME.title(),)), NOW)
    await store.put(written("Q3", ANN.name, BOB, sketch=Sketch((1,), (2,), (3,), authors=(HER, ME))), NOW)
    await carry(store)
    past = Kept(thread=Thread(members=frozenset({ME, HER})))
    await store.put(written("Q4", ANN.name, BOB, kept=past, delay=9), NOW)
    await store.put(written("Q5", ANN.name, BOB, sketch=Sketch((1,), (2,), (3,), authors=(ME,)), delay=9), NOW)
    await store.put(written("Q6", ME, HER, holds=[hold(approvers=(EVE, ME))]), NOW)
    await store.cancel("Q6", by=replace(ADMIN, name=ME), now=NOW)
    await store.grant([Capability(digest("link"), "Q1", ME, Power.SENDER)], NOW)
    await store.set_code(f"login:{ME}:browser", digest("123456"), later(10), NOW)
    await store.set_factor(ME, "SECRET", [digest("recovery")], by=ADMIN, now=NOW)
    await store.add_app_password(AppPassword(ME, "Phone", NOW), digest("device"), by=ADMIN, now=NOW)
    await store.open_login(digest("session"), Login(ME, later(60), name=ME))
    token = Token("outlook", Role.SENDER, ME.title(), "uid 0", NOW, later(9000))
    await store.add_token(token, digest("token"), by=ADMIN, now=NOW)
    await store.remember(f"preference:{ME}", {"language": "pl"}, event="preference.set", by=ADMIN, now=NOW)
    await store.record("sign_in.failed", by=ADMIN, now=NOW, data={"name": ME})
    await store.notify([NewNotice(NoticeKind.ALERT, EVE, data={"name": HER})], NOW)
    for claim in await store.claim_notices(
        NOW, lease=timedelta(hours=1), limit=9, digest_over=9, digest_within=timedelta()
    ):
        await store.settle_notice(claim, OK, NOW)
    for one in await store.claim_journals(NOW, lease=timedelta(hours=1), limit=9):
        await store.settle_journal(one, "250 ok", NOW)
    await carry(store, later(10))


async def found(store: Store, person: str) -> Counter[str]:
    return Counter(table for table, _ in await store.of_person(person))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's log is emptied after each erasure, and not once a minute."""
    monkeypatch.setattr(writer, "_CHECKPOINT_SECONDS", 0.0)


async def test_all_that_is_kept_is_shown_and_after_an_erasure_nothing_is_anywhere(site: Site) -> None:
    async with site.open(KEYS) as store:
        await filled(store)
        before = await found(store, ME) + await found(store, HER)
        assert PERSONAL.keys() - before.keys() == {"journal", "legal_hold"}, "then what follows says nothing of them"
        for word in PLANTED:
            assert site.on_disk(word), "the search does find what is there"
        for person in (ME.upper(), HER, HER.replace("client", "corp")):
            await store.erase(person, by=ADMIN, now=later(20))
        assert await found(store, ME) == Counter()
        assert await found(store, HER) == Counter()
        for word in PLANTED:
            assert site.on_disk(word) == [], "beside the running store, in its log and in a copy"
        left = [one for one in ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7") if await store.get(one)]
        assert left == ["Q3", "Q4", "Q5"], "others' mail stays"
    for word in PLANTED:
        assert site.on_disk(word) == []


async def test_what_waits_for_the_archive_stays_until_it_was_told(site: Site) -> None:
    async with site.open(KEYS) as store:
        await store.set_archive("journal@archive.example", tuple(Fact), by=ADMIN, now=NOW)
        await store.put(mail("Q1", to=(HER,)), NOW)
        await carry(store)
        assert await found(store, ANN.name) >= Counter({"mail": 1, "journal": 1})
        what = await store.erase(HER, by=ADMIN, now=NOW)
        assert (what.mails, what.waiting) == (0, 1)
        (one,) = await store.claim_journals(NOW, lease=timedelta(hours=1), limit=1)
        await store.settle_journal(one, "250 ok", NOW)
        assert (await store.erase(HER, by=ADMIN, now=NOW)).mails == 1
        assert site.on_disk(PLANTED[1]) == []


async def test_who_got_a_mail_sees_no_other_recipient_and_nothing_that_opens_anything(site: Site) -> None:
    async with site.open(KEYS) as store:
        await store.put(mail("Q1", to=(HER, BOB), per={BOB: {"visible": False}}, subject="to both", inside=(EVE,)), NOW)
        facts = Kept(to=(HER,), cc=(BOB,), yes={"external": (HER, BOB)})
        learnt = letter([HER, BOB], sender=ANN.name)
        await store.put(replace(mail("Q2", to=(HER, BOB), kept=facts, delay=9), remembered=learnt), NOW)
        await carry(store)
        await store.set_factor(ME, "SECRET", [], by=ADMIN, now=NOW)
        rows = await store.of_person(HER)  # type: ignore[attr-defined]
        assert "to both" in {row["subject"] for table, row in rows if table == "mail"}
        assert {row["address"] for table, row in rows if table == "delivery"} == {HER}
        assert {"remembered", "kept"} <= {table for table, _ in rows}
        assert not [one for one in (BOB, EVE) if one in str([row for table, row in rows if table != "event"])]
        (factor,) = [row for table, row in await store.of_person(ME) if table == "factor"]  # type: ignore[attr-defined]
        assert factor == {"name": ME, "step": 0, "wrong": 0}


async def test_an_approver_is_found_however_a_rule_spells_them(site: Site) -> None:
    async with site.open(KEYS) as store:
        await store.put(mail("Q1", to=(BOB,), holds=[hold(approvers=("Anna@Corp.example",))]), NOW)
        assert (await found(store, "anna@corp.example"))["hold"] == 1


async def test_whose_address_ends_like_anothers_is_shown_nothing_of_them(site: Site) -> None:
    anna, joanna = "anna@corp.example", "joanna@corp.example"
    async with site.open(KEYS) as store:
        approved = [hold(approvers=(joanna,))]
        await store.put(mail("Q1", to=(BOB,), inside=(joanna,), subject="about Joanna", holds=approved), NOW)
        await store.cancel("Q1", by=replace(ADMIN, name=joanna), now=NOW)
        authors = Sketch((1,), (2,), (3,), authors=(joanna,))
        await store.put(written("Q2", ANN.name, BOB, sketch=authors, kept=Kept(cc=(joanna,)), delay=9), NOW)
        await store.put(written("Q3", ANN.name, joanna), NOW)
        await carry(store)
        await store.set_code(f"login:{joanna}:browser", digest("123456"), later(10), NOW)
        await store.remember(f"absence:{joanna}", {"deputy": joanna}, event="absence.set", by=ADMIN, now=NOW)
        assert await found(store, anna) == Counter()
        there = {"mail", "hold", "event", "sketch", "audience", "kept", "remembered", "code", "memory"}
        assert there <= set(await found(store, joanna))


async def test_an_erasure_leaves_the_texts_of_whose_address_ends_like_theirs(site: Site) -> None:
    anna, joanna = "anna@client.example", "joanna@client.example"
    authors = Sketch((1,), (2,), (3,), authors=(joanna,))
    async with site.open(KEYS) as store:
        await store.put(written("Q1", ANN.name, BOB, sketch=authors, delay=9), NOW)
        await store.put(written("Q2", ANN.name, joanna), NOW)
        await carry(store)
        before = await found(store, joanna)
        assert before >= Counter({"sketch": 1, "audience": 1})
        await store.erase(anna, by=ADMIN, now=NOW)
        gone = before - await found(store, joanna)
        assert gone.keys() <= {"kept"}, "its free text may name anybody: there rather too much goes"


@pytest.mark.parametrize("person", ["jürgen@münchen.example", "o'hara_%@client.example"])
async def test_any_address_is_found_and_erased(site: Site, person: str) -> None:
    async with site.open(KEYS) as store:
        await store.record("sign_in.failed", by=ADMIN, now=NOW, data={"name": person})
        await store.put(written("Q1", ANN.name, person), NOW)
        await store.put(written("Q2", ANN.name, BOB, kept=Kept(cc=(key(person),))), NOW)
        await carry(store)
        assert {"mail", "delivery", "event", "kept", "written"} <= set(await found(store, person))
        await store.erase(person, by=ADMIN, now=NOW)
        assert await found(store, person) == Counter()


# --- the inventory ---


def columns_of_sqlite() -> set[tuple[str, str]]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, script in migrations("sqlite"):
        db.executescript(script)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    ours = [name for name in tables if not name.startswith(("sqlite_", "word_"))]
    found = {(name, row[1]) for name in ours for row in db.execute(f"PRAGMA table_info({name})")}
    db.close()
    return found


async def columns_of_postgres(postgres: Postgres) -> set[tuple[str, str]]:
    url = postgres.fresh()
    store = PostgresStore(url)
    await store.open()
    await store.close()
    rows = postgres.say(
        "SELECT c.table_name || ' ' || c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
        " USING (table_schema, table_name)"
        f" WHERE c.table_schema = '{url.rpartition('=')[2]}' AND t.table_type = 'BASE TABLE'"
    )
    return {(table, column) for table, column in (row.split() for row in rows.splitlines())}


async def test_every_table_and_column_is_described_and_nothing_else_is(postgres: Postgres) -> None:
    there = columns_of_sqlite() | await columns_of_postgres(postgres)
    assert {(table.name, column) for table in TABLES for column in table.columns} == there
    twice = [(table.name, column) for table in TABLES for column in table.plain.split() if column in table.personal]
    assert twice == []
    assert all((table.what, table.why, table.kept, table.erased) for table in TABLES)


def test_the_page_says_what_the_code_says() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    assert written_into(page) == page, "make privacy"


def test_what_can_be_told_to_a_person_is_all_that_is_personal() -> None:
    """But for the bytes, which come as the mail itself, and an index of what stands elsewhere."""
    silent = {table.name for table in TABLES if table.personal and not table.asked}
    assert silent == {"chunk", "word", "archive"}
    assert {column for table in TABLES for column in table.columns} >= SECRET
