"""What a strange or slow server can't do: be misunderstood, keep a mail for ever, or keep everybody else's waiting."""

import asyncio
from dataclasses import replace

import pytest

from mailguard.records import Result
from mailguard.testing import eventually
from tests.unit.courier.conftest import BODY, HEAD, QUICK, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import SILENT, Peer


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
async def test_an_answer_nobody_asked_for_is_nobody_s_refusal(peer: Peer, make_courier: MakeCourier, verb: str) -> None:
    """One answer too many, and each recipient would get its neighbour's."""
    peer.answers[verb] = ["250 2.1.0 ok\r\n250 2.1.0 ok again", "550 5.1.1 nobody"]
    courier = make_courier(peer)
    first, second = await courier.carry(parcel(courier, "good@client.example", "bad@client.example"))
    assert (first.result, second.result) == (Result.DEFERRED, Result.DEFERRED)
    await courier.carry(parcel(courier))
    assert peer.connections == 2, "never used again"


async def test_a_refusal_nobody_asked_for_fails_nobody(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["MAIL"] = ["250 2.1.0 ok\r\n550 5.1.1 nobody"]
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, "one@client.example", "two@client.example"))
    assert {outcome.result for outcome in outcomes} == {Result.DEFERRED}


@pytest.mark.parametrize("verb", ["BANNER", "EHLO", "MAIL"])
async def test_bytes_that_are_no_utf_8_become_text_that_every_store_takes(
    peer: Peer, make_courier: MakeCourier, verb: str
) -> None:
    peer.answers[verb] = "454 4.3.0 \xff\xfe\x1b[2J \xe2\x80\xaehidden"
    courier = make_courier(peer)
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.DEFERRED
    text = str(outcome.reply)
    assert "\ufffd\ufffd [2J hidden" in text
    text.encode()


async def test_what_is_no_reply_at_all_is_told_in_our_words(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["BANNER"] = "HTTP/1.1 400 Bad Request"
    courier = make_courier(peer)
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.DEFERRED
    assert "does not speak SMTP" in outcome.reply.text


@pytest.mark.parametrize("limit", ["\xc2\xb2", "9" * 5000])
async def test_a_size_that_is_no_number_is_no_limit(
    start_peer: StartPeer, make_courier: MakeCourier, limit: str
) -> None:
    peer = await start_peer(f"SIZE {limit}")
    courier = make_courier(peer)
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.SENT


async def test_a_session_has_a_bound_as_a_whole(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["BANNER"] = SILENT
    courier = make_courier(peer, timeouts=replace(QUICK, greeting=600, opening=0.1))
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.DEFERRED
    assert "within 0.1 s" in outcome.reply.text


async def test_a_transaction_has_a_bound_as_a_whole(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = SILENT
    courier = make_courier(peer, timeouts=replace(QUICK, command=600, transaction=0.1))
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.ambiguous) == (Result.DEFERRED, False)
    assert "so slow" in outcome.reply.text


async def test_the_bound_ends_at_the_dot_because_leaving_there_makes_duplicates(
    peer: Peer, make_courier: MakeCourier
) -> None:
    peer.answers["DOT"] = SILENT
    courier = make_courier(peer, timeouts=replace(QUICK, transaction=0.01, dot=0.5))
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.ambiguous
    assert "within 0.5 s" in outcome.reply.text


async def test_large_mails_to_a_hop_that_hangs_leave_room_for_the_others(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    hanging, good = await start_peer(), await start_peer()
    hanging.answers["BANNER"] = SILENT
    size = len(HEAD) + len(BODY)
    routes = {"slow.example": {"smarthost": f"127.0.0.1:{hanging.port}", "tls": "none"}}
    patient = replace(QUICK, greeting=600, opening=600)
    courier = make_courier(good, routes=routes, in_flight=4 * size, timeouts=patient)
    stuck = [asyncio.create_task(courier.carry(parcel(courier, "bob@slow.example"))) for _ in range(10)]
    await eventually(lambda: hanging.connections)
    async with asyncio.timeout(10):
        (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.SENT
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
