"""A mail that waits and leaves by itself: who may shorten the wait, and what stopping it means."""

import pytest

from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, BOB, CEO, DELAY, KIM, LEE, MO, letter


def waiting(shorten: str) -> str:
    return DELAY.replace("delay: 5m", f"delay: {{for: 5m, shorten: {shorten}}}")


async def test_it_leaves_by_itself_at_its_time_and_not_before(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    answer = await house.submit(letter())
    assert answer.text == f"2.0.0 queued as {answer.queue_id}"
    await house.wait(minutes=4, seconds=59)
    assert not house.arrived(KIM)
    await house.wait(seconds=1)
    (arrived,) = house.arrived(KIM)
    assert (arrived.at - (await house.mail(answer.queue_id)).received_at).total_seconds() == pytest.approx(300, abs=0.1)


async def test_what_arrives_are_the_bytes_that_were_sent_behind_one_received_field(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter(body="Zażółć gęślą jaźń\r\n.\r\n..two dots\r\n \t \r\n")
    await house.submit(raw, mail=["BODY=8BITMIME"])
    await house.wait(minutes=5)
    (arrived,) = house.arrived(KIM)
    received, rest = arrived.raw[: -len(raw)], arrived.raw[-len(raw) :]
    assert rest == raw
    assert received.startswith(b"Received: from ")
    assert received.count(b"\r\n") == 3


async def test_only_the_matched_copies_wait_with_copies_matching(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY.replace("delay: 5m", "delay: {for: 5m, copies: matching}"))
    await house.send([KIM, LEE])
    await house.quiet()
    assert (len(house.arrived(LEE)), len(house.arrived(KIM))) == (1, 0)
    await house.wait(minutes=5)
    assert (len(house.arrived(LEE)), len(house.arrived(KIM))) == (1, 1)


async def test_the_sender_may_send_it_now(open_house: OpenHouse) -> None:
    house = await open_house(rules=waiting("sender"))
    await house.send([KIM], cc=[BOB])
    link = await house.link(ANN, "Leaves ")
    assert (await house.press(link, "send")).status == 422, "every recipient the rule is about must be ticked"
    assert (await house.press(link, "send", confirm=KIM)).status == 200
    await house.quiet()
    assert (len(house.arrived(KIM)), len(house.arrived(BOB))) == (1, 1)
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1


@pytest.mark.parametrize("shorten", ["nobody", "assistant"])
async def test_what_is_not_the_senders_to_shorten_waits_to_its_end(open_house: OpenHouse, shorten: str) -> None:
    rules = f"""
version: 1
rules:
  - id: exec
    when: {{recipients: {{any: has_assistant}}}}
    then: [{{cc: {{add: assistant_of_matched, send: now}}}}, {{delay: {{for: 5m, shorten: {shorten}}}}}]
"""
    house = await open_house(rules=rules)
    queue_id = await house.send([CEO])
    link = await house.link(ANN, "Leaves ")
    assert (await house.press(link, "send", confirm=[CEO, queue_id])).status == 403
    await house.wait(minutes=4.9)
    assert not house.arrived(CEO)
    assert len(house.arrived(ASSISTANT)) == 1
    await house.wait(minutes=0.2)
    assert len(house.arrived(CEO)) == 1


async def test_the_longest_delay_of_several_rules_counts(open_house: OpenHouse) -> None:
    more = "  - {id: long, when: {recipients: {any: {domain: rival.example}}}, then: [{delay: 20m}]}\n"
    house = await open_house(rules=DELAY + more)
    await house.send([KIM], subject="short")
    await house.send([KIM, MO], subject="long")
    await house.wait(minutes=5.1)
    assert [mail.subject for mail in house.arrived(KIM)] == ["short"]
    await house.wait(minutes=15)
    assert [mail.subject for mail in house.arrived(KIM)] == ["short", "long"]


async def test_a_delay_until_a_time_of_day_means_the_organizations_clock(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY.replace("delay: 5m", 'delay: {until: "11:30"}'))
    await house.send()  # at 10:00 in Warsaw
    await house.wait(minutes=89)
    assert not house.arrived(KIM)
    await house.wait(minutes=2)
    assert len(house.arrived(KIM)) == 1


async def test_a_wait_survives_a_restart_to_the_second(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    await house.wait(minutes=2)
    await house.restart()
    await house.wait(minutes=2.9)
    assert not house.arrived(KIM)
    await house.wait(minutes=0.2)
    assert len(house.arrived(KIM)) == 1


async def test_what_came_due_while_the_service_was_down_leaves_at_its_start(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send()
    await house.quiet()
    await house.stop()
    await house.clock.advance(3600)
    await house.restart()
    await house.quiet()
    assert len(house.arrived(KIM)) == 1
