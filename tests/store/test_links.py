"""Links and one-time codes."""

import hashlib
from datetime import timedelta

from mailguard.records import Capability, Power
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import NOW, carry, later, mail

SUBJECT = "ann@corp.example browser-1"


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def test_a_link_says_who_may_do_what_to_which_mail(store: Store) -> None:
    await store.put(mail(), NOW)
    link = Capability(digest("t"), "Q1", "pa@corp.example", Power.ASSISTANT, frozenset({"ceo@corp.example"}))
    await store.grant([link], NOW)
    assert await store.capability(digest("t")) == link
    assert await store.capability(digest("other")) is None


async def test_a_link_lives_until_the_bytes_are_purged(store: Store) -> None:
    await store.put(mail(), NOW)
    await store.grant([Capability(digest("t"), "Q1", "ann@corp.example", Power.SENDER)], NOW)
    await carry(store)
    keep = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90))
    await store.purge(NOW + timedelta(days=6), keep)
    assert await store.capability(digest("t")) is not None
    await store.purge(NOW + timedelta(days=8), keep)
    assert await store.capability(digest("t")) is None


async def test_a_code_is_good_once(store: Store) -> None:
    assert await store.set_code(SUBJECT, digest("111111"), later(10), NOW)
    assert not await store.use_code("somebody else", digest("111111"), NOW)
    assert await store.use_code(SUBJECT, digest("111111"), later(9))
    assert not await store.use_code(SUBJECT, digest("111111"), later(9))


async def test_a_code_ends_with_its_time(store: Store) -> None:
    await store.set_code(SUBJECT, digest("111111"), later(10), NOW)
    assert not await store.use_code(SUBJECT, digest("111111"), later(10))


async def test_a_new_code_replaces_the_old_one(store: Store) -> None:
    await store.set_code(SUBJECT, digest("111111"), later(10), NOW)
    await store.set_code(SUBJECT, digest("222222"), later(10), NOW)
    assert not await store.use_code(SUBJECT, digest("111111"), NOW)
    assert await store.use_code(SUBJECT, digest("222222"), NOW)


async def test_five_wrong_tries_end_a_code(store: Store) -> None:
    await store.set_code(SUBJECT, digest("111111"), later(10), NOW)
    for i in range(4):
        assert not await store.use_code(SUBJECT, digest(str(i)), NOW)
    await store.set_code("two", digest("111111"), later(10), NOW)
    for i in range(5):
        assert not await store.use_code("two", digest(str(i)), NOW)
    assert await store.use_code(SUBJECT, digest("111111"), NOW)
    assert not await store.use_code("two", digest("111111"), NOW)


async def test_too_many_codes_asked_for_lately_are_refused(store: Store) -> None:
    assert [await store.set_code(SUBJECT, digest(str(i)), later(10), NOW) for i in range(7)] == [True] * 5 + [False] * 2
    assert await store.use_code(SUBJECT, digest("4"), NOW)  # the last one given is still good
    assert await store.set_code("another", digest("x"), later(10), NOW)
    assert await store.set_code(SUBJECT, digest("y"), later(30), later(16))
