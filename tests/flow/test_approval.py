"""A mail that waits for somebody else: the approver's notice, the mailed code, and who is told."""

import re

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, BOSS, HOLD, KIM, LEE, MO, POSTMASTER, House, Shown, letter

LEX = "lex@corp.example"


def approved_by(whom: str, **hold: str) -> str:
    keys = ", ".join(f"{name}: {value}" for name, value in {"expires": "24h", **hold}.items())
    then = f"[{{hold: {{until: {{approved_by: {whom}}}, {keys}}}}}]"
    return f"version: 1\nrules:\n  - {{id: legal, when: {{recipients: {{any: external}}}}, then: {then}}}\n"


BOTH = approved_by(LEX) + "  - {id: ask, when: {recipients: {any: external}}, then: [{hold: sender_confirms}]}\n"


async def code(house: House, person: str) -> str:
    """The code in the latest mail about one."""
    found = re.search(r"\b\d{6}\b", (await house.notice(person, "mailguard code")).text)
    assert found
    return found[0]


async def approve(house: House, link: str, person: str, *ticks: str) -> Shown:
    """Press, read the code, press again, and see what comes of it."""
    asked = await house.press(link, "send", confirm=list(ticks))
    assert asked.status == 422
    shown = await house.press(link, "send", confirm=list(ticks), code=await code(house, person))
    await house.quiet()
    return shown


async def test_the_approver_gets_a_link_and_a_code_only_when_pressing(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send()
    link = await house.link(LEX, "Approve? Quote")
    await house.page(link)
    await house.quiet()
    assert [n.subject for n in house.notices(LEX)] == ["Approve? Quote"]
    assert (await house.press(link, "send", confirm=KIM)).status == 422
    await house.quiet()
    assert len(house.notices(LEX)) == 2
    assert (await house.copy(queue_id, KIM)).state is State.HELD


async def test_the_right_code_lets_it_go_and_the_sender_is_told(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send()
    assert LEX in (await house.notice(ANN, "Held: Quote")).text
    done = await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    assert done.status == 200
    told = await house.notice(ANN, "Approved: Quote")
    assert LEX in told.text
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert len(house.arrived(KIM)) == 1


async def test_a_wrong_code_lets_nothing_go_and_five_end_the_right_one(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send()
    link = await house.link(LEX, "Approve? Quote")
    await house.press(link, "send", confirm=KIM)
    right = await code(house, LEX)
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        assert (await house.press(link, "send", confirm=KIM, code=wrong)).status == 422
    assert (await house.press(link, "send", confirm=KIM, code=right)).status == 422
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert not house.arrived(KIM)


async def test_a_code_of_ten_minutes_ago_is_worth_nothing(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send()
    link = await house.link(LEX, "Approve? Quote")
    await house.press(link, "send", confirm=KIM)
    old = await code(house, LEX)
    await house.wait(minutes=11)
    assert (await house.press(link, "send", confirm=KIM, code=old)).status == 422
    assert (await house.copy(queue_id, KIM)).state is State.HELD


async def test_the_sender_cannot_let_go_what_an_approver_must_but_can_cancel_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    link = await house.link(ANN, "Held: Quote")
    assert (await house.press(link, "send", confirm=KIM)).status == 403
    await house.quiet()
    assert not house.arrived(KIM)
    assert (await house.press(link, "cancel", confirm=queue_id)).status == 200
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
    page = await house.page(await house.link(LEX, "Approve? Quote"))
    assert "cancelled" in page.words.lower()


async def test_an_approver_can_neither_drop_nor_cancel(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send([KIM, MO])
    link = await house.link(LEX, "Approve? Quote")
    assert (await house.press(link, "drop", recipient=MO)).status == 403
    assert (await house.press(link, "cancel", confirm=queue_id)).status == 403
    assert set((await house.states(queue_id)).values()) == {State.HELD}


async def test_an_approver_that_nobody_can_find_means_the_fallback_person(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by("manager_of_sender"))
    queue_id = await house.send(sender=LEE)  # has no manager
    assert (await house.mail(queue_id)).holds[0].approvers == (POSTMASTER,)
    await approve(house, await house.link(POSTMASTER, "Approve? Quote"), POSTMASTER, KIM)
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_the_senders_manager_is_found_and_nobody_approves_their_own_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(f"[manager_of_sender, {ANN}]"))
    queue_id = await house.send()
    assert (await house.mail(queue_id)).holds[0].approvers == (BOSS,)


async def test_what_two_must_approve_waits_for_the_second(open_house: OpenHouse) -> None:
    rules = approved_by(f"[{LEX}, {LEE}, {BOB}], of: 2")
    house = await open_house(rules=rules)
    queue_id = await house.send()
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    assert "still waits" in (await house.notice(ANN, "Approved: Quote")).text
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    again = await house.press(await house.link(LEX, "Approve? Quote"), "send", confirm=KIM)
    assert again.status == 200, "one's second press counts for nothing and is no error"
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await approve(house, await house.link(LEE, "Approve? Quote"), LEE, KIM)
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_sender_and_approver_are_both_needed_in_either_order(open_house: OpenHouse) -> None:
    house = await open_house(rules=BOTH)
    for first in ("sender", "approver"):
        subject = f"First the {first}"
        queue_id = await house.send(subject=subject)
        for who in ("sender", "approver") if first == "sender" else ("approver", "sender"):
            assert (await house.copy(queue_id, KIM)).state is State.HELD
            if who == "sender":
                page = await house.press(await house.link(ANN, f"Held: {subject}"), "send", confirm=KIM)
                assert page.status == 200
            else:
                await approve(house, await house.link(LEX, f"Approve? {subject}"), LEX, KIM)
            await house.quiet()
        assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert len(house.arrived(KIM)) == 2


async def test_nobodys_approval_returns_it_to_its_sender_and_both_are_reminded(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX, on_expiry="return"))
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.wait(hours=12.1)
    assert "Still held" in (await house.notice(LEX, "Still held")).subject
    await house.wait(hours=12)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
    assert all(raw not in notice.raw for notice in house.notices(LEX))


async def test_an_approver_sees_bcc_and_says_who_let_it_go_in_the_history(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = (await house.submit(letter(), [KIM, MO])).queue_id
    link = await house.link(LEX, "Approve? Quote")
    assert MO in (await house.page(link)).words
    await approve(house, link, LEX, KIM, MO)
    await house.quiet()
    assert "hold.approved" in await house.events(queue_id)
    (line,) = house.log_lines("hold.approved")
    assert (line["queue_id"], line["actor"]) == (queue_id, f"{LEX} (link)")


async def test_an_approvers_stop_is_undone_by_nobody_elses_press_alone(open_house: OpenHouse) -> None:
    """A stop is the sender's to undo, the approval the approver's: it leaves after both."""
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send()
    link = await house.link(LEX, "Approve? Quote")
    assert (await house.press(link, "stop")).status == 200
    await approve(house, link, LEX, KIM)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert (await house.press(await house.link(ANN, "Stopped: Quote"), "send", confirm=KIM)).status == 200
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_a_signed_in_approver_of_another_mail_has_no_power_here(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    assert await house.service.desk.own(LEX, queue_id) is None
