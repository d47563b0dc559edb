"""Whom a connector says a mail is from: what stands in its header, as far as it is our own."""

from collections.abc import Callable
from typing import Any

import pytest

from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Identity, Proof
from mailguard.mail.message import Message
from mailguard.smtpd.connector import Connector, Visit
from mailguard.smtpd.settings import Listener
from tests.unit.smtpd.conftest import Serve, internal

CONNECTOR = Connector(internal, "mailguard@corp.example")
LISTENER = Listener.model_validate({"bind": "127.0.0.1:0", "mode": "connector", "tls": "none"})
Connect = Callable[..., Any]
ANN, BOSS = "ann@corp.example", "boss@corp.example"


def who(*lines: str, sender: str = ANN) -> str:
    message = Message("\r\n".join((*lines, "", "text\r\n")).encode())
    found = CONNECTOR.identity(Visit("127.0.0.1", "outbound.example", False, sender, LISTENER), message)
    assert found == Identity(found.address, Proof.CONNECTOR)
    return found.address


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["From: Ann <ann@corp.example>"], ANN),
        (["From: boss@corp.example", "Sender: ann@corp.example"], ANN),  # on behalf of: Ann acted
        (["From: boss@corp.example, ann@corp.example", "Sender: ann@corp.example"], ANN),
        (["From: boss@corp.example, ann@corp.example"], BOSS),
        (["From: kim@client.example, ann@corp.example"], ANN),
        (["From: ann@corp.example", "Sender: robot@lists.example"], ANN),
        (["From: kim@client.example", "Sender: ann@corp.example"], ANN),
        (["From: kim@client.example", "From: ann@corp.example"], ANN),
        (["From: kim@client.example", "Resent-From: ann@corp.example"], ANN),  # redirected: it is Ann's now
        (["From: boss@corp.example", "Resent-From: ann@corp.example"], BOSS),  # no connector vouches for Resent-From
        (["From: kim@client.example"], ""),
        (["From: ann@corp.example.evil.example"], ""),
        (['From: "ann@corp.example" <kim@client.example>'], ""),
        (["Subject: nobody"], ""),
        (["From: undisclosed:;"], ""),
    ],
)
@pytest.mark.parametrize("sender", [ANN, "", "kim@client.example", "bounces+SRS=44ldt=IX@corp.example"])
def test_the_header_says_who_and_the_envelope_nothing(lines: list[str], expected: str, sender: str) -> None:
    assert who(*lines, sender=sender) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["From: kim@client.example", "no field", "From: ann@corp.example"],
        ["From: mailguard@corp.example"],
        ["From: ann@corp.example", "Sender: mailguard@corp.example"],
        ["From: ann@corp.example", "Resent-From: mailguard+abc@corp.example"],
    ],
)
def test_what_could_be_taken_for_somebody_else_is_refused(lines: list[str]) -> None:
    with pytest.raises(PermanentFailure) as caught:
        who(*lines)
    assert caught.value.line.startswith("550 5.7.1 ")


async def test_only_its_networks_may_connect(serve: Serve, connect: Connect) -> None:
    server = await serve({"bind": "127.0.0.1:0", "mode": "connector", "tls": "none", "networks": ["192.0.2.0/24"]})
    client = await connect(server)
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("550")
