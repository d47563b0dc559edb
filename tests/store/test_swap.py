"""Another recipient in the place of one who waits: a version of its own, which waits as the one before it did."""

from dataclasses import replace

from mailguard.mail.headers import Swap
from mailguard.records import Action, Ending, NewMail, State, Verdict
from mailguard.store.base import Store
from tests.store.making import ANN, NOW, body, carry, claim, hold, kinds, later, mail, states

WARD, LEE, BOSS = "ward@client.example", "lee@corp.example", "boss@corp.example"
SWAP = (Swap(WARD, BOSS),)


def judged(**more: object) -> NewMail:
    """As it would be with the boss on it."""
    return mail("Q1", to=[LEE, BOSS], **more)  # type: ignore[arg-type]


async def swap(store: Store, new: NewMail) -> Ending:
    return (await store.swap(new, WARD, BOSS, by=ANN, now=NOW, edits=SWAP)).ending


async def test_a_held_mail_stays_held_and_leaves_with_the_other_one(store: Store) -> None:
    raw = b"To: lee@corp.example\r\nCc: ward@client.example\r\n\r\nx\r\n"
    await store.put(mail("Q1", to=[LEE, WARD], holds=[hold()], raw=raw, message_id="<one@corp.example>"), NOW)
    assert await swap(store, judged()) is Ending.DONE
    assert await states(store) == {LEE: State.HELD, WARD: State.CANCELLED, BOSS: State.HELD}
    assert await claim(store, later(60)) == []
    found = await store.get("Q1")
    assert found is not None
    assert found.edits == SWAP
    assert (await kinds(store))[-1] == "recipient.replaced"
    await store.send_now("Q1", by=ANN, now=NOW)
    await carry(store)
    assert await states(store) == {LEE: State.SENT, WARD: State.CANCELLED, BOSS: State.SENT}
    assert await body(store) == raw
    on_it = (await store.facts_for("ann@corp.example", [], ["<one@corp.example>"])).thread
    assert on_it is not None
    assert on_it >= {LEE, BOSS}
    assert WARD not in on_it


async def test_what_the_rules_say_of_it_comes_on_top(store: Store) -> None:
    await store.put(mail("Q1", to=[LEE, WARD], delay=5), NOW)
    more = hold("boss-approves", approvers=(LEE,))
    assert await swap(store, replace(judged(), verdict=Verdict(Action.HOLD, holds=(more,)))) is Ending.DONE
    assert await states(store) == {LEE: State.HELD, WARD: State.CANCELLED, BOSS: State.HELD}
    await store.send_now("Q1", by=ANN, now=NOW)
    assert State.QUEUED not in (await states(store)).values(), "the approver was not asked"


async def test_nobody_new_gets_it_before_the_others(store: Store) -> None:
    await store.put(mail("Q1", to=[LEE, WARD], delay=5), NOW)
    assert await swap(store, judged()) is Ending.DONE
    assert await claim(store, later(4)) == []
    (one,) = await claim(store, later(5))
    assert {d.address for d in one.deliveries} == {LEE, BOSS}


async def test_a_hold_that_is_open_is_not_asked_twice(store: Store) -> None:
    await store.put(mail("Q1", to=[LEE, WARD], holds=[hold()]), NOW)
    await swap(store, replace(judged(), verdict=Verdict(Action.HOLD, holds=(hold(),))))
    found = await store.get("Q1")
    assert found is not None
    assert len(found.holds) == 1


async def test_whoever_was_first_wins(store: Store) -> None:
    await store.put(mail("Q1", to=[LEE, WARD], holds=[hold()]), NOW)
    assert await swap(store, judged()) is Ending.DONE
    assert await swap(store, judged()) is Ending.ALREADY, "once"
    assert list(await states(store)).count(BOSS) == 1
    await store.put(mail("Q2", to=[LEE, WARD]), NOW)
    await carry(store)
    late = replace(judged(), queue_id="Q2")
    assert await swap(store, late) is Ending.TOO_LATE
    assert await swap(store, replace(late, queue_id="Q3")) is Ending.UNKNOWN
    assert BOSS not in await states(store, "Q2")


async def test_what_was_demanded_of_tls_stays_demanded(store: Store) -> None:
    first = mail("Q1", to=[LEE, WARD], delay=5)
    await store.put(replace(first, envelope=replace(first.envelope, require_tls=True)), NOW)
    assert await swap(store, judged()) is Ending.DONE
    (one,) = await claim(store, later(5))
    assert one.mail.envelope.require_tls
