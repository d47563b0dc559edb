"""Envelope senders that a program makes of an address (VERP), and mail that somebody sent on (Resent-From)."""

import pytest

from mailguard.mail.envelope import Proof
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, House, letter

NEWS, MADE = "news@corp.example", "news+bob=corp.example@corp.example"


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    listener = {"bind": "127.0.0.1:0", "tls": "none", "auth": "none", "senders": [NEWS, ANN, "*@client.example"]}
    return await open_house(config={"smtp": {"listeners": [listener], "verp": ["{local}+*"]}})


async def test_a_made_sender_is_its_addresss_mail_and_leaves_as_it_is(house: House) -> None:
    queue_id = (await house.submit(letter(NEWS, BOB), [BOB], sender=MADE)).queue_id
    await house.quiet()
    mail = await house.mail(queue_id)
    assert (mail.identity.address, mail.identity.proof, mail.envelope.sender) == (NEWS, Proof.NETWORK, MADE)
    assert [one.sender for one in house.arrived(BOB)] == [MADE]


async def test_a_strangers_mail_with_a_made_sender_is_the_mail_of_the_address_behind_it(house: House) -> None:
    queue_id = (await house.submit(letter("kim@client.example", BOB), [BOB], sender=MADE)).queue_id
    assert (await house.mail(queue_id)).identity.address == NEWS


@pytest.mark.parametrize("sender", ["boss+bob=corp.example@corp.example", "news+@corp.example", "xnews+a@corp.example"])
async def test_a_sender_made_of_somebody_elses_address_is_refused(house: House, sender: str) -> None:
    answer = await house.submit(letter(NEWS, BOB), [BOB], sender=sender)
    assert (answer.code, sender in answer.text) == (550, True)


async def test_a_mail_that_was_sent_on_is_the_mail_of_who_did(house: House) -> None:
    raw = letter("kim@client.example", BOB, Resent_From=ANN)
    assert (await house.mail((await house.submit(raw, [BOB], sender=ANN)).queue_id)).identity.address == ANN
    refused = await house.submit(letter(NEWS, BOB, Resent_From="boss@corp.example"), [BOB], sender=NEWS)
    assert (refused.code, "boss@corp.example" in refused.text) == (550, True)
