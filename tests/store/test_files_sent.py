"""Which files went where: learnt from copies that were sent outside, forgotten with the other facts."""

import hashlib
from datetime import timedelta

from mailguard.records import HoldKind
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import ANN, NO, NOW, carry, hold, later, mail

OFFER, LOGO = hashlib.sha256(b"offer").digest(), hashlib.sha256(b"logo").digest()
OUT = {"external": True}
A, B, IN = "kim@client.example", "ward@rival.example", "bob@corp.example"


async def sent(store: Store, queue_id: str, *to: str, files: tuple[bytes, ...] = (OFFER,), minutes: float = 0) -> None:
    per = {address: OUT for address in to if address != IN}
    await store.put(mail(queue_id, to=to, per=per, files=files), later(minutes))
    await carry(store, later(minutes))


async def test_a_file_is_known_by_the_domains_outside_it_went_to(store: Store) -> None:
    await sent(store, "Q1", A, IN)
    await sent(store, "Q2", "Lee@Client.Example", B)
    assert await store.files_sent([OFFER, LOGO]) == {OFFER: {"client.example", "rival.example"}}
    assert await store.files_sent([]) == {}


async def test_what_was_not_sent_is_not_known(store: Store) -> None:
    await store.put(mail("Q1", to=[A], per={A: OUT}, files=(OFFER,), holds=[hold()]), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    await store.put(mail("Q2", to=[A], per={A: OUT}, files=(OFFER,)), NOW)
    await carry(store, NOW, NO)
    await sent(store, "Q3", IN)
    assert await store.files_sent([OFFER]) == {}


async def test_a_mail_that_was_decided_late_is_learnt_too(store: Store) -> None:
    await store.put(mail("Q1", to=[A], holds=[hold("undecided", kind=HoldKind.UNDECIDED)]), NOW)
    await store.decide(mail("Q1", to=[A], per={A: OUT}, files=(OFFER,)), NOW)
    await carry(store)
    assert await store.files_sent([OFFER]) == {OFFER: {"client.example"}}


async def test_files_are_forgotten_with_the_facts(store: Store) -> None:
    keep = Retention(bodies=timedelta(days=7), decisions=timedelta(days=400), facts=timedelta(days=90))
    await sent(store, "Q1", A)
    await sent(store, "Q2", B, minutes=60 * 24 * 30)
    await store.purge(NOW + timedelta(days=91), keep)
    assert await store.files_sent([OFFER]) == {OFFER: {"rival.example"}}
