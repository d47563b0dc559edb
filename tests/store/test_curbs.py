"""Policy that became stricter reaches what already waits, and nothing else."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from mailguard.records import Curb, Ending, HoldKind, Mail, NewNotice, NoticeKind, State
from mailguard.store.base import Load, Store
from tests.store.making import ADMIN, NOW, OK, carry, claim, deferred, hold, kinds, later, mail, settle, state, states

LEX = "lex@corp.example"
KIM, BOB = "kim@client.example", "bob@client.example"


def order(*, since: datetime = NOW, **more: Any) -> Curb:
    """Nobody writes to kim any more."""
    return Curb(
        "no-contact kim", "legal hold", since, (LEX,), later(24 * 60),
        reaches=lambda sender, recipient: recipient == KIM and sender != "ceo@corp.example", tell_sender=True, **more,
    )  # fmt: skip


def disabled(login: str = "ann", *, since: datetime = NOW) -> Curb:
    return Curb(f"disabled {login}", "the login was disabled", since, (LEX,), later(24 * 60), login=login)


async def apply(store: Store, curb: Curb, now: datetime = NOW) -> list[str]:
    return await store.curb(curb, by=ADMIN, now=now)


async def got(store: Store, queue_id: str = "Q1") -> Mail:
    found = await store.get(queue_id)
    assert found is not None
    return found


async def told(store: Store) -> list[tuple[NoticeKind, str]]:
    claims = await store.claim_notices(
        later(1), lease=later(5) - NOW, limit=10, digest_over=9, digest_within=later(2) - NOW
    )
    return sorted((one.notice.kind, one.notice.person) for c in claims for one in c.notices)


async def test_an_order_holds_the_copies_it_is_about_for_its_approver(store: Store) -> None:
    await store.put(mail(to=(KIM, BOB), delay=5), NOW)
    await store.put(mail("Q2", to=(BOB,), delay=5), NOW)
    assert await apply(store, order()) == ["Q1"]
    assert await states(store) == {KIM: State.HELD, BOB: State.QUEUED}
    (made,) = (await got(store)).open_holds
    assert (made.kind, made.approvers, made.scope, made.reason) == (
        HoldKind.POLICY,
        (LEX,),
        frozenset({KIM}),
        "legal hold",
    )
    assert "message.held" in await kinds(store)
    assert await told(store) == [(NoticeKind.APPROVAL, LEX), (NoticeKind.HELD, "ann@corp.example")]
    await carry(store, later(6))
    assert await states(store) == {KIM: State.HELD, BOB: State.SENT}
    assert await state(store, "Q2") is State.SENT


async def test_whom_an_order_excepts_it_does_not_bind(store: Store) -> None:
    await store.put(mail(to=(KIM,), delay=5, sender="ceo@corp.example"), NOW)
    assert await apply(store, order()) == []


async def test_the_same_order_again_adds_nothing_also_after_a_person_has_decided(store: Store) -> None:
    await store.put(mail(to=(KIM,), hold_until=later(60)), NOW)
    await apply(store, order())
    assert await apply(store, order(), later(1)) == []
    assert (await store.approve("Q1", by=ADMIN, person=LEX, now=later(2))).ending is Ending.DONE
    assert await apply(store, order(), later(3)) == []
    assert await state(store) is State.QUEUED, "it waits for the time its client asked for"


async def test_a_later_order_of_the_same_name_binds_again(store: Store) -> None:
    await store.put(mail(to=(KIM,), hold_until=later(60)), NOW)
    await apply(store, order())
    await store.approve("Q1", by=ADMIN, person=LEX, now=later(2))
    assert await apply(store, order(since=later(3)), later(3)) == ["Q1"]
    assert await apply(store, order(since=later(4)), later(4)) == [], "one that is still open is enough"


async def test_mail_accepted_after_it_is_not_its_business(store: Store) -> None:
    await store.put(mail(to=(KIM,), delay=5, received_at=later(1)), later(1))
    assert await apply(store, order(), later(2)) == []


async def test_a_login_holds_all_that_waits_and_an_existing_hold_stays(store: Store) -> None:
    await store.put(mail(to=(KIM, BOB), holds=[hold()]), NOW)
    bob = replace(mail("Q2", delay=5), identity=replace(mail().identity, login="bob"))
    await store.put(bob, NOW)
    assert await apply(store, disabled()) == ["Q1"]
    assert [one.rule for one in (await got(store)).open_holds] == ["confidential-outside", "disabled ann"]
    await store.send_now("Q1", by=ADMIN, now=later(1))
    assert set((await states(store)).values()) == {State.HELD}, "the sender's word is not enough any more"
    await store.approve("Q1", by=ADMIN, person=LEX, now=later(2))
    assert set((await states(store)).values()) == {State.QUEUED}
    assert await state(store, "Q2") is State.QUEUED


async def test_a_copy_on_its_way_is_held_should_it_come_back(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store)
    assert await apply(store, disabled()) == ["Q1"]
    assert await state(store) is State.SENDING
    await settle(store, one, deferred(later(5)), later(1))
    assert await state(store) is State.HELD


async def test_a_copy_on_its_way_that_arrives_leaves_no_hold_open(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store)
    await apply(store, disabled())
    await settle(store, one, OK, later(1))
    assert await state(store) is State.SENT
    assert (await got(store)).open_holds == ()
    assert await store.expire(later(48 * 60)) == []


async def test_alerts_commit_with_it(store: Store) -> None:
    alert = NewNotice(NoticeKind.ALERT, LEX, data={"about": "frozen"})
    await store.curb(disabled(), by=ADMIN, now=NOW, alerts=[alert])
    assert await told(store) == [(NoticeKind.ALERT, LEX)]


async def test_the_load_of_a_login_is_what_has_not_ended(store: Store) -> None:
    await store.put(mail(raw=b"x" * 1000, delay=5), NOW)
    await store.put(mail("Q2", raw=b"x" * 500), NOW)
    await store.put(mail("Q3", sender="bob@corp.example"), NOW)
    assert await store.load("ann") == Load(2, 1500)
    assert await store.load("nobody") == Load(0, 0)
    assert sorted(await store.logins()) == ["ann", "bob"]
    await carry(store)
    assert await store.load("ann") == Load(1, 1000)
    assert await store.logins() == ["ann"]
