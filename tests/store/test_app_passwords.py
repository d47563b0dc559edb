"""Passwords of mail clients, one for each device."""

from datetime import date

from mailguard.records import Actor, AppPassword
from mailguard.store.base import Store
from tests.store.making import NOW, later
from tests.store.test_logins import digest, events

ANN, BOB = "ann@corp.example", "bob@corp.example"
BY = Actor(ANN, "outbox")
PHONE = AppPassword(ANN, "Ann's phone", NOW)


async def made(store: Store, password: AppPassword = PHONE, secret: str = "secret") -> bool:
    return await store.add_app_password(password, digest(secret), by=BY, now=NOW)


async def test_one_is_known_by_its_digest_until_it_is_revoked(store: Store) -> None:
    assert await made(store)
    assert await store.app_password(digest("secret")) == PHONE
    assert await store.app_password(digest("other")) is None
    assert await store.drop_app_password(ANN, "Ann's phone", by=BY, now=NOW)
    assert await store.app_password(digest("secret")) is None
    assert not await store.drop_app_password(ANN, "Ann's phone", by=BY, now=NOW)
    assert await events(store) == ["app_password.made", "app_password.revoked"]


async def test_a_name_is_one_devices_of_a_person_and_others_may_have_it_too(store: Store) -> None:
    assert await made(store)
    assert not await made(store, secret="another")
    assert await store.app_password(digest("another")) is None
    assert await made(store, AppPassword(BOB, "Ann's phone", NOW), "bobs")
    assert await events(store) == ["app_password.made"] * 2


async def test_they_are_listed_one_persons_or_everybodys_the_oldest_first(store: Store) -> None:
    laptop, bobs = AppPassword(ANN, "Laptop", later(1)), AppPassword(BOB, "Tablet", NOW)
    for number, one in enumerate((bobs, laptop, PHONE)):
        assert await made(store, one, str(number))
    assert await store.app_passwords(ANN) == [PHONE, laptop]
    assert await store.app_passwords() == [PHONE, laptop, bobs]
    assert await store.app_passwords("nobody@corp.example") == []


async def test_revoking_one_leaves_the_others(store: Store) -> None:
    await made(store)
    await made(store, AppPassword(ANN, "Laptop", NOW), "laptop")
    await made(store, AppPassword(BOB, "Ann's phone", NOW), "bobs")
    await store.drop_app_password(ANN, "Ann's phone", by=BY, now=NOW)
    assert [one.name for one in await store.app_passwords()] == ["Laptop", "Ann's phone"]


async def test_the_day_of_the_last_use_is_kept_and_never_goes_back(store: Store) -> None:
    await made(store)
    for day in (date(2026, 3, 2), date(2026, 3, 1)):
        await store.app_password_used(digest("secret"), day)
        found = await store.app_password(digest("secret"))
        assert found
        assert found.used_on == date(2026, 3, 2)


async def test_an_erased_persons_go_and_nobody_elses(store: Store) -> None:
    await made(store)
    await made(store, AppPassword(BOB, "Tablet", NOW), "bobs")
    await store.erase(ANN, by=Actor("root uid=0", "cli"), now=NOW)
    assert [one.person for one in await store.app_passwords()] == [BOB]
