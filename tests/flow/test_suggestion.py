"""Who was probably meant: named to the sender, and put in the place of the wrong one by a signed-in press alone."""

import pytest

from mailguard.demo.past import past
from mailguard.desk import NotAllowed, NotConfirmed, View
from mailguard.mail.address import key
from mailguard.records import Ending, State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, BOSS, LEE, House
from tests.flow.test_answers import answer, reply_to
from tests.flow.test_approval import LEX

PAT, WARD = "pat@corp.example", "ward@client.example"
KNOWN = {"history": {"learn": {"mails": 100, "days": 14}}}
TEXT = "Lee, Pat,\n\nthe draft we spoke of. Two posts go in spring.\n"
BOSS_WAITS = """
  - id: boss-approves
    when: {recipients: {any: {in: [boss@corp.example]}}}
    then: [{hold: {until: {approved_by: lex@corp.example}, expires: 8h, on_expiry: return}}]
"""
TWO_APPROVE = """
  - id: two-approve
    when: {recipients: {any: {in: [lee@corp.example]}}}
    then:
      - hold: {until: {approved_by: [lex@corp.example, bob@corp.example], of: 2}, requires: link,
               release_by: [page, mail], expires: 8h, on_expiry: return}
"""
ODD = """
version: 1
rules:
  - {id: odd, when: {cc: {any: unexpected}}, then: [{hold: {until: sender_confirms, expires: 8h, on_expiry: return}}]}
"""


async def mixed_up(open_house: OpenHouse, rules: str = ODD) -> tuple[House, str]:
    """The client where the boss should be."""
    house = await open_house(rules=rules, config=KNOWN)
    await house.service.store.learn_past(past(house.clock.now()))
    return house, await house.send([LEE, PAT], cc=[WARD], subject="Cost cutting", body=TEXT)


async def own(house: House, queue_id: str) -> View:
    """As the sender sees it, signed in."""
    view = await house.service.desk.own(ANN, queue_id)
    assert view is not None
    return view


async def states(house: House, queue_id: str) -> dict[str, State]:
    return {key(d.address): d.state for d in (await house.mail(queue_id)).deliveries}


async def test_the_one_meant_takes_the_place_and_the_mail_waits_on(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house)
    view = await own(house, queue_id)
    assert view.meant == {WARD: BOSS}
    decision = await house.service.desk.suggestions.swap(view, [WARD], view.seen)
    assert decision.ending is Ending.DONE
    held = {LEE: State.HELD, PAT: State.HELD, WARD: State.CANCELLED, BOSS: State.HELD}
    assert await states(house, queue_id) == held
    await house.wait(minutes=60)
    assert await states(house, queue_id) == held, "nothing leaves by it"
    view = await own(house, queue_id)
    assert view.meant == {}
    await house.service.desk.send(view, [WARD], view.seen)
    await house.wait(minutes=1)
    (arrived,) = house.arrived(BOSS)
    assert (arrived.message["To"], arrived.message["Cc"]) == (f"{LEE}, {PAT}", BOSS)
    assert not house.arrived(WARD)
    events = {event.kind: event for event in await house.service.store.events(queue_id)}
    assert events["recipient.replaced"].data["right"] == BOSS
    assert events["recipient.replaced"].actor.startswith(ANN)


async def test_the_rules_look_at_it_again(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house, ODD + BOSS_WAITS.lstrip("\n"))
    view = await own(house, queue_id)
    await house.service.desk.suggestions.swap(view, [WARD], view.seen)
    mail = await house.mail(queue_id)
    assert {hold.rule for hold in mail.open_holds} == {"odd", "boss-approves"}
    view = await own(house, queue_id)
    await house.service.desk.send(view, [WARD, BOSS], view.seen)
    assert (await states(house, queue_id))[BOSS] is State.HELD, "the approver's word is missing"
    await house.notice("lex@corp.example", "Cost cutting")


async def test_what_was_approved_was_a_mail_to_somebody_else(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house, ODD + TWO_APPROVE.lstrip("\n"))
    await answer(house, await reply_to(house, LEX, "Approve?"), "approve", sender=LEX)
    earlier = await reply_to(house, BOB, "Approve?")
    view = await own(house, queue_id)
    (waits,) = [hold for hold in view.mail.open_holds if hold.approvers]
    assert waits.approved_by == (LEX,)
    await house.service.desk.suggestions.swap(view, [WARD], view.seen)
    (waits,) = [hold for hold in (await house.mail(queue_id)).open_holds if hold.approvers]
    assert (waits.approved_by, waits.by_mail) == ((), False)
    await house.quiet()
    assert [len([n for n in house.notices(who) if "Approve?" in n.subject]) for who in (LEX, BOB)] == [2, 2]
    await answer(house, earlier, "approve", sender=BOB)
    (waits,) = [hold for hold in (await house.mail(queue_id)).open_holds if hold.approvers]
    assert waits.approved_by == (), "that notice spoke of another recipient"
    for who in (LEX, BOB):
        page = await house.link(who, "Approve?")
        assert BOSS in (await house.page(page)).text
        assert (await house.press(page, "send", confirm=[LEE, WARD])).status == 200
    assert "two-approve" not in {hold.rule for hold in (await house.mail(queue_id)).open_holds}


async def test_a_link_only_shows_it(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house)
    link = await house.link(ANN, "Cost cutting")
    page = await house.page(link)
    assert "Probably meant:" in page.text
    assert BOSS in page.text
    assert f"/outbox/{queue_id}" in page.text
    assert (await house.press(link, "swap", recipient=WARD)).status == 403
    assert (await states(house, queue_id))[WARD] is State.HELD
    await house.press(link, "drop", recipient=WARD)
    assert (await states(house, queue_id))[WARD] is State.CANCELLED


async def test_no_press_can_name_an_address(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house)
    view = await own(house, queue_id)
    swap = house.service.desk.suggestions.swap
    for wrong in ([], [LEE], ["other@client.example"], [WARD, LEE]):
        with pytest.raises(NotConfirmed):
            await swap(view, wrong, view.seen)
    with pytest.raises(NotConfirmed):
        await swap(view, [WARD], "")
    assert BOSS not in await states(house, queue_id)
    await house.service.desk.drop(view, [WARD], view.seen)
    view = await own(house, queue_id)
    assert "swap" not in view.allowed
    with pytest.raises(NotAllowed):
        await swap(view, [WARD], view.seen)


async def test_who_was_faster_wins(open_house: OpenHouse) -> None:
    house, queue_id = await mixed_up(open_house)
    view = await own(house, queue_id)
    await house.service.desk.let_go(view)
    await house.wait(minutes=1)
    assert len(house.arrived(WARD)) == 1
    decision = await house.service.desk.suggestions.swap(view, [WARD], view.seen)
    assert decision.ending is Ending.TOO_LATE
    assert BOSS not in await states(house, queue_id)
