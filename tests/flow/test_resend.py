"""A client that got no answer sends again, as often as it likes: one mail arrives."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, MO, House, letter
from tests.flow.test_decide import PASS, undecided

QUIET = "version: 1\nrules:\n  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"


def _gone(port: int, raw: bytes, to: Sequence[str], *, after: bytes = b"") -> None:
    """Up to the dot, and never a word again."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        talk = line.makefile("rb")
        talk.readline()
        for said in (
            b"HELO client",
            b"MAIL FROM:<ann@corp.example>",
            *(b"RCPT TO:<%s>" % t.encode() for t in to),
            b"DATA",
        ):
            line.sendall(said + b"\r\n")
            talk.readline()
        line.sendall(raw + b".\r\n" + after)
        talk.readline()


async def gone(house: House, raw: bytes, to: Sequence[str] = (KIM,), *, after: bytes = b"") -> None:
    await asyncio.to_thread(_gone, house.service.smtp.ports[0], raw, to, after=after)


def all_mails(house: House) -> list[str]:
    return [line["queue_id"] for line in house.log_lines("smtp.accepted") if line.get("action") != "resend"]


async def test_six_resends_get_the_first_queue_id_and_one_mail_arrives(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    await gone(house, raw)
    for _ in range(5):
        await gone(house, raw)
    answer = await house.submit(raw)
    await house.quiet()
    assert all_mails(house) == [answer.queue_id]
    assert len(house.log_lines("smtp.accepted")) == 7
    assert len(house.arrived(KIM)) == 1


async def test_a_resend_while_the_first_is_still_being_judged_gets_the_same_answer(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, PASS)
    raw = letter()
    first, second = await asyncio.gather(house.submit(raw), house.submit(raw))
    assert first.queue_id == second.queue_id
    gate.open()
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_a_client_that_went_on_after_its_250_may_send_the_same_again(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    first = await house.submit(raw)  # smtplib says QUIT after the answer
    second = await house.submit(raw)
    assert first.queue_id != second.queue_id


async def test_what_was_pipelined_behind_the_mail_is_no_sign_that_the_answer_arrived(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    await gone(house, raw, after=b"QUIT\r\n")
    await house.submit(raw)
    assert len(all_mails(house)) == 1


@pytest.mark.parametrize("change", ["bytes", "recipients", "sender", "no name"])
async def test_anything_else_is_another_mail(open_house: OpenHouse, change: str) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    if change == "no name":
        raw = b"From: <ann@corp.example>\r\nTo: <kim@client.example>\r\n\r\nHi\r\n"
    await gone(house, raw)
    again = raw + b"more\r\n" if change == "bytes" else raw
    sender = "bob@corp.example" if change == "sender" else ANN
    await house.submit(again, [MO] if change == "recipients" else [KIM], sender=sender)
    assert len(all_mails(house)) == 2


async def test_the_order_of_recipients_makes_no_other_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    await gone(house, raw, [KIM, MO])
    await house.submit(raw, [MO, KIM])
    assert len(all_mails(house)) == 1


async def test_after_an_hour_it_is_a_new_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    raw = letter()
    await gone(house, raw)
    await house.wait(minutes=61)
    await house.submit(raw)
    assert len(all_mails(house)) == 2


async def test_what_was_taken_back_may_be_sent_again(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    raw = letter()
    await gone(house, raw)
    (first,) = all_mails(house)
    again = await house.submit(raw)
    assert again.text.startswith(f"2.0.0 held as {first}: ask"), "the answer says what is so now"
    await gone(house, raw)
    await house.press(await house.link(ANN, "Held: Quote"), "cancel", confirm=first)
    second = await house.submit(raw)
    assert second.queue_id != first


async def test_after_a_crash_nobody_knows_which_answers_arrived(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter()
    first = await house.submit(raw)
    await house.restart()
    assert (await house.submit(raw)).queue_id == first.queue_id
    await house.wait(minutes=6)
    assert (await house.copy(first.queue_id, KIM)).state is State.SENT
    assert len(house.arrived(KIM)) == 1


async def test_a_client_waits_for_as_long_as_the_service_was_away(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter()
    first = await house.submit(raw)
    await house.restart(away=5 * 3600)
    assert (await house.submit(raw)).queue_id == first.queue_id
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1


async def test_a_first_that_failed_takes_nobody_with_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=QUIET)
    put = house.service.store.put

    async def fail(*_: object) -> None:
        raise OSError

    house.service.store.put = fail  # type: ignore[method-assign, assignment]
    raw = letter()
    assert (await house.submit(raw)).code == 451
    house.service.store.put = put  # type: ignore[method-assign]
    assert (await house.submit(raw)).code == 250
    assert len(all_mails(house)) == 1
