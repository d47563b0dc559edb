"""Pitfalls "aiosmtplib" 1 (addresses) and 7 (nothing is used that is not offered, nothing silently taken away)."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.courier.smtp import mailbox
from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Recipient
from mailguard.records import Outcome, Result
from tests.unit.courier.conftest import BODY, FULL, HEAD, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import Peer

SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED
EIGHT = "Zażółć\r\n".encode()


async def carry(make_courier: MakeCourier, peer: Peer, *to: str | Recipient, **more: object) -> list[Outcome]:
    courier = make_courier(peer)
    return list(await courier.carry(parcel(courier, *to, **more)))  # type: ignore[arg-type]


async def test_pitfall_1_the_null_sender_is_written_as_empty_brackets(peer: Peer, make_courier: MakeCourier) -> None:
    (outcome,) = await carry(make_courier, peer, sender="")
    assert outcome.result is SENT
    assert peer.arrived[0].mail.startswith("MAIL FROM:<> ")


@pytest.mark.parametrize(
    "address", ["a,b@c.example", "a(b)@c.example", "a b@c.example", "a@b.example>\r\nDATA", "<>", "a\x00@b.example"]
)
async def test_pitfall_1_an_address_that_would_be_rewritten_is_refused_not_rewritten(
    peer: Peer, make_courier: MakeCourier, address: str
) -> None:
    outcomes = await carry(make_courier, peer, "good@c.example", address)
    assert [outcome.result for outcome in outcomes] == [SENT, FAILED]
    assert (outcomes[1].reply.code, outcomes[1].reply.enhanced) == (553, "5.1.3")
    assert peer.arrived[0].rcpts == ["RCPT TO:<good@c.example>"]


async def test_pitfall_1_a_sender_that_can_not_be_written_fails_the_mail(peer: Peer, make_courier: MakeCourier) -> None:
    (outcome,) = await carry(make_courier, peer, sender="a,b@c.example")
    assert (outcome.result, outcome.reply.enhanced) == (FAILED, "5.1.3")
    assert peer.arrived == []


@pytest.mark.parametrize(
    "address", ["", "a@b.example", '"a b"@c.example', '"a,b"@c.example', '"a\\"b"@c.example', "x@[192.0.2.1]"]
)
def test_pitfall_1_a_lawful_address_is_written_as_it_is(address: str) -> None:
    assert mailbox(address) == f"<{address}>"


@given(st.text(max_size=30))
def test_pitfall_1_an_address_is_written_unchanged_or_not_at_all(address: str) -> None:
    with suppress(PermanentFailure):
        written = mailbox(address)
        assert written == f"<{address}>"
        assert not any(c < " " or c == "\x7f" for c in written)


async def test_pitfall_7_a_bare_server_is_asked_for_nothing(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer()
    to = Recipient("bob@client.example", ("SUCCESS", "FAILURE"), "rfc822;bob@client.example")
    (outcome,) = await carry(make_courier, peer, to, ret="FULL", envid="QQ314", eightbit=True, smtputf8=True)
    assert outcome.result is SENT
    assert peer.arrived[0].mail == "MAIL FROM:<ann@corp.example>"
    assert peer.arrived[0].rcpts == ["RCPT TO:<bob@client.example>"]


async def test_pitfall_7_dsn_parameters_go_on_exactly_as_given(peer: Peer, make_courier: MakeCourier) -> None:
    to = Recipient("bob@client.example", ("SUCCESS", "DELAY"), "rfc822;Bob+2Bx@client.example")
    outcomes = await carry(make_courier, peer, to, "eve@client.example", ret="HDRS", envid="QQ+3D314")
    mail, rcpts = peer.arrived[0].mail.split(), peer.arrived[0].rcpts
    assert mail[2:] == [f"SIZE={len(HEAD) + len(BODY)}", "RET=HDRS", "ENVID=QQ+3D314"]
    assert rcpts == [
        "RCPT TO:<bob@client.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@client.example",
        "RCPT TO:<eve@client.example>",
    ]
    assert not any(outcome.relayed_without_dsn for outcome in outcomes)


async def test_pitfall_7_without_dsn_the_report_of_success_is_left_to_us(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer()
    peer.answers["RCPT"] = lambda line: "550 5.1.1 no" if "no@" in line else ""
    told, failed, untold = await carry(
        make_courier,
        peer,
        Recipient("yes@b.example", ("SUCCESS",)),
        Recipient("no@b.example", ("SUCCESS",)),
        Recipient("quiet@b.example", ("FAILURE",)),
    )
    assert [o.relayed_without_dsn for o in (told, failed, untold)] == [True, False, False]


@pytest.mark.parametrize("value", ["QQ RET=FULL", "QQ\r\nRSET", "", "a=b"])
async def test_a_parameter_that_would_end_the_line_is_refused(
    peer: Peer, make_courier: MakeCourier, value: str
) -> None:
    outcomes = await carry(make_courier, peer, Recipient("a@b.example", (), value or None), envid=value)
    assert all(outcome.result is (FAILED if value else SENT) for outcome in outcomes)
    assert "RSET" not in peer.verbs


async def streamed() -> AsyncIterator[bytes]:
    yield b"first\r\n"
    yield EIGHT


@pytest.mark.parametrize("streaming", [False, True])
async def test_pitfall_7_eight_bits_are_declared_where_offered(
    peer: Peer, make_courier: MakeCourier, streaming: bool
) -> None:
    body = streamed if streaming else memoryview(b"first\r\n" + EIGHT)
    (outcome,) = await carry(make_courier, peer, body=body, size=5000)
    assert outcome.result is SENT
    assert "BODY=8BITMIME" in peer.arrived[0].mail
    assert peer.arrived[0].data == HEAD + b"first\r\n" + EIGHT


@pytest.mark.parametrize("streaming", [False, True])
async def test_pitfall_7_eight_bits_where_not_offered_go_back_to_the_sender(
    start_peer: StartPeer, make_courier: MakeCourier, streaming: bool
) -> None:
    peer = await start_peer("PIPELINING")
    (outcome,) = await carry(make_courier, peer, body=streamed if streaming else EIGHT, size=5000)
    assert (outcome.result, outcome.reply.code, outcome.reply.enhanced) == (FAILED, 554, "5.6.3")
    assert "no 8BITMIME" in outcome.reply.text
    assert "MAIL" not in peer.verbs


async def test_pitfall_7_a_declaration_without_eight_bits_needs_nothing(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer()
    (outcome,) = await carry(make_courier, peer, eightbit=True)
    assert outcome.result is SENT


async def test_pitfall_7_an_international_address_goes_with_smtputf8(peer: Peer, make_courier: MakeCourier) -> None:
    (outcome,) = await carry(make_courier, peer, "żółć@client.example", smtputf8=True)
    assert outcome.result is SENT
    assert peer.arrived[0].mail.endswith(" SMTPUTF8")
    assert peer.arrived[0].rcpts == ["RCPT TO:<żółć@client.example>"]


async def test_pitfall_7_without_smtputf8_only_the_international_recipient_fails(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer("8BITMIME")
    outcomes = await carry(make_courier, peer, "żółć@client.example", "bob@client.example", smtputf8=True)
    assert [outcome.result for outcome in outcomes] == [FAILED, SENT]
    assert (outcomes[0].reply.code, outcomes[0].reply.enhanced) == (553, "5.6.7")


@pytest.mark.parametrize(
    "more", [{"sender": "łucja@corp.example"}, {"head": "Subject: Zażółć\r\n\r\n".encode(), "smtputf8": True}]
)
async def test_pitfall_7_without_smtputf8_an_international_mail_fails(
    start_peer: StartPeer, make_courier: MakeCourier, more: dict[str, object]
) -> None:
    peer = await start_peer("8BITMIME")
    (outcome,) = await carry(make_courier, peer, **more)
    assert (outcome.result, outcome.reply.enhanced) == (FAILED, "5.6.7")
    assert "MAIL" not in peer.verbs


async def test_a_mail_larger_than_the_server_takes_is_not_sent(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer("SIZE 1000")
    (outcome,) = await carry(make_courier, peer, body=b"x" * 2000 + b"\r\n")
    assert (outcome.result, outcome.reply.code, outcome.reply.enhanced) == (FAILED, 552, "5.3.4")
    assert peer.verbs == ["EHLO"]
    (outcome,) = await carry(make_courier, peer)
    assert outcome.result is SENT


@pytest.mark.parametrize("limit", ["SIZE", "SIZE 0", "SIZE lots"])
async def test_a_size_without_a_limit_is_none(start_peer: StartPeer, make_courier: MakeCourier, limit: str) -> None:
    (outcome,) = await carry(make_courier, await start_peer(*FULL[2:], limit), body=b"x" * 2000)
    assert outcome.result is SENT
