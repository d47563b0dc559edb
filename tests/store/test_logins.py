"""Web sessions and second factors."""

import hashlib

from mailguard.records import Actor, Factor, Login, Way
from mailguard.store.base import Store
from tests.store.making import NOW, later

BY = Actor("root uid=0", "cli")
ANN = "ann@corp.example"
UNTIL = later(60)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def enrolled(store: Store, name: str = "ann") -> None:
    await store.set_factor(name, "SECRET", {digest("one"), digest("two")}, by=BY, now=NOW)


async def events(store: Store) -> list[str]:
    return [record.event.kind async for span in store.audit() for record in span.records if record.event]


async def test_a_web_session_lasts_until_its_time_or_signing_out(store: Store) -> None:
    await store.open_login(digest("cookie"), Login(ANN, UNTIL))
    assert await store.login(digest("cookie"), later(59)) == Login(ANN, UNTIL)
    assert await store.login(digest("cookie"), UNTIL) is None
    assert await store.login(digest("other"), NOW) is None
    await store.close_login(digest("cookie"))
    assert await store.login(digest("cookie"), NOW) is None


async def test_a_session_remembers_how_it_was_opened(store: Store) -> None:
    login = Login(ANN, UNTIL, Way.OIDC, second=True, claims=frozenset({"admins", "it"}))
    await store.open_login(digest("cookie"), login)
    assert await store.login(digest("cookie"), NOW) == login


async def test_what_a_password_opened_ends_together_and_nothing_else_does(store: Store) -> None:
    for cookie, login in {
        "a": Login(ANN, UNTIL, Way.PASSWORD, name="ann"), "b": Login(ANN, UNTIL, Way.PASSWORD, name="ann"),
        "code": Login(ANN, UNTIL), "bob": Login("bob@corp.example", UNTIL, Way.PASSWORD, name="bob"),
    }.items():  # fmt: skip
        await store.open_login(digest(cookie), login)
    await store.close_logins("ann")
    await store.close_logins("")
    left = [cookie for cookie in ("a", "b", "code", "bob") if await store.login(digest(cookie), NOW)]
    assert left == ["code", "bob"]


async def test_a_second_factor_is_there_until_it_is_removed(store: Store) -> None:
    assert await store.factor("ann") is None
    await enrolled(store)
    assert await store.factor("ann") == Factor("ann", "SECRET", 0, 0, frozenset({digest("one"), digest("two")}))
    assert await store.factors() == ["ann"]
    assert await store.drop_factor("ann", by=BY, now=NOW)
    assert not await store.drop_factor("ann", by=BY, now=NOW)
    assert await store.factors() == []
    assert await events(store) == ["factor.enrolled", "factor.removed"]


async def test_another_factor_ends_what_was_opened_with_the_one_before(store: Store) -> None:
    await enrolled(store)
    await store.open_login(digest("cookie"), Login(ANN, UNTIL, Way.PASSWORD, second=True, name="ann"))
    await enrolled(store)
    assert await store.login(digest("cookie"), NOW) is None


async def test_a_factor_that_was_confirmed_replaces_what_its_owner_saw_and_nothing_else(store: Store) -> None:
    first = Factor("ann", "FIRST", 7, 0, frozenset({digest("one")}))
    assert not await store.confirm_factor(first, "OTHER", by=BY, now=NOW), "somebody took it away meanwhile"
    assert await store.confirm_factor(first, "", by=BY, now=NOW)
    assert await store.factor("ann") == first
    assert not await store.use_step("ann", 7, 20), "the code that confirmed it"
    second = Factor("ann", "SECOND", 8, 0, frozenset({digest("two")}))
    for before in ("", "OTHER"):
        assert not await store.confirm_factor(second, before, by=BY, now=NOW)
    await store.wrong_factor("ann")
    await store.open_login(digest("cookie"), Login(ANN, UNTIL, Way.PASSWORD, second=True, name="ann"))
    assert await store.confirm_factor(second, "FIRST", by=BY, now=NOW)
    assert await store.factor("ann") == second
    assert await store.login(digest("cookie"), NOW) is None
    assert await events(store) == ["factor.enrolled"] * 2


async def test_a_step_is_good_once_and_none_before_it(store: Store) -> None:
    await enrolled(store)
    assert [await store.use_step("ann", step, 20) for step in (5, 5, 4, 6)] == [True, False, False, True]
    assert not await store.use_step("nobody", 9, 20)


async def test_after_too_many_wrong_codes_in_a_row_only_a_recovery_code_is_good(store: Store) -> None:
    await enrolled(store)
    assert [await store.wrong_factor("ann") for _ in range(3)] == [1, 2, 3]
    assert not await store.use_step("ann", 5, 3)
    assert await store.use_recovery("ann", digest("one"))
    assert await store.use_step("ann", 5, 3)
    assert await store.wrong_factor("nobody") == 0


async def test_a_right_code_ends_a_row_of_wrong_ones(store: Store) -> None:
    await enrolled(store)
    await store.wrong_factor("ann")
    assert await store.use_step("ann", 5, 3)
    assert await store.wrong_factor("ann") == 1


async def test_each_recovery_code_is_good_once(store: Store) -> None:
    await enrolled(store)
    assert not await store.use_recovery("ann", digest("three"))
    assert not await store.use_recovery("bob", digest("one"))
    assert await store.use_recovery("ann", digest("one"))
    assert not await store.use_recovery("ann", digest("one"))
    assert await store.use_recovery("ann", digest("two"))


async def test_an_erased_persons_factor_and_sessions_go(store: Store) -> None:
    await enrolled(store, ANN)
    await store.open_login(digest("cookie"), Login(ANN, UNTIL))
    await store.erase(ANN, by=BY, now=NOW)
    assert await store.factors() == []
    assert await store.login(digest("cookie"), NOW) is None
