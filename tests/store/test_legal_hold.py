"""Legal holds: while one stands nothing of the person is forgotten, by time or by hand; lifted, all goes as ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailguard.errors import UnderLegalHold
from mailguard.mail.address import key
from mailguard.records import EVERYBODY, Actor, NewNotice, NoticeKind
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import ADMIN, NOW, body, carry, kinds, later, mail
from tests.store.test_habits import letter

ANN, BOB, EVE, KIM = "ann@corp.example", "bob@client.example", "eve@corp.example", "kim@client.example"
KEEP = Retention(timedelta(days=7), timedelta(days=400), timedelta(days=90), timedelta(days=400))
LONG = later(days=2000)
BY = Actor("configuration", "policy")


async def filled(store: Store) -> None:
    """HELD is from Ann, OTHER from Eve; both were sent, and events and notices of no mail speak of Ann."""
    for queue_id, sender, to in (("HELD", ANN, BOB), ("OTHER", EVE, KIM)):
        new = mail(queue_id, to=(to,), sender=sender)
        await store.put(replace(new, remembered=letter([to], sender=sender)), NOW)
    await carry(store)
    await store.notify([NewNotice(NoticeKind.CODE, ANN, data={"code": "123456"})], NOW)
    (told,) = await store.claim_notices(
        NOW, lease=timedelta(hours=6), limit=1, digest_over=3, digest_within=timedelta()
    )
    from tests.store.making import OK

    await store.settle_notice(told, OK, NOW)
    await store.record("login.opened", by=Actor(ANN, "code"), now=NOW)


async def hold(store: Store, person: str = ANN) -> None:
    assert await store.add_legal_hold(person, reason="case 4711", by=ADMIN, now=later(1))


async def told(store: Store) -> list[str]:
    """The kinds of the events of no mail."""
    return [r.event.kind async for span in store.audit() for r in span.records if r.event and not r.event.queue_id]


async def test_what_is_held_stays_whole_past_its_time_and_the_rest_goes(store: Store) -> None:
    await filled(store)
    await hold(store)
    assert await store.held_back(LONG, KEEP) == 1
    assert await store.purge(LONG, KEEP) == 1
    assert await store.purge(LONG, KEEP) == 0
    assert await store.get("OTHER") is None
    assert await body(store, "HELD")
    assert "delivery.sent" in await kinds(store, "HELD")
    assert {"login.opened", "legal_hold.set"} <= set(await told(store))
    assert dict(await store.written_by(ANN)) == {BOB: 1}
    assert dict(await store.written_by(EVE)) == {}
    assert len((await store.habits(ANN, ())).sent) == 1


async def test_once_it_is_lifted_all_goes(store: Store) -> None:
    await filled(store)
    await hold(store)
    await store.purge(LONG, KEEP)
    assert not await store.lift_legal_hold(BOB, by=ADMIN, now=LONG)
    assert await store.lift_legal_hold("Ann@Corp.example", by=ADMIN, now=LONG)
    assert await store.legal_holds() == []
    assert await store.purge(LONG, KEEP) == 1
    assert await store.purge(later(days=4000), KEEP) == 0
    assert await store.get("HELD") is None
    assert dict(await store.written_by(ANN)) == {}
    assert "login.opened" not in await told(store)


@pytest.mark.parametrize("person", [BOB, EVERYBODY])
async def test_whoever_got_it_is_enough_and_everybody_is_everybody(store: Store, person: str) -> None:
    await filled(store)
    await hold(store, person)
    assert await store.purge(LONG, KEEP) == (person == BOB)
    assert (await store.get("OTHER") is None) == (person == BOB)
    assert await body(store, "HELD")
    assert await store.held_back(LONG, KEEP) == (1 if person == BOB else 2)


@pytest.mark.parametrize("person", [ANN, EVERYBODY])
async def test_nobody_erases_who_is_held_and_the_reason_is_said(store: Store, person: str) -> None:
    await filled(store)
    await hold(store, person)
    for dry_run in (True, False):
        with pytest.raises(UnderLegalHold, match="case 4711"):
            await store.erase("Ann@corp.example", by=ADMIN, now=later(2), dry_run=dry_run)
    with pytest.raises(UnderLegalHold, match="until it is lifted"):
        await store.forget_habits(key(ANN), by=ADMIN, now=later(2))
    assert await body(store, "HELD")
    assert len((await store.habits(ANN, ())).sent) == 1


async def test_erasing_another_leaves_what_they_share_with_who_is_held(store: Store) -> None:
    await filled(store)
    await store.put(mail("BOTH", to=(BOB, KIM), sender=EVE), NOW)
    await carry(store)
    await hold(store, BOB)
    what = await store.erase(EVE, by=ADMIN, now=later(2))
    assert (what.mails, what.waiting, what.held) == (1, 0, 1)
    assert await store.get("OTHER") is None
    assert await body(store, "BOTH")
    assert dict(await store.written_by(EVE)) == {BOB: 1}


async def test_what_the_configuration_says_is_what_holds_beside_the_command_line(store: Store) -> None:
    await store.configure_legal_holds([ANN, BOB], by=BY, now=NOW)
    await hold(store, ANN)
    assert not await store.add_legal_hold(ANN, reason="again", by=ADMIN, now=later(2))
    await store.configure_legal_holds([BOB], by=BY, now=later(3))
    found = [(one.person, one.source, one.reason) for one in await store.legal_holds()]
    assert found == [(ANN, "command line", "case 4711"), (BOB, "configuration", "by the configuration")]
    assert not await store.lift_legal_hold(BOB, by=ADMIN, now=later(4)), "it would be back at the next start"
    said = [r.event async for span in store.audit() for r in span.records if r.event]
    assert [(e.kind, e.data["person"]) for e in said if e.kind.startswith("legal_hold.")] == [
        ("legal_hold.set", ANN), ("legal_hold.set", BOB), ("legal_hold.set", ANN), ("legal_hold.lifted", ANN),
    ]  # fmt: skip
