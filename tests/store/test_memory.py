"""What the service must still know after a restart."""

from collections.abc import Callable

from mailguard.store.base import Store
from tests.store.making import ADMIN, NOW, later


async def test_what_is_remembered_outlives_the_process(another: Callable[[], Store]) -> None:
    first = another()
    await first.open()
    await first.remember("bypass", {"until": "later"}, event="bypass.began", by=ADMIN, now=NOW)
    await first.remember("frozen/ann", {"why": "too much"}, event="identity.frozen", by=ADMIN, now=NOW)
    await first.close()
    second = another()
    await second.open()
    assert await second.recall("bypass") == {"bypass": {"until": "later"}}
    assert await second.recall("frozen/*") == {"frozen/ann": {"why": "too much"}}
    await second.close()


async def test_a_later_value_takes_the_place_of_an_earlier_one_and_none_forgets_it(store: Store) -> None:
    await store.remember("bypass", {"until": "noon"}, event="bypass.began", by=ADMIN, now=NOW)
    await store.remember("bypass", {"until": "night"}, event="bypass.began", by=ADMIN, now=later(1))
    assert await store.recall("*") == {"bypass": {"until": "night"}}
    await store.remember("bypass", None, event="bypass.ended", by=ADMIN, now=later(2))
    assert await store.recall("*") == {}
