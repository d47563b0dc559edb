"""A disclaimer goes out with every copy, and never comes back to who wrote the mail."""

import asyncio
import email
from base64 import encodebytes

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, letter, routes
from tests.flow.test_changes import SIGNED, left
from tests.flow.test_retention import MARK, on_disk
from tests.unit.courier.peer import Peer

WORDS = b"\r\nCorp Example, Warsaw\r\n"
RULES = """
version: 1
rules:
  - {id: firm, when: {recipients: {any: external}}, then: [{disclaimer: "Corp Example, Warsaw"}]}
"""
WAITS = RULES.replace("[{disc", "[{delay: 5m}, {disc")
TOLD = {"notices": {"delayed": "always"}}


async def test_it_stands_below_the_text_of_a_mail_to_outside_and_only_there(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    raw = letter(to=f"{KIM}, {BOB}", body="Zażółć\r\n.\r\n..dots\r\n")
    await house.submit(raw, [KIM, BOB], mail=["BODY=8BITMIME"])
    inside = letter(to=LEE)
    await house.submit(inside, [LEE])
    await house.quiet()
    assert left(house, KIM) == left(house, BOB) == raw + WORDS
    assert left(house, LEE) == inside
    assert [line.get("changes") for line in house.log_lines("message.evaluated")] == [["splice"], None]


async def test_it_is_kept_with_the_mail_and_a_dropped_recipient_does_not_move_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=WAITS, config=TOLD)
    raw = letter(to=f"{KIM}, {BOB}")
    await house.submit(raw, [KIM, BOB])
    link = await house.link(ANN, "Leaves ")
    assert "The text gains a disclaimer" in (await house.page(link)).words
    await house.press(link, "drop", recipient=[BOB])
    await house.restart()
    await house.wait(minutes=5)
    assert left(house, KIM) == raw.replace(f", {BOB}".encode(), b"") + WORDS


async def test_a_mail_that_comes_back_is_what_was_written(open_house: OpenHouse) -> None:
    house = await open_house(rules=WAITS, config=TOLD)
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.press(await house.link(ANN, "Leaves "), "cancel", confirm=queue_id)
    notice = await house.notice(ANN, "Not sent: Quote")
    (attached,) = notice.message.iter_attachments()
    assert attached.get_content().as_bytes().replace(b"\n", b"\r\n") == raw
    assert b"Corp Example, Warsaw" not in notice.raw


async def test_a_report_of_a_failure_shows_the_mail_without_it(open_house: OpenHouse, peer: Peer) -> None:
    house = await open_house(rules=RULES.replace("Warsaw", "Łódź"), config=routes(client_example=peer.port))
    peer.answers["RCPT"] = "550 5.1.1 no such user"
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.FAILED
    (report,) = (caught for caught in house.notices(ANN) if caught.message.get_content_type() == "multipart/report")
    assert raw in report.raw


async def test_a_mail_too_large_for_memory_gains_it_as_it_streams(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    file = encodebytes(bytes(7 << 20)).replace(b"\n", b"\r\n")
    head = b"From: ann@corp.example\r\nMessage-ID: <large@corp.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n"
    head += b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    text = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
    rest = b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + b"--b--\r\n"
    raw = head + text + rest
    await house.submit(raw)
    await house.quiet()
    assert left(house, KIM) == head + text + WORDS + b"\r\n" + rest


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (letter(DKIM_Signature=SIGNED), "signed"),
        (letter(body="-----BEGIN PGP MESSAGE-----\r\n"), "it is encrypted"),
        (letter(body="Yes\r\n\r\n> Corp Example,\r\n> Warsaw\r\n"), "it says so already"),
        (letter().replace(b"text/plain", b"application/pdf"), "it has no text"),
    ],
)
async def test_a_mail_that_cannot_have_it_goes_without_and_the_log_says_why(
    open_house: OpenHouse, raw: bytes, why: str
) -> None:
    house = await open_house(rules=RULES)
    await house.submit(raw)
    await house.quiet()
    assert left(house, KIM) == raw
    (line,) = house.log_lines("message.evaluated")
    assert line["changes"] == [f"withheld: disclaimer, {why}"]


async def test_text_that_was_encoded_anew_is_gone_with_the_mails_bytes(open_house: OpenHouse) -> None:
    house = await open_house(rules=WAITS.replace("Warsaw", "Łódź"))
    queue_id = (await house.submit(letter(body=f"{MARK}\r\n"))).queue_id
    await house.wait(minutes=6)
    (arrived,) = house.arrived(KIM)
    part = email.message_from_bytes(arrived.raw)
    assert part.get_payload(decode=True) == f"{MARK}\r\n\r\nCorp Example, Łódź\r\n".encode()
    await house.wait(days=7, hours=1)
    assert (await house.mail(queue_id)).purged
    await house.restart()
    assert not await asyncio.to_thread(on_disk, house)
