"""Mails that left otherwise than they were sent: each is put right once, after it has ended."""

from datetime import timedelta

import pytest

from mailguard.errors import ClaimLost
from mailguard.records import Actor, SentCopyClaim
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import ANN, NOW, carry, later, mail

LEASE = timedelta(minutes=10)
BY = Actor("sent folder", "imap")
KEEP = Retention(bodies=timedelta(days=7), decisions=timedelta(days=400), facts=timedelta(days=90))
TO = ("a@x.example", "b@y.example")


async def dropped(store: Store, queue_id: str = "Q1", *, delay: int = 5) -> None:
    """One of two recipients."""
    await store.put(mail(queue_id, to=TO, delay=delay), NOW)
    await store.drop(queue_id, [TO[0]], by=ANN, now=NOW, edit_headers=True)


async def claim(store: Store, minutes: int = 10) -> SentCopyClaim:
    found = await store.claim_sent_copy(later(minutes), lease=LEASE)
    assert found
    return found


async def test_it_is_claimed_once_nothing_is_on_its_way_any_more(store: Store) -> None:
    await dropped(store)
    assert await store.claim_sent_copy(later(4), lease=LEASE) is None
    await carry(store, later(6))
    found = await claim(store)
    assert (found.mail.queue_id, found.attempts) == ("Q1", 1)
    assert await store.claim_sent_copy(later(11), lease=LEASE) is None, "another attempt has it"
    await store.settle_sent_copy(found, "corrected", by=BY, now=later(11))
    assert await store.claim_sent_copy(later(1000), lease=LEASE) is None
    (told,) = [event for event in await store.events("Q1") if event.kind == "sent_copy.settled"]
    assert (told.actor, told.data) == ("sent folder (imap)", {"outcome": "corrected"})


async def test_a_mail_that_left_as_it_was_sent_is_nobodys_business(store: Store) -> None:
    await store.put(mail("Q1", to=TO), NOW)
    await carry(store, later(1))
    assert await store.claim_sent_copy(later(10), lease=LEASE) is None


async def test_what_nobody_put_right_in_two_days_is_not_put_right_any_more(store: Store) -> None:
    await dropped(store)
    await carry(store, later(6))
    for hours, there in ((47, 1), (49, 0)):
        now = later(6 + 60 * hours)
        await store.purge(now, KEEP)
        assert bool(await store.claim_sent_copy(now, lease=LEASE)) == there


async def test_put_off_it_comes_again_then(store: Store) -> None:
    await dropped(store)
    await carry(store, later(6))
    await store.put_off_sent_copy(await claim(store), later(60))
    assert await store.claim_sent_copy(later(59), lease=LEASE) is None
    assert (await claim(store, 60)).attempts == 2


async def test_whose_lease_ran_out_settles_nothing(store: Store) -> None:
    await dropped(store)
    await carry(store, later(6))
    old = await claim(store)
    new = await claim(store, 21)
    with pytest.raises(ClaimLost):
        await store.settle_sent_copy(old, "corrected", by=BY, now=later(22))
    with pytest.raises(ClaimLost):
        await store.put_off_sent_copy(old, later(60))
    await store.settle_sent_copy(new, "corrected", by=BY, now=later(22))


async def test_several_changes_of_one_mail_are_one(store: Store) -> None:
    await store.put(mail("Q1", to=(*TO, "c@z.example"), delay=5), NOW)
    for address in TO:
        await store.drop("Q1", [address], by=ANN, now=NOW, edit_headers=True)
    await carry(store, later(6))
    await store.settle_sent_copy(await claim(store), "corrected", by=BY, now=later(11))
    assert await store.claim_sent_copy(later(1000), lease=LEASE) is None


async def test_the_one_that_waits_longest_comes_first(store: Store) -> None:
    for queue_id in ("Q1", "Q2"):
        await dropped(store, queue_id)
    await carry(store, later(6))
    first = await claim(store)
    assert first.mail.queue_id == "Q1"
    await store.put_off_sent_copy(first, later(11))
    assert (await claim(store, 12)).mail.queue_id == "Q2"
    assert (await claim(store, 12)).mail.queue_id == "Q1"
