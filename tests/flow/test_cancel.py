"""Taken back: the whole mail, or some of its recipients."""

import asyncio

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, LEE, MO, letter


async def test_a_cancelled_mail_comes_back_byte_for_byte_and_never_leaves(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter(body="Zażółć\r\n.\r\n--b--\r\n", Bcc="hidden@client.example")
    queue_id = (await house.submit(raw, [KIM, "hidden@client.example"], mail=["BODY=8BITMIME"])).queue_id
    link = await house.link(ANN, "Leaves ")
    assert (await house.press(link, "cancel")).status == 422, "it asks for its tick"
    assert (await house.press(link, "cancel", confirm=queue_id)).status == 200
    (attached,) = (await house.notice(ANN, "Not sent: Quote")).message.iter_attachments()
    assert attached.get_filename() == "mail.eml"
    assert attached.get_payload(decode=True) == raw, "8-bit bytes come back as a file, which every server passes on"
    await house.wait(hours=1)
    assert not house.arrived(KIM)
    assert set((await house.states(queue_id)).values()) == {State.CANCELLED}
    assert house.log_lines("message.cancelled")[0]["queue_id"] == queue_id


async def test_a_second_cancel_changes_nothing_and_returns_it_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    link = await house.link(ANN, "Held: Quote")
    seen = house.seen(await house.page(link))
    answers = [await house.post(link, "cancel", seen, confirm=queue_id) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert "ancelled" in answers[1].words
    await house.quiet()
    assert [n.subject for n in house.notices(ANN)].count("Not sent: Quote") == 1


async def test_send_after_cancel_is_told_the_truth(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    link = await house.link(ANN, "Held: Quote")
    seen = house.seen(await house.page(link))
    await house.post(link, "cancel", seen, confirm=queue_id)
    page = await house.post(link, "send", seen, confirm=KIM)
    assert page.status == 200
    assert "ancelled" in page.words
    await house.wait(hours=1)
    assert not house.arrived(KIM)


async def test_a_dropped_recipient_gets_nothing_and_leaves_the_headers_of_the_rest(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send([KIM, LEE], cc=[MO, BOB])
    link = await house.link(ANN, "Held: Quote")
    assert (await house.press(link, "drop", recipient=[KIM, MO])).status == 200
    assert (await house.states(queue_id))[LEE] is State.HELD, "the rest goes on waiting"
    page = await house.press(link, "send", confirm=[LEE])
    assert page.status == 422, "what was flagged when it was held is ticked, dropped or not"
    assert (await house.press(link, "send", confirm=[KIM, MO])).status == 200
    await house.quiet()
    for person in (LEE, BOB):
        (arrived,) = house.arrived(person)
        assert (str(arrived.message["To"]), str(arrived.message["Cc"])) == (LEE, BOB)
    assert not house.arrived(KIM)
    assert not house.arrived(MO)
    assert "recipient.dropped" in [line["event"] for line in house.log_lines()]


async def test_dropping_from_a_delayed_mail_leaves_the_others_their_time(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send([KIM], cc=[MO])
    await house.press(await house.link(ANN, "Leaves "), "drop", recipient=MO)
    await house.wait(minutes=4.9)
    assert not house.arrived(KIM)
    await house.wait(minutes=0.2)
    (arrived,) = house.arrived(KIM)
    assert arrived.message["Cc"] is None
    assert not house.arrived(MO)


async def test_dropping_the_only_cc_leaves_every_other_byte_alone(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = b"X-Odd : kept  as\r\n\t it is \r\n" + letter(cc=MO)
    await house.submit(raw, [KIM, MO])
    await house.press(await house.link(ANN, "Leaves "), "drop", recipient=MO)
    await house.wait(minutes=5)
    (arrived,) = house.arrived(KIM)
    assert arrived.raw.endswith(raw.replace(f"Cc: {MO}\r\n".encode(), b""))


async def test_dropping_all_is_cancelling(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    raw = letter(cc=MO)
    queue_id = (await house.submit(raw, [KIM, MO])).queue_id
    await house.press(await house.link(ANN, "Held: Quote"), "drop", recipient=[KIM, MO])
    assert set((await house.states(queue_id)).values()) == {State.CANCELLED}
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw
    assert not (await house.mail(queue_id)).open_holds


async def test_dropping_one_by_one_to_the_last_is_cancelling_too(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    raw = letter(cc=MO)
    queue_id = (await house.submit(raw, [KIM, MO])).queue_id
    link = await house.link(ANN, "Held: Quote")
    await house.press(link, "drop", recipient=KIM)
    await house.press(link, "drop", recipient=MO)
    assert set((await house.states(queue_id)).values()) == {State.CANCELLED}
    assert raw in (await house.notice(ANN, "Not sent: Quote")).raw


async def test_one_address_written_twice_is_one_copy_and_dropped_however_the_header_writes_it(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=HOLD)
    raw = letter(to=f'"Kim, Client" <Kim@Client.Example>, {LEE}', cc=f"=?utf-8?q?Kim_=C3=93?= <{KIM}>")
    queue_id = (await house.submit(raw, [KIM, "KIM@client.EXAMPLE", LEE])).queue_id
    assert len((await house.mail(queue_id)).deliveries) == 2
    link = await house.link(ANN, "Held: Quote")
    await house.press(link, "drop", recipient=KIM)
    await house.press(link, "send", confirm=KIM)
    await house.quiet()
    (arrived,) = house.arrived(LEE)
    assert str(arrived.message["To"]) == LEE
    assert arrived.message["Cc"] is None
    assert not house.world.to(KIM)


async def test_send_and_cancel_at_the_same_moment_have_one_winner(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    for number in range(4):
        subject = f"Race {number}."
        queue_id = await house.send(subject=subject)
        link = await house.link(ANN, subject)
        seen = house.seen(await house.page(link))
        presses = [
            house.post(link, "send", seen, confirm=KIM), house.post(link, "cancel", seen, confirm=queue_id),
        ]  # fmt: skip
        await asyncio.gather(*(presses if number % 2 else presses[::-1]))
        await house.quiet()
        left = subject in [mail.subject for mail in house.arrived(KIM)]
        returned = f"Not sent: {subject}" in [notice.subject for notice in house.notices(ANN)]
        assert left is not returned, "it left or it came back, never both and never neither"
        assert (await house.copy(queue_id, KIM)).state is (State.SENT if left else State.CANCELLED)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signed(raw: bytes, key: rsa.RSAPrivateKey) -> bytes:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    names = [b"from", b"to", b"cc", b"subject", b"date", b"message-id"]
    return bytes(dkim.sign(raw, b"s1", b"corp.example", pem, include_headers=names)) + raw


def verifies(raw: bytes, key: rsa.RSAPrivateKey) -> bool:
    import base64

    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
    return bool(dkim.verify(raw, dnsfunc=lambda *_, **__: record))


async def test_a_signed_mail_still_verifies_after_a_recipient_was_dropped(
    open_house: OpenHouse, key: rsa.RSAPrivateKey
) -> None:
    house = await open_house(rules=DELAY)
    raw = signed(letter(cc=MO), key)
    assert verifies(raw, key)
    await house.submit(raw, [KIM, MO])
    await house.press(await house.link(ANN, "Leaves "), "drop", recipient=MO)
    await house.wait(minutes=6)
    (arrived,) = house.arrived(KIM)
    assert verifies(arrived.raw, key)
    assert str(arrived.message["Cc"]) == MO, "on signed mail only the envelope is edited"
    assert not house.arrived(MO)


async def test_a_signed_mail_with_an_added_cc_verifies_and_the_copy_is_on_the_envelope(
    open_house: OpenHouse, key: rsa.RSAPrivateKey
) -> None:
    rule = "{id: boss, when: {recipients: {any: external}}, then: [{cc: {add: bob@corp.example}}]}"
    house = await open_house(rules=f"version: 1\nrules: [{rule}]\n")
    await house.submit(signed(letter(cc=MO), key), [KIM, MO])
    await house.quiet()
    (arrived,) = house.arrived(BOB)
    assert verifies(arrived.raw, key)
    assert BOB not in str(arrived.message["Cc"])
