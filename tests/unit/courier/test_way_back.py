"""What goes back to a provider: stamped for each transaction, with the secret its rule looks for; nothing elsewhere."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trustme

from mailguard.courier.parcel import Parcel
from mailguard.courier.settings import NextHop
from mailguard.courier.way_back import marked
from mailguard.mail.envelope import Recipient
from mailguard.mail.message import Message
from mailguard.records import Result
from mailguard.stamp import FIELD, RETURN, Handed, Stamps, StampSettings, body_hash
from mailguard.testing import FakeClock
from tests.unit.courier.conftest import BODY, HEAD, MakeCourier, StartPeer, parcel, server_context

STAMPS = Stamps(StampSettings.model_validate({"key": "k" * 64}))
KIM, MO = "kim@client.example", "mo@rival.example"
SECRET = "r" * 64


def handed(raw: bytes, *recipients: str) -> Handed:
    message = Message(raw)
    return Handed.of(message.message_id, body_hash(message.raw[message.head_size :]), recipients)


def known(raw: bytes, *recipients: str, clock: FakeClock) -> str:
    return STAMPS.known(Message(raw).raw_fields(FIELD), handed(raw, *recipients), clock.now())


async def test_what_arrives_has_a_stamp_for_exactly_that(
    start_peer: StartPeer, make_courier: MakeCourier, clock: FakeClock
) -> None:
    peer = await start_peer("SIZE 50000000", "8BITMIME")
    courier = make_courier(peer, stamp=True, recipients=1, stamps=lambda: STAMPS)
    sent = replace(parcel(courier, KIM, MO, head=b"Message-ID: <1@corp.example>\r\n" + HEAD), queue_id="0TSZXW0K1ABCD")
    results = await courier.carry(sent)
    assert [one.result for one in results] == [Result.SENT] * 2
    first, second = (mail.data for mail in peer.arrived)
    assert known(first, KIM, clock=clock) == known(second, MO, clock=clock) == "0TSZXW0K1ABCD"
    assert known(first, MO, clock=clock) == known(first, KIM, MO, clock=clock) == ""
    assert first.partition(b"\r\n\r\n")[2] == BODY


async def test_a_streamed_body_is_stamped_whole(clock: FakeClock) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"Hello"
        yield b" Kim\r\n"

    hop = NextHop.model_validate({"smarthost": "a.example:25", "stamp": True})
    given = Parcel("a.example:25", "", (Recipient(KIM),), HEAD, chunks, len(HEAD) + 11, False, False)
    made = await marked(given, hop, STAMPS, clock.now())
    assert known(made.head + b"Hello Kim\r\n", KIM, clock=clock) == "-"
    assert made.octets == len(made.head) + 11


async def test_the_return_secret_goes_over_tls_to_its_hop_alone(
    start_peer: StartPeer, make_courier: MakeCourier, authority: trustme.CA, ca_file: str
) -> None:
    provider = await start_peer("STARTTLS", tls=server_context(authority.issue_cert("127.0.0.1")))
    elsewhere = await start_peer()
    routes = {"rival.example": {"smarthost": f"127.0.0.1:{elsewhere.port}", "tls": "none"}}
    courier = make_courier(provider, tls="starttls", ca_file=ca_file, return_secret=SECRET, routes=routes)
    for person in (KIM, MO):
        assert [one.result for one in await courier.carry(parcel(courier, person))] == [Result.SENT]
    assert Message(provider.arrived[0].data).all(RETURN) == [SECRET]
    assert elsewhere.arrived[0].data == HEAD + BODY


async def test_without_either_not_a_byte_is_added(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer()
    courier = make_courier(peer, stamps=lambda: STAMPS)
    await courier.carry(parcel(courier))
    assert peer.arrived[0].data == HEAD + BODY


@pytest.mark.parametrize(
    ("hop", "words"),
    [
        ({"mx": True, "stamp": True}, "name it as smarthost"),
        ({"mx": True, "return_secret": SECRET}, "name it as smarthost"),
        ({"smarthost": "a.example:25", "tls": "none", "return_secret": SECRET}, "in cleartext"),
    ],
)
def test_what_is_for_the_provider_goes_to_no_stranger(hop: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NextHop.model_validate(hop)
