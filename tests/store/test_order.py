"""A later copy to the same person waits behind an earlier one of the same conversation, and never for ever."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailguard.records import Action, Ending, Hold, HoldKind, NewMail, OnExpiry, State, Verdict
from mailguard.store.base import Store
from tests.store.making import (
    ANN,
    NO,
    NOW,
    OK,
    carry,
    claim,
    deferred,
    hold,
    later,
    mail,
    settle,
    states,
    stopped,
)

BOB, EVE = "bob@client.example", "eve@client.example"


async def put(store: Store, queue_id: str, to: tuple[str, ...] = (BOB,), **more: Any) -> None:
    """A mail of the one conversation of this file."""
    await store.put(mail(queue_id, to, references=("<start@corp.example>",), **more), NOW)


async def behind(store: Store, queue_id: str, address: str = BOB) -> str:
    found = await store.get(queue_id)
    assert found is not None
    return next(d.behind for d in found.deliveries if d.address == address)


async def left(store: Store, now: Any = NOW) -> list[str]:
    """Carry all that is due; the queue ids, in the order they left, each round as one claim."""
    return [one.mail.queue_id for one in await carry(store, now)]


async def test_a_correction_does_not_arrive_before_its_mistake(store: Store) -> None:
    await put(store, "Q1", delay=5)
    await put(store, "Q2")
    assert await behind(store, "Q2") == "Q1"
    assert await left(store) == []
    assert await store.next_due() == later(5)
    assert await left(store, later(5)) == ["Q1"]
    assert await left(store, later(5)) == ["Q2"]
    assert "message.delayed" in [event.kind for event in await store.events("Q2")]


@pytest.mark.parametrize(
    "other",
    [
        {"references": ("<another@corp.example>",)},
        {"sender": "lee@corp.example", "references": ("<start@corp.example>",)},
        {"to": (EVE,), "references": ("<start@corp.example>",)},
    ],
    ids=["another conversation", "another sender", "another person"],
)
async def test_others_wait_for_nobody(store: Store, other: dict[str, Any]) -> None:
    await put(store, "Q1", delay=5)
    await store.put(mail("Q2", **other), NOW)
    assert await left(store) == ["Q2"]


async def test_only_the_copy_to_the_same_person_waits(store: Store) -> None:
    await put(store, "Q1", holds=[hold()])
    await put(store, "Q2", (BOB, EVE))
    await carry(store)
    assert await states(store, "Q2") == {BOB: State.QUEUED, EVE: State.SENT}


async def test_a_case_of_letters_makes_no_other_person(store: Store) -> None:
    await put(store, "Q1", delay=5)
    await put(store, "Q2", ("bob@CLIENT.example",))
    assert await left(store) == []


async def test_two_that_come_together_leave_one_after_the_other(store: Store) -> None:
    await put(store, "Q1")
    await put(store, "Q2")
    assert [await left(store), await left(store)] == [["Q1"], ["Q2"]]


async def test_a_chain_keeps_its_order(store: Store) -> None:
    await put(store, "Q1", delay=5)
    await put(store, "Q2")
    await put(store, "Q3")
    assert [await left(store, later(5)) for _ in range(3)] == [["Q1"], ["Q2"], ["Q3"]]


async def test_who_waited_behind_a_cancelled_mail_waits_behind_the_one_before(store: Store) -> None:
    await put(store, "Q1", delay=5)
    await put(store, "Q2")
    await put(store, "Q3")
    await store.cancel("Q2", by=ANN, now=NOW)
    assert await behind(store, "Q3") == "Q1"


async def test_a_mail_sent_now_does_not_take_the_next_one_with_it(store: Store) -> None:
    await put(store, "Q1", holds=[hold()])
    await put(store, "Q2")
    await put(store, "Q3")
    assert (await store.send_now("Q2", by=ANN, now=NOW)).ending is Ending.DONE
    assert await left(store) == ["Q2"]
    assert await behind(store, "Q3") == "Q1"
    assert await left(store) == []


@pytest.mark.parametrize("how", ["cancel", "drop", "fail", "bounce", "send", "expire"])
async def test_however_the_earlier_one_ends_the_later_one_goes(store: Store, how: str) -> None:
    if how == "expire":
        await put(store, "Q1", holds=[hold(expires_at=later(5), on_expiry=OnExpiry.RETURN)])
    else:
        await put(store, "Q1", (BOB, EVE), delay=5)
    await put(store, "Q2")
    found = await store.get("Q1")
    assert found is not None
    at = later(5)
    match how:
        case "cancel":
            await store.cancel("Q1", by=ANN, now=at)
        case "drop":
            await store.drop("Q1", [BOB], by=ANN, now=at, edit_headers=False)
        case "bounce":
            await store.bounce("Q1", [d.id for d in found.deliveries], reply="550 given up", by=ANN, now=at)
        case "expire":
            await store.expire(at)
        case _:
            (one,) = await claim(store, at)
            await settle(store, one, NO if how == "fail" else OK, at)
    assert await behind(store, "Q2") == ""
    assert "Q2" in await left(store, at)


async def test_its_time_begins_when_it_may_leave(store: Store) -> None:
    """Else three days behind a held mail would count as three days of trying, and as lateness."""
    await put(store, "Q1", holds=[hold()])
    await put(store, "Q2", holds=[hold(expires_at=later(5), on_expiry=OnExpiry.SEND)])
    await store.expire(later(5))
    await store.cancel("Q1", by=ANN, now=later(days=3))
    (one,) = await claim(store, later(days=3))
    (delivery,) = one.deliveries
    assert (delivery.due_at, delivery.released_at) == (later(days=3), later(days=3))


async def test_time_alone_lets_nobody_overtake(store: Store) -> None:
    await put(store, "Q1", holds=[hold()])
    await put(store, "Q2", holds=[hold(expires_at=later(5), on_expiry=OnExpiry.SEND)])
    await store.expire(later(5))
    assert await left(store, later(10)) == []
    assert await behind(store, "Q2") == "Q1"


@pytest.mark.parametrize("power", ["send now", "approve"])
async def test_a_person_may_let_the_later_one_go_first(store: Store, power: str) -> None:
    await put(store, "Q1", holds=[hold()])
    boss = "boss@corp.example"
    await put(store, "Q2", holds=[hold(approvers=(boss,))] if power == "approve" else [])
    if power == "approve":
        decision = await store.approve("Q2", by=ANN, person=boss, now=NOW)
    else:
        decision = await store.send_now("Q2", by=ANN, now=NOW)
    assert decision.ending is Ending.DONE
    assert len(decision.changed) == 1
    assert await left(store) == ["Q2"]
    assert (await store.send_now("Q2", by=ANN, now=NOW)).ending is Ending.ALREADY


async def test_who_may_speak_for_one_copy_lets_only_that_one_go(store: Store) -> None:
    await put(store, "Q1", (BOB, EVE), holds=[hold()])
    await put(store, "Q2", (BOB, EVE))
    await store.send_now("Q2", by=ANN, now=NOW, scope=[EVE])
    await carry(store)
    assert await states(store, "Q2") == {BOB: State.QUEUED, EVE: State.SENT}


async def test_a_greylisted_mail_does_not_hold_up_the_conversation(store: Store) -> None:
    await put(store, "Q1")
    await put(store, "Q2")
    await carry(store, NOW, deferred(later(60)))
    assert await left(store) == ["Q2"]
    await put(store, "Q3")
    assert await left(store) == ["Q3"]


async def test_a_mail_stopped_during_its_first_attempt_still_comes_first(store: Store) -> None:
    await put(store, "Q1", (BOB, EVE), per={EVE: {"due_at": later(60)}})
    await put(store, "Q2")
    (one,) = await claim(store)
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    await settle(store, one, deferred(later(1)))
    assert await behind(store, "Q2") == "Q1"


async def test_an_attempt_cut_off_by_a_crash_frees_nobody(store: Store) -> None:
    await put(store, "Q1")
    await put(store, "Q2")
    await claim(store)
    await store.reclaim(NOW, everything=True)
    assert await behind(store, "Q2") == "Q1"
    assert [await left(store), await left(store)] == [["Q1"], ["Q2"]]


async def test_nor_do_two_of_them_with_other_mail_on_the_wire(store: Store) -> None:
    await put(store, "Q1")
    await store.put(mail("OTHER"), NOW)
    for _ in range(2):
        await claim(store)
        await store.reclaim(NOW, everything=True)
    await put(store, "Q2")
    assert await behind(store, "Q2") == "Q1"


async def test_a_mail_set_aside_before_any_outcome_comes_first_when_it_is_let_go(store: Store) -> None:
    await put(store, "Q1")
    (one,) = await claim(store)
    await store.quarantine(one, Hold("", "carrying it failed", HoldKind.POISON), NOW)
    await store.send_now("Q1", by=ANN, now=NOW)
    await put(store, "Q2")
    assert await behind(store, "Q2") == "Q1"


async def test_order_outlives_a_restart(store: Store, another: Callable[[], Store]) -> None:
    await put(store, "Q1", delay=5)
    await put(store, "Q2")
    await store.close()
    again = another()
    await again.open()
    assert await behind(again, "Q2") == "Q1"
    await again.close()


def undecided(queue_id: str, **more: Any) -> NewMail:
    asked = Hold("undecided", "still checking", HoldKind.UNDECIDED)
    return mail(queue_id, references=("<start@corp.example>",), holds=[asked], **more)


async def test_a_mail_decided_late_keeps_its_place_in_both_directions(store: Store) -> None:
    await put(store, "Q1", delay=5)
    await store.put(undecided("Q2"), NOW)
    await put(store, "Q3")
    assert await behind(store, "Q3") == "Q2"
    await store.decide(mail("Q2", references=("<start@corp.example>",)), NOW)
    assert (await behind(store, "Q2"), await behind(store, "Q3")) == ("Q1", "Q2")
    assert [await left(store, later(5)) for _ in range(3)] == [["Q1"], ["Q2"], ["Q3"]]


async def test_a_late_decision_that_sends_nothing_frees_the_next(store: Store) -> None:
    await store.put(undecided("Q1"), NOW)
    await put(store, "Q2")
    rejected = mail("Q1", references=("<start@corp.example>",), per={BOB: {"state": State.CANCELLED, "reason": "no"}})
    await store.decide(replace(rejected, verdict=Verdict(Action.REJECT, reject="no")), NOW)
    assert await left(store) == ["Q2"]


async def test_nobody_waits_for_a_mail_that_can_never_leave(store: Store) -> None:
    await put(store, "Q1")
    await put(store, "Q2")
    (one,) = await claim(store)
    await store.quarantine(one, Hold("damaged", "bad", HoldKind.DAMAGED), NOW)
    await put(store, "Q3")
    assert [await left(store), await left(store)] == [["Q2"], ["Q3"]]
