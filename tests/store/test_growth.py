"""What is asked of a store in which very much waits does not walk all of it, and forgetting takes small steps."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.records import State
from mailguard.store.base import Filter, Store
from mailguard.store.postgres import PostgresStore, server
from mailguard.store.retention import Retention
from mailguard.store.sqlite import connection
from mailguard.store.sqlite import store as sqlite
from mailguard.store.verbs import purge
from mailguard.testing import eventually
from tests.postgres import Postgres
from tests.store.making import ANN, NOW, claim, hold, later, mail, settle

SENDER = "ann@corp.example"
FEW = {
    "oldest_held": "delivery_held",
    "oldest_sending": "delivery_lease",
    "interrupted": "delivery_interrupted",
    "left_behind": "delivery_lease",
    "due_at_destination": "delivery_due",
    "bodies_to_purge": "mail_to_purge",
    "mails_to_forget": "mail_to_forget",
    "forget_notices": "notice_by_mail",
    "slice_of_written": "written_by_age",
    "slice_of_remembered": "remembered_by_age",
    "slice_of_files": "sent_file_by_age",
    "slice_of_kept": "kept_by_age",
    "threads_to_forget": "thread_by_age",
}
NARROWED = {
    "search_held": "delivery_held",
    "search_sending": "delivery_lease",
    "find_approval": "hold_open",
    "find_approver": "hold_open",
}


@pytest.fixture
def db(tmp_path: Path) -> connection.Connection:
    connection.prepare(tmp_path / "empty.db")
    return connection.connect_writer(tmp_path / "empty.db")


def plan(db: connection.Connection, sql: str) -> str:
    named = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
    rows = db.execute(f"EXPLAIN QUERY PLAN {sql}", named or (0,) * sql.count("?")).fetchall()
    return "\n".join(row["detail"] for row in rows)


@pytest.mark.parametrize(("statement", "index"), FEW.items())
def test_few_are_found_by_their_own_index(db: connection.Connection, statement: str, index: str) -> None:
    assert re.search(rf"\b{index}\b", plan(db, db.sql[statement]))


@pytest.mark.parametrize(("part", "index"), NARROWED.items())
def test_a_list_of_few_begins_with_them(db: connection.Connection, part: str, index: str) -> None:
    sql = db.sql["search"]
    for gap, text in {"{from}": "mail m", "{words}": "", "{narrowed}": db.sql[part], "{order}": "m.id"}.items():
        sql = sql.replace(gap, text)
    found = plan(db, sql)
    assert re.search(rf"\b{index}\b", found)
    assert "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)" in found, "and not with every mail between two numbers"


async def test_the_oldest_of_each_state_is_known_whatever_is_older(store: Store) -> None:
    await store.put(mail("QUEUED", received_at=later(0), delay=60), NOW)
    await store.put(mail("HELD", received_at=later(1), holds=[hold()]), NOW)
    await store.put(mail("SENDING", received_at=later(2)), NOW)
    await claim(store)
    oldest = (await store.counts(NOW)).oldest
    assert oldest == {State.QUEUED: later(0), State.HELD: later(1), State.SENDING: later(2)}
    await store.cancel("HELD", by=ANN, now=NOW)
    assert State.HELD not in (await store.counts(NOW)).oldest
    assert [one.queue_id for one in await store.find(Filter(state=State.SENDING))] == ["SENDING"]


async def test_facts_are_forgotten_in_slices_and_all_of_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "SLICE", 2)
    keep = Retention(timedelta(days=400), timedelta(days=800), timedelta(days=90))
    for number in range(7):
        at = NOW + timedelta(minutes=number)
        await store.put(mail(f"Q{number}", to=["a@x.example", "b@x.example", "c@x.example"]), at)
        (one,) = await claim(store, at)
        await settle(store, one, now=at)
    recent = NOW + timedelta(days=60)
    await store.put(mail("LAST", to=["a@x.example"]), recent)
    (one,) = await claim(store, recent)
    await settle(store, one, now=recent)
    await store.purge(NOW + timedelta(days=91), keep)
    past = await store.facts_for(SENDER, ["a@x.example", "b@x.example"], ["<Q3@corp.example>"])
    assert (past.mails, past.since, past.written, past.thread) == (1, recent, {"a@x.example": 1}, None)


async def test_struck_out_words_leave_the_index_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one step did: no word of a mail that is gone is in the file."""
    monkeypatch.setattr(sqlite, "MERGED", 1)
    store = sqlite.SqliteStore(tmp_path / "mail.db")
    await store.open()
    for number in range(300):
        await store.put(mail(f"Q{number}", subject=f"{number}tajemnica"), NOW)
    for one in await claim(store, limit=300, per_destination=300):
        await settle(store, one, now=NOW)
    keep = Retention(timedelta(days=7), timedelta(days=8), timedelta(days=9))
    await store.purge(NOW + timedelta(days=20), keep)
    await store.erase("nobody@corp.example", by=ANN, now=NOW + timedelta(days=20))
    await store.close()
    assert b"tajemnica" not in (tmp_path / "mail.db").read_bytes()


async def test_each_node_knows_how_many_are_at_work(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BEAT_SECONDS", 0.1)
    url = postgres.fresh()
    one, other = PostgresStore(url), PostgresStore(url)
    await one.open()
    assert one.at_work == 1
    await other.open()
    assert other.at_work == 2, "at once: what it connects to counts both from the first mail on"
    await eventually(lambda: one.at_work == 2)
    await other.close()
    await eventually(lambda: one.at_work == 1)
    await one.close()
