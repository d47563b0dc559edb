"""A proxy in front of a listener: mail is its client's, in the networks that may send, in log and Received field."""

import asyncio
import smtplib
import socket

import pytest

from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, Answer, House, letter

NAMED = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n"


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    listener = {
        "bind": "127.0.0.1:0", "tls": "none", "auth": "none", "networks": ["192.0.2.0/28"],
        "proxy_from": ["127.0.0.1/32"],
    }  # fmt: skip
    return await open_house(config={"smtp": {"listeners": [listener]}})


async def submit(house: House, header: bytes) -> Answer:
    def work() -> Answer:
        with smtplib.SMTP() as client:
            client.sock = socket.create_connection(("127.0.0.1", house.service.smtp.ports[0]), 30)
            client.sock.sendall(header)
            assert client.getreply()[0] == 220
            client.ehlo("client.example")
            for code, text in (client.mail(ANN), client.rcpt(BOB)):
                if code != 250:
                    return Answer(code, text.decode())
            code, text = client.data(letter(to=BOB))
            return Answer(code, text.decode())

    return await asyncio.to_thread(work)


async def test_the_client_that_the_proxy_names_is_whose_mail_it_is(house: House) -> None:
    queue_id = (await submit(house, NAMED)).queue_id
    await house.quiet()
    (arrived,) = house.arrived(BOB)
    received = next(text for text in arrived.message.get_all("Received", []) if queue_id in text)
    assert "192.0.2.7" in received
    assert "127.0.0.1" not in received


async def test_a_client_of_another_network_may_not_send_through_the_proxy(house: House) -> None:
    refused = await submit(house, NAMED.replace(b"192.0.2.7", b"192.0.2.77"))
    assert (refused.code, "192.0.2.77 may not send mail here" in refused.text) == (550, True)
    rejected = [line for line in house.log_lines() if line["event"] == "smtp.rejected"]
    assert {line["remote"] for line in rejected} == {"192.0.2.77"}
