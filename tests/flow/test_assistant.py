"""An executive's assistant sees mail first: the copy, the notice, and what an assistant may and may not do."""

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, BOB, CEO, KIM, LEE, House, letter

CFO, PA = "cfo@corp.example", "pa@corp.example"
PEOPLE = [
    {"address": CFO, "groups": ["executives"], "assistant": {"address": PA, "sees": "notice"}},
    {"address": "lex@corp.example", "groups": ["legal"]},
]
PRIVATE = {"no_assistant": {"groups": ["legal"], "sensitivity": ["private", "personal"]}}


async def test_the_assistant_has_a_visible_copy_at_once_and_the_executives_waits(house: House) -> None:
    await house.send([CEO], cc=[LEE])
    await house.quiet()
    (copy,) = house.arrived(ASSISTANT)
    assert ASSISTANT in str(copy.message["Cc"])
    assert len(house.arrived(LEE)) == 1
    assert not house.arrived(CEO)
    await house.wait(minutes=5)
    (late,) = house.arrived(CEO)
    assert str(late.message["Cc"]) == str(copy.message["Cc"]), "every copy shows the same recipients"
    assert len(house.arrived(ASSISTANT)) == 1


async def test_an_assistant_who_sees_notices_gets_no_copy_but_a_link(open_house: OpenHouse) -> None:
    house = await open_house(people=PEOPLE)
    queue_id = await house.send([CFO], body="The secret of the month.\r\n")
    notice = await house.notice(PA, "Leaves ")
    assert ANN in notice.text
    assert "Quote" in notice.text
    assert "secret of the month" not in notice.text
    await house.wait(minutes=6)
    assert not house.arrived(PA)
    assert len((await house.mail(queue_id)).deliveries) == 1
    (arrived,) = house.arrived(CFO)
    assert arrived.message["Cc"] is None


async def test_of_an_executive_in_bcc_nothing_is_seen_in_the_mail(house: House) -> None:
    await house.send([LEE], bcc=[CEO])
    await house.wait(minutes=6)
    for person in (LEE, ASSISTANT, CEO):
        (arrived,) = house.arrived(person)
        assert arrived.message["Cc"] is None
        assert ASSISTANT.encode() not in arrived.raw
        assert CEO.encode() not in arrived.raw


async def test_an_assistants_stop_is_of_the_executives_copy_only_and_the_sender_decides(house: House) -> None:
    queue_id = await house.send([CEO, KIM])
    link = await house.link(ASSISTANT, "Leaves ")
    assert (await house.press(link, "stop")).status == 200
    states = await house.states(queue_id)
    assert (states[CEO], states[KIM]) == (State.HELD, State.QUEUED)
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1, "the client's copy went on"
    assert not house.arrived(CEO)
    senders = await house.link(ANN, "Stopped: Quote")
    assert (await house.press(senders, "send", confirm=[CEO, KIM])).status == 200
    await house.quiet()
    assert len(house.arrived(CEO)) == 1
    assert len(house.arrived(KIM)) == 1


async def test_the_sender_may_also_cancel_what_the_assistant_stopped(house: House) -> None:
    raw = letter(to=CEO)
    queue_id = (await house.submit(raw, [CEO])).queue_id
    await house.press(await house.link(ASSISTANT, "Leaves "), "stop")
    await house.press(await house.link(ANN, "Stopped: Quote"), "cancel", confirm=queue_id)
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
    await house.wait(hours=30)
    assert not house.arrived(CEO)
    assert (await house.copy(queue_id, ASSISTANT)).state is State.SENT, "an immediate copy can't be taken back"


async def test_an_assistant_may_undo_the_own_stop_and_let_the_executives_copy_go_early(house: House) -> None:
    await house.send([CEO, KIM])
    link = await house.link(ASSISTANT, "Leaves ")
    await house.press(link, "stop")
    assert (await house.press(link, "send", confirm=CEO)).status == 200
    await house.quiet()
    assert len(house.arrived(CEO)) == 1
    assert not house.arrived(KIM), "nobody else's delay was shortened"


async def test_an_assistant_lets_the_executives_copy_go_early_without_a_stop(house: House) -> None:
    await house.send([CEO])
    link = await house.link(ASSISTANT, "Leaves ")
    assert (await house.press(link, "send")).status == 422
    assert not house.arrived(CEO)
    assert (await house.press(link, "send", confirm=CEO)).status == 200
    await house.quiet()
    assert len(house.arrived(CEO)) == 1


async def test_an_assistant_can_neither_drop_nor_cancel(house: House) -> None:
    queue_id = await house.send([CEO, KIM])
    link = await house.link(ASSISTANT, "Leaves ")
    assert (await house.press(link, "drop", recipient=CEO)).status == 403
    assert (await house.press(link, "cancel", confirm=queue_id)).status == 403
    assert State.CANCELLED not in (await house.states(queue_id)).values()


async def test_an_assistants_page_and_notice_never_show_bcc(house: House) -> None:
    await house.send([CEO], bcc=[BOB])
    page = await house.page(await house.link(ASSISTANT, "Leaves "))
    assert CEO in page.words
    assert BOB not in page.text
    assert all(BOB.encode() not in notice.raw for notice in house.notices(ASSISTANT))
    assert BOB in (await house.page(await house.link(ANN, "Leaves "))).words, "the sender sees it"


async def test_an_executive_in_bcc_is_not_named_to_others_by_their_assistants_copy(house: House) -> None:
    await house.send([LEE, "cfo@corp.example"], bcc=[CEO])
    await house.quiet()
    (copy,) = house.arrived(LEE)
    assert b"Cc:" not in copy.raw


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        (ANN, {"Sensitivity": "Private"}),
        (ANN, {"Sensitivity": "personal"}),
        ("lex@corp.example", {}),
    ],
    ids=["private", "personal", "legal"],
)
async def test_private_mail_never_reaches_an_assistant(
    open_house: OpenHouse, sender: str, headers: dict[str, str]
) -> None:
    house = await open_house(people=PEOPLE, more_people=PRIVATE)
    await house.send([CEO, CFO], sender=sender, **headers)
    await house.wait(minutes=6)
    for assistant in (ASSISTANT, PA):
        assert not house.world.to(assistant)
    assert len(house.arrived(CEO)) == 1


async def test_encrypted_mail_never_reaches_an_assistant_and_its_sender_may_shorten_the_wait(house: House) -> None:
    raw = letter(to=CEO).replace(
        b'Content-Type: text/plain; charset="utf-8"',
        b'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"',
    )
    assert b"enveloped" in raw
    queue_id = (await house.submit(raw, [CEO])).queue_id
    await house.quiet()
    assert not house.world.to(ASSISTANT)
    assert len((await house.mail(queue_id)).deliveries) == 1


async def test_a_hold_keeps_the_added_copy_back_as_well(open_house: OpenHouse) -> None:
    rule = "{id: ask, when: {words: {any: [quote], in: [subject]}}, then: [{hold: sender_confirms}]}"
    house = await open_house(extra=f"version: 1\nrules: [{rule}]\n")
    queue_id = await house.send([CEO])
    link = await house.link(ANN, "Held: Quote")
    assert not house.world.to(ASSISTANT)
    await house.press(link, "send", confirm=[CEO, queue_id])
    await house.quiet()
    assert len(house.arrived(ASSISTANT)) == 1
    assert len(house.arrived(CEO)) == 1, "releasing a hold drops the rules' delays"


async def test_an_assistant_who_is_a_recipient_already_is_not_added_and_has_it_now(house: House) -> None:
    queue_id = await house.send([CEO, ASSISTANT])
    await house.quiet()
    assert len((await house.mail(queue_id)).deliveries) == 2
    assert len(house.arrived(ASSISTANT)) == 1
    await house.press(await house.link(ASSISTANT, "Leaves "), "stop")
    assert (await house.copy(queue_id, CEO)).state is State.HELD


async def test_each_of_two_assistants_has_power_over_their_own_executives_copy_only(open_house: OpenHouse) -> None:
    house = await open_house(people=PEOPLE)
    queue_id = await house.send([CEO, CFO])
    assert (await house.press(await house.link(PA, "Leaves "), "stop")).status == 200
    assert await house.states(queue_id) == {CEO: State.QUEUED, CFO: State.HELD, ASSISTANT: State.SENT}
    other = await house.link(ASSISTANT, "Leaves ")
    await house.press(other, "send", confirm=[CEO, CFO, queue_id])
    await house.quiet()
    assert await house.states(queue_id) == {CEO: State.SENT, CFO: State.HELD, ASSISTANT: State.SENT}
    assert (await house.press(other, "stop")).status == 200
    assert (await house.copy(queue_id, CFO)).state is State.HELD


async def test_one_assistant_of_two_executives_is_told_once_and_stops_both(open_house: OpenHouse) -> None:
    house = await open_house(people=[{"address": CFO, "groups": ["executives"], "assistant": ASSISTANT}])
    queue_id = await house.send([CEO, CFO])
    await house.quiet()
    assert len(house.arrived(ASSISTANT)) == 1
    assert len(house.notices(ASSISTANT)) == 1
    await house.press(await house.link(ASSISTANT, "Leaves "), "stop")
    assert await house.states(queue_id) == {CEO: State.HELD, CFO: State.HELD, ASSISTANT: State.SENT}


async def test_a_stopped_executives_copy_that_nobody_answers_comes_back_and_the_others_stay_sent(house: House) -> None:
    raw = letter(to=f"{CEO}, {LEE}")
    queue_id = (await house.submit(raw, [CEO, LEE])).queue_id
    await house.press(await house.link(ASSISTANT, "Leaves "), "stop")
    await house.wait(hours=25)
    assert await house.states(queue_id) == {
        CEO: State.CANCELLED, LEE: State.SENT, ASSISTANT: State.SENT,
    }  # fmt: skip
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
