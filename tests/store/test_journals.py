"""What an archive is told: a record in the commit of the fact, kept with the mail's bytes until it has been told."""

from datetime import timedelta

import pytest

from mailguard.errors import ClaimLost
from mailguard.mail.headers import Drop
from mailguard.records import Actor, Fact, JournalClaim, Kind
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store import making
from tests.store.making import ANN, NO, NOW, body, carry, claim, hold, kinds, later, mail, settle

ARCHIVE = "journal@archive.example"
BOB, KIM, EVE = "bob@client.example", "kim@client.example", "eve@rival.example"
BY = Actor("configuration", "policy")
KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))
LEASE = timedelta(hours=6)


async def archive(store: Store, *of: Fact) -> None:
    await store.set_archive(ARCHIVE, of or tuple(Fact), by=BY, now=NOW)


async def journals(store: Store, minutes: float = 0) -> list[JournalClaim]:
    return await store.claim_journals(later(minutes), lease=LEASE, limit=100)


def told(one: JournalClaim) -> dict[str, Fact]:
    """By address."""
    addresses = {d.id: d.address for d in one.mail.deliveries}
    return {addresses[number]: fact for number, fact in one.facts.items()}


async def test_nothing_is_recorded_where_there_is_no_archive(store: Store) -> None:
    await store.put(mail(), NOW)
    await carry(store)
    assert await journals(store) == []


async def test_what_left_together_is_told_together(store: Store) -> None:
    await archive(store)
    await store.put(mail(to=(BOB, KIM)), NOW)
    assert await journals(store) == [], "before it left"
    await carry(store)
    (one,) = await journals(store)
    assert told(one) == {BOB: Fact.SENT, KIM: Fact.SENT}
    assert one.attempts == 1
    assert await journals(store) == [], "somebody has it"
    await store.settle_journal(one, "250 2.0.0 ok", later(1))
    assert await journals(store, 600) == []
    assert (await kinds(store))[-1] == "journal.sent"


async def test_only_the_facts_that_are_asked_for_and_never_a_failure(store: Store) -> None:
    await archive(store, Fact.CANCELLED)
    await store.put(mail("Q1", to=(BOB,)), NOW)
    await carry(store)
    await store.put(mail("Q2", to=(BOB,)), NOW)
    await carry(store, outcome=NO)
    await store.put(mail("Q3", to=(BOB,), delay=5), NOW)
    await store.cancel("Q3", by=ANN, now=later(1))
    (one,) = await journals(store, 1)
    assert (one.mail.queue_id, told(one)) == ("Q3", {BOB: Fact.CANCELLED})


async def test_who_was_dropped_is_told_with_the_mail_as_it_was_and_the_rest_as_it_left(store: Store) -> None:
    await archive(store)
    await store.put(mail(to=(BOB, EVE), delay=5), NOW)
    await store.drop("Q1", [EVE], by=ANN, now=later(1), edit_headers=True)
    (one,) = await journals(store, 1)
    assert (told(one), one.mail.edits) == ({EVE: Fact.DROPPED}, ())
    await carry(store, later(6))
    (other,) = await journals(store, 6)
    assert (told(other), other.mail.edits) == ({BOB: Fact.SENT}, (Drop(EVE),))


async def test_a_copy_is_journalled_as_it_was_carried_whatever_changed_while_it_was_on_its_way(store: Store) -> None:
    await archive(store, Fact.SENT)
    await store.put(mail(to=(BOB, EVE), per={EVE: {"due_at": later(5)}}), NOW)
    (first,) = await claim(store)
    await store.drop("Q1", [EVE], by=ANN, now=later(1), edit_headers=True)
    await settle(store, first, now=later(2))
    (one,) = await journals(store, 2)
    assert (told(one), one.mail.edits) == ({BOB: Fact.SENT}, ())


async def test_whom_a_rule_took_off_or_time_took_back(store: Store) -> None:
    await archive(store)
    await store.put(mail(holds=[hold(expires_at=later(60))]), NOW)
    await store.expire(later(61))
    (one,) = await journals(store, 61)
    assert told(one) == {BOB: Fact.CANCELLED}


async def test_what_is_dropped_on_its_way_and_comes_back_is_told(store: Store) -> None:
    await archive(store)
    await store.put(mail(to=(BOB, KIM), per={KIM: {"due_at": later(9)}}), NOW)
    (running,) = await claim(store)
    await store.drop("Q1", [BOB, KIM], by=ANN, now=later(1), edit_headers=True)
    (one,) = await journals(store, 1)
    assert told(one) == {KIM: Fact.DROPPED}
    await settle(store, running, making.deferred(later(5)), now=later(2))
    (other,) = await journals(store, 2)
    assert told(other) == {BOB: Fact.DROPPED}


async def test_a_copy_to_the_archive_is_not_journalled_to_it(store: Store) -> None:
    await archive(store)
    await store.put(mail(to=("Journal@Archive.example", BOB)), NOW)
    await carry(store)
    (one,) = await journals(store)
    assert told(one) == {BOB: Fact.SENT}


async def test_our_own_reports_are_not_journalled(store: Store) -> None:
    await archive(store)
    await store.put(mail(kind=Kind.DSN), NOW)
    await carry(store)
    assert await journals(store) == []


async def test_what_was_refused_is_told_again_and_the_mail_stays_until_then(store: Store) -> None:
    await archive(store)
    await store.put(mail(), NOW)
    await carry(store)
    (one,) = await journals(store)
    await store.settle_journal(one, "550 5.7.1 no", later(1), later(2))
    assert await store.next_due(later(1)) == later(2)
    assert (await store.counts(later(6))).journals_undelivered == 1
    assert await store.purge(later(days=30), KEEP) == 0
    assert await body(store)
    (again,) = await store.claim_journals(later(days=30), lease=LEASE, limit=1)
    assert again.attempts == 2
    await store.settle_journal(again, "250 ok", later(days=30))
    assert (await store.counts(later(days=30))).journals_undelivered == 0
    assert await store.purge(later(days=30), KEEP) == 1


async def test_a_lease_that_ran_out_is_taken_over(store: Store) -> None:
    await archive(store)
    await store.put(mail(), NOW)
    await carry(store)
    (lost,) = await journals(store)
    (taken,) = await journals(store, 361)
    with pytest.raises(ClaimLost):
        await store.settle_journal(lost, "250 ok", later(362))
    await store.settle_journal(taken, "250 ok", later(362))


async def test_what_an_earlier_process_had_is_due_at_once(store: Store) -> None:
    await archive(store)
    await store.put(mail(), NOW)
    await carry(store)
    await journals(store)
    await store.reclaim(NOW, everything=True)
    assert len(await journals(store)) == 1


async def test_without_an_archive_what_was_not_told_is_forgotten_and_that_is_in_the_audit(store: Store) -> None:
    await archive(store)
    await store.put(mail(to=(BOB, KIM)), NOW)
    await carry(store)
    await store.set_archive("", (), by=BY, now=later(1))
    assert await journals(store, 2) == []
    events = [record.event async for span in store.audit() for record in span.records]
    said = [(e.kind, e.data) for e in events if e and e.kind.startswith("archive.")]
    assert said == [
        ("archive.set", {"to": ARCHIVE, "of": "cancelled,dropped,sent", "untold": "0"}),
        ("archive.ended", {"untold": "2"}),
    ]
    assert await store.purge(later(days=30), KEEP) == 1


async def test_a_paused_store_tells_nothing(store: Store) -> None:
    await archive(store)
    await store.put(mail(), NOW)
    await carry(store)
    await store.pause("a person said so", by=ANN, now=NOW)
    assert await journals(store) == []
