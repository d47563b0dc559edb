"""Other systems hear of what is held, released and failed: signed, once, and however long they were away."""

from datetime import timedelta
from typing import Any

import pytest

from mailguard.store.sqlite import SqliteStore
from mailguard.testing import eventually
from mailguard.webhooks import herald
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, HOLD, KIM, House
from tests.hooked import SECRET, Listener, listening


def told(*listeners: Listener, events: tuple[str, ...] = ("held", "released", "failed")) -> dict[str, Any]:
    return {"webhooks": [{"url": one.url, "events": list(events), "secret": SECRET} for one in listeners]}


async def heard(listener: Listener, count: int) -> None:
    await eventually(lambda: len(listener.heard) >= count)


async def waiting_calls(house: House) -> int:
    store = house.service.store
    assert isinstance(store, SqliteStore)
    return int(await store._look(lambda db: db.execute("SELECT count(*) FROM call").fetchone()[0]))


async def test_what_is_held_and_let_go_is_told_and_signed_without_a_word_of_the_mail(open_house: OpenHouse) -> None:
    async with listening() as hook:
        house = await open_house(rules=HOLD, config=told(hook))
        queue_id = await house.send(subject="Planted-4711", body="planted-4712\r\n")
        await heard(hook, 1)
        await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
        await heard(hook, 2)
        assert hook.events() == ["held", "released"]
        assert all(one.signed for one in hook.heard)
        (held, _) = hook.heard
        assert (held.said["queue_id"], held.said["sender"], held.said["actor"]) == (queue_id, ANN, "ask")
        assert held.headers["mailguard-delivery"] == str(held.said["id"])
        assert abs(int(held.headers["mailguard-timestamp"]) - house.clock.now().timestamp()) < 1
        assert not any(word in one.body for one in hook.heard for word in (b"lanted-471", SECRET.encode()))
        await eventually(lambda: not house.service.departures.herald._busy)
        assert await waiting_calls(house) == 0


async def test_who_asks_for_failures_only_hears_of_them_only(open_house: OpenHouse) -> None:
    async with listening() as hook, listening() as other:
        house = await open_house(rules=HOLD, config=told(hook, events=("failed",)))
        await house.send()
        await house.quiet()
        assert hook.heard == other.heard == []


async def test_one_that_fails_is_tried_again_later_and_in_order(open_house: OpenHouse) -> None:
    async with listening("500", "302", "200") as hook:
        house = await open_house(rules=HOLD, config=told(hook))
        first = await house.send()
        await heard(hook, 1)
        second = await house.send(subject="Another")
        await house.quiet()
        assert len(hook.heard) == 1, "who does not answer is left alone"
        await house.wait(seconds=11)
        await heard(hook, 2)
        await house.wait(seconds=31)
        await heard(hook, 4)
        assert [one.said["queue_id"] for one in hook.heard] == [first, first, first, second]
        assert len({one.headers["mailguard-delivery"] for one in hook.heard[:3]}) == 1
        lines = house.log_lines("webhook.deferred")
        assert [line["error"] for line in lines] == ["answered 500", "answered 302"]
        assert "sesame" not in house.log.getvalue()


async def test_no_redirect_is_followed(open_house: OpenHouse) -> None:
    async with listening() as inner:
        moved = f"HTTP/1.1 307 x\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n"
        async with listening(moved) as hook:
            house = await open_house(rules=HOLD, config=told(hook))
            await house.send()
            await heard(hook, 1)
            await eventually(lambda: house.log_lines("webhook.deferred"))
            assert inner.heard == []


@pytest.mark.parametrize("answer", ["hang", "drop", "HTTP/1.1 200", "\x00" * 100_000])
async def test_a_slow_or_broken_one_holds_up_nobody(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(herald, "PATIENCE", 2.0)
    async with listening(answer, "200") as bad, listening() as good:
        house = await open_house(rules=HOLD, config=told(bad, good))
        queue_id = await house.send()
        await heard(good, 1)
        await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
        await house.quiet()
        assert house.arrived(KIM)
        await heard(good, 2)
        await eventually(lambda: house.log_lines("webhook.deferred"))
        await house.wait(seconds=11)
        await heard(bad, 3)
        assert {one.said["queue_id"] for one in bad.heard} == {queue_id}


async def test_what_happened_while_it_was_away_is_told_after_a_restart(open_house: OpenHouse) -> None:
    async with listening() as hook:
        port = hook.port
        house = await open_house(rules=HOLD, config=told(hook))
    queue_id = await house.send()
    await eventually(lambda: house.log_lines("webhook.deferred"))
    await house.restart()
    async with listening(port=port) as hook:
        await house.wait(seconds=11)
        await heard(hook, 1)
        assert hook.heard[0].said["queue_id"] == queue_id
        await eventually(lambda: not house.service.departures.herald._busy)
        assert await waiting_calls(house) == 0


async def test_one_that_is_gone_for_a_day_is_given_up_and_the_rest_is_bounded(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald, "MOST", 3)
    async with listening("503") as hook:
        house = await open_house(rules=HOLD, config=told(hook))
        for number in range(5):
            await house.send(subject=f"Mail {number}")
        await heard(hook, 1)
        await house.wait(seconds=11)
        await heard(hook, 2)
        assert await waiting_calls(house) <= 3
        await house.clock.advance(timedelta(hours=25).total_seconds())
        await house.look_again()
        await eventually(lambda: house.log_lines("webhook.given_up"))


async def test_a_webhook_that_was_taken_out_is_told_nothing_more(open_house: OpenHouse) -> None:
    async with listening("500") as hook:
        house = await open_house(rules=HOLD, config=told(hook))
        await house.send()
        await heard(hook, 1)
        await eventually(lambda: not house.service.departures.herald._busy)
        object.__setattr__(house.config, "webhooks", ())
        await house.restart()
        assert await waiting_calls(house) == 0
        await house.wait(hours=1)
        assert len(hook.heard) == 1
