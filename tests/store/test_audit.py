"""The audit: every event is chained, what is forgotten leaves its proof, and nothing else can go."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.audit import Walk
from mailguard.records import NewNotice, NoticeKind, Record, Seal
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.conftest import sqlite_only
from tests.store.making import ADMIN, ANN, NOW, carry, hold, later, mail, state
from tests.store.test_purge import on_disk

KEEP = Retention(bodies=timedelta(days=7), decisions=timedelta(days=400), facts=timedelta(days=90))


async def walk(store: Store) -> tuple[Walk, list[str]]:
    walk = Walk()
    findings = [finding async for span in store.audit() for finding in walk.see(span)]
    return walk, findings + list(walk.end())


async def records(store: Store) -> list[Record]:
    return [record async for span in store.audit() for record in span.records]


async def seals(store: Store) -> list[Seal]:
    return [span.seal async for span in store.audit() if span.seal]


async def words(store: Store) -> str:
    return " ".join(f"{r.event.kind} {r.event.actor} {r.event.data}" for r in await records(store) if r.event)


async def test_events_are_chained_when_the_sealer_comes_and_not_before(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    found, findings = await walk(store)
    assert (findings, found.checked, found.head) == ([], 0, None)
    assert found.unsealed == 2
    first = await store.seal(NOW)
    assert first
    assert (first.number, first.first, first.last) == (1, 1, 2)
    assert await store.seal(NOW) is None
    await store.cancel("Q1", by=ANN, now=NOW)
    second = await store.seal(later(5))
    assert second
    assert second.previous == first.head
    found, findings = await walk(store)
    assert (findings, found.checked, found.unsealed, found.head) == ([], 3, 0, second)


async def test_many_events_are_sealed_range_by_range(store: Store) -> None:
    for number in range(1201):
        await store.record("mail.read", by=ANN, now=NOW, data={"n": str(number)})
    last = await store.seal(NOW)
    assert last
    assert [(seal.first, seal.last) for seal in await seals(store)] == [(1, 500), (501, 1000), (1001, 1201)]
    found, findings = await walk(store)
    assert (findings, found.checked) == ([], 1201)


async def test_two_sealers_at_once_make_one_chain(store: Store) -> None:
    for number in range(30):
        await store.record("mail.read", by=ANN, now=NOW, data={"n": str(number)})
    await asyncio.gather(*(store.seal(NOW) for _ in range(5)), *(store.put(mail(f"Q{n}"), NOW) for n in range(20)))
    await store.seal(NOW)
    found, findings = await walk(store)
    assert (findings, found.checked) == ([], 50)


async def test_a_record_of_a_mail_is_in_its_history_and_one_of_none_is_not_lost(store: Store) -> None:
    await store.put(mail(), NOW)
    await store.record("mail.read", by=ANN, now=NOW, queue_id="Q1", data={"what": "body"})
    await store.record("session.opened", by=ANN, now=NOW)
    assert [event.kind for event in await store.events("Q1")] == ["smtp.accepted", "mail.read"]
    kinds = [record.event.kind for record in await records(store) if record.event]
    assert kinds == ["smtp.accepted", "mail.read", "session.opened"]


async def test_retention_takes_words_and_leaves_proof(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    await store.record("session.opened", by=ANN, now=NOW)
    await store.seal(NOW)
    await store.put(mail("Q2", holds=[hold()]), NOW + timedelta(days=7))
    await store.purge(NOW + timedelta(days=8), KEEP)
    await store.purge(NOW + timedelta(days=401), KEEP)
    assert await store.get("Q1") is None
    found, findings = await walk(store)
    assert findings == []
    assert found.forgotten == (await seals(store))[0], "nothing of it is left"
    assert found.erased == 1, "of the second range Q2 is left"
    said = await words(store)
    assert "session.opened" not in said
    assert "audit.erased" in said
    await store.cancel("Q2", by=ADMIN, now=NOW + timedelta(days=402))
    await store.purge(NOW + timedelta(days=410), KEEP)
    await store.purge(NOW + timedelta(days=900), KEEP)
    found, findings = await walk(store)
    assert findings == []
    assert all(seal.forgotten for seal in await seals(store))
    assert (found.checked, found.unsealed) == (0, 1), "the last erasure says what went"


async def test_a_person_is_erased_from_what_has_ended_and_the_chain_holds(store: Store) -> None:
    bob, kim = "bob@client.example", "Kim@Client.example"
    notice = NewNotice(NoticeKind.HELD, "ann@corp.example", "Q1")
    await store.put(mail("Q1", [bob, kim], notices=(notice,)), NOW)
    await store.put(mail("Q2", [bob]), NOW)
    await carry(store)
    await store.put(mail("Q3", [kim], holds=[hold()]), NOW)
    await store.record("sign_in.failed", by=ADMIN, now=NOW, data={"name": kim.lower()})
    await store.record("sign_in.failed", by=ADMIN, now=NOW, data={"name": "xkim@client.example.org"})
    what = await store.erase("kim@client.example", by=ADMIN, now=NOW, dry_run=True)
    assert (what.mails, what.waiting) == (1, 1)
    assert await store.get("Q1")
    assert await store.erase("kim@client.example", by=ADMIN, now=NOW) == what
    assert await store.get("Q1") is None
    assert await state(store, "Q3") == "held"
    await store.seal(NOW)
    found, findings = await walk(store)
    assert findings == []
    assert found.erased == what.records
    said = await words(store)
    assert "xkim@client.example.org" in said
    assert said.lower().count(" kim@client") + said.lower().count("'kim@client") == 0
    assert set(await store.written_by("ann@corp.example")) == {bob}
    assert (await store.erase("kim@client.example", by=ADMIN, now=NOW, dry_run=True)).records == 0


async def test_what_an_erased_person_chose_is_forgotten_and_nobody_elses(store: Store) -> None:
    for name in ("preference:kim@client.example", "absence:kim@client.example", "preference:xkim@client.example"):
        await store.remember(name, {"x": 1}, event="preference.set", by=ADMIN, now=NOW)
    await store.remember("order/kim@client.example", {"x": 1}, event="order.seen", by=ADMIN, now=NOW)
    await store.erase("Kim@client.example", by=ADMIN, now=NOW)
    kept = {"preference:xkim@client.example", "order/kim@client.example", "history.erasures"}  # a number, of nobody
    assert set(await store.recall("*")) == kept


@sqlite_only
async def test_what_was_erased_is_in_no_file(store: Store, tmp_path: Path, another: Callable[[], Store]) -> None:
    planted = "planted-4711@client.example"
    await store.put(mail(to=[planted]), NOW)
    await carry(store)
    await store.seal(NOW)
    await store.erase(planted, by=ADMIN, now=NOW)
    await store.close()
    assert on_disk(tmp_path, b"planted-4711") == []
    again = another()
    await again.open()
    assert (await walk(again))[1] == []
    await again.close()


@pytest.mark.parametrize("times", [1, 3])
async def test_erasing_again_changes_nothing(store: Store, times: int) -> None:
    await store.put(mail(), NOW)
    await carry(store)
    for _ in range(times):
        await store.erase("bob@client.example", by=ADMIN, now=NOW)
    assert (await walk(store))[1] == []
    assert sum(r.event is not None and r.event.kind == "audit.erased" for r in await records(store)) == 1
