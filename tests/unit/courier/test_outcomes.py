"""Pitfall "aiosmtplib" 3: what each answer means, in every place it can be given. Also 2, 5 and the lost reply."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mailguard.courier.wire import Timeouts
from mailguard.records import Outcome, Result
from tests.unit.courier.conftest import BODY, HEAD, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import ABORT, CLOSE, SILENT, Peer

SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED


async def carry_one(make_courier: MakeCourier, peer: Peer) -> Outcome:
    courier = make_courier(peer)
    (outcome,) = await courier.carry(parcel(courier))
    return outcome


async def test_a_mail_arrives_byte_for_byte(peer: Peer, make_courier: MakeCourier) -> None:
    outcome = await carry_one(make_courier, peer)
    assert outcome.result is SENT
    assert str(outcome.reply) == "250 2.0.0 queued as X1"
    assert outcome.reply.remote == f"127.0.0.1[127.0.0.1]:{peer.port}"
    (arrived,) = peer.arrived
    assert arrived.data == HEAD + BODY
    assert arrived.mail.startswith("MAIL FROM:<ann@corp.example>")
    assert arrived.rcpts == ["RCPT TO:<bob@client.example>"]


@pytest.mark.parametrize(
    ("verb", "answer", "result", "code"),
    [
        ("MAIL", "250 fine", SENT, 250),
        ("MAIL", "251 fine", SENT, 250),
        ("MAIL", "451 4.3.0 later", DEFERRED, 451),
        ("MAIL", "550 5.7.1 go away", FAILED, 550),
        ("MAIL", "421 4.3.2 closing", DEFERRED, 421),
        ("RCPT", "251 2.1.5 will forward", SENT, 250),
        ("RCPT", "252 2.1.5 can't say", SENT, 250),
        ("RCPT", "450 4.2.1 greylisted", DEFERRED, 450),
        ("RCPT", "550 5.1.1 no such user", FAILED, 550),
        ("RCPT", "552 5.2.2 too many recipients", DEFERRED, 552),
        ("RCPT", "421 4.3.2 closing", DEFERRED, 421),
        ("RCPT", "354 what", DEFERRED, 451),
        ("DATA", "451 4.3.0 later", DEFERRED, 451),
        ("DATA", "554 5.5.1 no valid recipients", FAILED, 554),
        ("DATA", "250 2.0.0 ok already", DEFERRED, 451),
        ("DATA", "421 4.3.2 closing", DEFERRED, 421),
        ("DOT", "251 2.0.0 queued elsewhere", SENT, 251),
        ("DOT", "200 whatever", SENT, 200),
        ("DOT", "452 4.3.1 disk full", DEFERRED, 452),
        ("DOT", "550 5.7.1 spam", FAILED, 550),
        ("DOT", "552 5.3.4 too big", FAILED, 552),
        ("DOT", "421 4.3.2 closing", DEFERRED, 421),
    ],
)
async def test_an_answer_means_what_the_standard_says(
    peer: Peer, make_courier: MakeCourier, verb: str, answer: str, result: Result, code: int
) -> None:
    peer.answers[verb] = answer
    outcome = await carry_one(make_courier, peer)
    assert (outcome.result, outcome.reply.code, outcome.ambiguous) == (result, code, False)


@pytest.mark.parametrize("verb", ["BANNER", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [CLOSE, ABORT, SILENT, "no smtp here", "999 what", "25", "250 ok" + CLOSE])
async def test_trouble_before_the_final_dot_is_deferred_and_clear(
    peer: Peer, make_courier: MakeCourier, verb: str, fault: str
) -> None:
    peer.answers[verb] = fault
    outcome = await carry_one(make_courier, peer)
    assert (outcome.result, outcome.ambiguous) == (DEFERRED, False)
    assert outcome.reply.code == 451
    assert outcome.reply.enhanced.startswith("4.")
    assert "127.0.0.1" in outcome.reply.text
    assert peer.arrived == []


@pytest.mark.parametrize("fault", [CLOSE, ABORT, SILENT, "no smtp here"])
async def test_silence_after_the_final_dot_is_ambiguous(peer: Peer, make_courier: MakeCourier, fault: str) -> None:
    peer.answers["DOT"] = fault
    outcome = await carry_one(make_courier, peer)
    assert (outcome.result, outcome.ambiguous) == (DEFERRED, True)


async def test_recipients_of_one_mail_end_differently(peer: Peer, make_courier: MakeCourier) -> None:
    said = {"no@": "550 5.1.1 no such user", "grey@": "450 4.2.1 greylisted", "fwd@": "251 2.1.5 will forward"}
    peer.answers["RCPT"] = lambda line: next((said[name] for name in said if name in line), "")
    courier = make_courier(peer)
    names = ["yes@b.example", "no@b.example", "grey@b.example", "fwd@b.example"]
    outcomes = await courier.carry(parcel(courier, *names))
    assert [outcome.result for outcome in outcomes] == [SENT, FAILED, DEFERRED, SENT]
    assert peer.arrived[0].rcpts == ["RCPT TO:<yes@b.example>", "RCPT TO:<fwd@b.example>"]


async def test_only_the_accepted_are_ambiguous_when_the_reply_is_lost(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers |= {"RCPT": lambda line: "550 5.1.1 no" if "no@" in line else "", "DOT": CLOSE}
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, "yes@b.example", "no@b.example"))
    assert [(o.result, o.ambiguous) for o in outcomes] == [(DEFERRED, True), (FAILED, False)]


async def test_no_message_is_sent_when_nobody_was_accepted(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = "550 5.1.1 no such user"
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, "a@b.example", "c@b.example"))
    assert {outcome.result for outcome in outcomes} == {FAILED}
    assert peer.arrived == []


async def test_421_ends_the_connection_and_defers_the_rest(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = ["250 2.1.5 ok", "421 4.3.2 shutting down"]
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, "a@b.example", "c@b.example", "d@b.example"))
    assert {outcome.result for outcome in outcomes} == {DEFERRED}
    assert peer.arrived == []
    await courier.carry(parcel(courier))
    assert peer.connections == 2


async def test_a_server_that_limits_recipients_gets_several_transactions(peer: Peer, make_courier: MakeCourier) -> None:
    def at_most_three(line: str) -> str:
        since_mail = peer.verbs[::-1].index("MAIL")
        return "452 4.5.3 too many recipients" if since_mail > 3 else ""

    peer.answers["RCPT"] = at_most_three
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, *(f"r{n}@b.example" for n in range(7))))
    assert {outcome.result for outcome in outcomes} == {SENT}
    assert sorted(len(arrived.rcpts) for arrived in peer.arrived) == [1, 3, 3]
    assert peer.connections == 1


async def test_what_was_taken_stays_sent_when_the_server_goes_away_before_the_rest(
    peer: Peer, make_courier: MakeCourier
) -> None:
    peer.answers["RCPT"] = lambda _: "452 4.5.3 too many" if peer.verbs[::-1].index("MAIL") > 3 else ""
    peer.answers["DOT"] = ["250 2.0.0 ok"]
    peer.answers["MAIL"] = ["250 2.1.0 ok", "421 4.3.2 shutting down"]
    peer.answers["BANNER"] = ["220 peer ESMTP", "421 4.3.2 not now"]
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, *(f"r{n}@b.example" for n in range(5))))
    assert [outcome.result for outcome in outcomes] == [SENT, SENT, SENT, DEFERRED, DEFERRED]
    assert len(peer.arrived) == 1


@pytest.mark.parametrize("most", [1, 3, 7, 100])
async def test_a_hop_gets_no_more_recipients_at_once_than_it_is_to(
    peer: Peer, make_courier: MakeCourier, most: int
) -> None:
    courier = make_courier(peer, recipients=most)
    outcomes = await courier.carry(parcel(courier, *(f"r{n}@b.example" for n in range(7))))
    assert [outcome.result for outcome in outcomes] == [SENT] * 7
    assert max(len(arrived.rcpts) for arrived in peer.arrived) == min(most, 7)
    assert sum(len(arrived.rcpts) for arrived in peer.arrived) == 7
    assert peer.connections == 1


async def test_a_part_that_is_refused_for_good_does_not_end_the_others(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = lambda line: "550 5.1.1 no" if "no" in line else ""
    courier = make_courier(peer, recipients=2)
    outcomes = await courier.carry(parcel(courier, *(f"{name}@b.example" for name in ("no1", "no2", "a", "no3", "b"))))
    assert [outcome.result for outcome in outcomes] == [FAILED, FAILED, SENT, FAILED, SENT]


async def test_a_part_that_nobody_takes_is_the_last_one_tried(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["DOT"] = ["250 2.0.0 ok", "452 4.3.1 disk full"]
    courier = make_courier(peer, recipients=2)
    outcomes = await courier.carry(parcel(courier, *(f"r{n}@b.example" for n in range(7))))
    assert [outcome.result for outcome in outcomes] == [SENT] * 2 + [DEFERRED] * 5
    assert peer.verbs.count("MAIL") == 2


async def test_a_full_mailbox_is_not_taken_for_a_limit_for_ever(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = lambda line: "452 full" if "full@" in line else ""
    courier = make_courier(peer)
    outcomes = await courier.carry(parcel(courier, "a@b.example", "full@b.example"))
    assert [outcome.result for outcome in outcomes] == [SENT, DEFERRED]
    assert len(peer.arrived) == 1


async def test_what_a_server_says_is_made_harmless(peer: Peer, make_courier: MakeCourier) -> None:
    peer.answers["RCPT"] = "550-5.1.1 \x1b[31mno\x07\tsuch\r\n550 5.1.1 user \xff " + "x" * 2000
    outcome = await carry_one(make_courier, peer)
    assert outcome.result is FAILED
    assert outcome.reply.enhanced == "5.1.1"
    assert outcome.reply.text.startswith("[31mno such user \ufffd xxx")
    assert len(outcome.reply.text) == 500


@pytest.mark.parametrize("flood", ["250-" + "x" * 9000, "\r\n".join(["250-more"] * 9000), "x" * 20000])
async def test_an_answer_without_end_does_not_fill_memory(peer: Peer, make_courier: MakeCourier, flood: str) -> None:
    peer.answers["MAIL"] = flood
    outcome = await carry_one(make_courier, peer)
    assert (outcome.result, outcome.reply.enhanced) == (DEFERRED, "4.5.0")


async def test_an_early_refusal_stops_a_large_message(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    """The server answers 552 while we are still sending, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await reader.readexactly(100_000)
        writer.write(b"552 5.3.4 enough\r\n")
        await writer.drain()
        with suppress(ConnectionError):
            await reader.read(-1)
        writer.close()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    courier = make_courier(smarthost=f"127.0.0.1:{port}", tls="none")
    (outcome,) = await courier.carry(parcel(courier, body=b"x" * 78 + b"\r\n" + b"y" * 30_000_000))
    assert (outcome.result, outcome.reply.code, outcome.ambiguous) == (FAILED, 552, False)
    await done.wait()
    server.close()
    await server.wait_closed()


async def test_pitfall_2_a_cancelled_attempt_closes_its_connection(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer, timeouts=Timeouts())
    await courier.carry(parcel(courier))
    peer.answers["DOT"] = SILENT
    peer.started.clear()
    attempt = asyncio.create_task(courier.carry(parcel(courier)))
    await peer.started.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    del peer.answers["DOT"]
    (outcome,) = await courier.carry(parcel(courier, "later@b.example"))
    assert outcome.result is SENT
    assert peer.connections == 2
    assert peer.arrived[-1].rcpts == ["RCPT TO:<later@b.example>"]


async def test_pitfall_2_a_time_out_closes_its_connection(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(peer)
    peer.answers["RCPT"] = [SILENT]
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.reply.enhanced) == (DEFERRED, "4.4.2")
    assert "within 0.4 s" in outcome.reply.text
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, peer.connections) == (SENT, 2)


def test_pitfall_5_every_phase_has_the_standard_s_patience() -> None:
    assert Timeouts() == Timeouts(connect=30, greeting=300, command=300, data=120, block=180, dot=600)


@pytest.mark.parametrize(
    ("verb", "phase"), [("BANNER", "greeting"), ("MAIL", "command"), ("DATA", "data"), ("DOT", "dot")]
)
async def test_pitfall_5_each_phase_has_its_own_time_out(
    start_peer: StartPeer, make_courier: MakeCourier, verb: str, phase: str
) -> None:
    peer = await start_peer()
    patient = dict.fromkeys(("connect", "greeting", "command", "data", "block", "dot"), 30.0)
    courier = make_courier(peer, timeouts=Timeouts(**{**patient, phase: 0.2}))
    peer.answers[verb] = SILENT
    async with asyncio.timeout(5):
        (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is DEFERRED


async def test_pitfall_5_a_server_that_takes_no_data_is_left(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer()
    peer.slow.clear()
    courier = make_courier(peer, timeouts=Timeouts(block=0.3))
    (outcome,) = await courier.carry(parcel(courier, body=b"x" * 40_000_000))
    assert (outcome.result, outcome.ambiguous) == (DEFERRED, False)
    assert "took no data" in outcome.reply.text
    assert peer.arrived == []


async def test_nobody_listening_is_deferred(make_courier: MakeCourier) -> None:
    courier = make_courier(smarthost="127.0.0.1:1", tls="none")
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.reply.enhanced) == (DEFERRED, "4.4.1")
    assert "Connection refused" in outcome.reply.text


@pytest.mark.parametrize("banner", ["554 5.7.1 no mail from you", "421 4.3.2 busy", "450 later"])
async def test_a_server_that_does_not_greet_keeps_the_mail_waiting(
    peer: Peer, make_courier: MakeCourier, banner: str
) -> None:
    peer.answers["BANNER"] = banner
    outcome = await carry_one(make_courier, peer)
    assert outcome.result is DEFERRED
    assert banner in outcome.reply.text


async def test_an_old_server_is_greeted_with_helo(start_peer: StartPeer, make_courier: MakeCourier) -> None:
    peer = await start_peer()
    peer.answers["EHLO"] = "502 5.5.1 what"
    outcome = await carry_one(make_courier, peer)
    assert outcome.result is SENT
    assert peer.arrived[0].mail == "MAIL FROM:<ann@corp.example>"


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that neither takes nor refuses a connection: its queue is full."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_pitfall_5_a_connection_that_does_not_come_about_has_its_own_time_out(
    deaf: int, make_courier: MakeCourier
) -> None:
    courier = make_courier(smarthost=f"127.0.0.1:{deaf}", tls="none", timeouts=Timeouts(connect=0.2))
    (outcome,) = await courier.carry(parcel(courier))
    assert (outcome.result, outcome.reply.enhanced) == (DEFERRED, "4.4.1")
    assert "did not answer within 0.2 s" in outcome.reply.text


async def test_pitfall_2_an_attempt_can_be_cancelled_while_it_connects(deaf: int, make_courier: MakeCourier) -> None:
    courier = make_courier(smarthost=f"127.0.0.1:{deaf}", tls="none", timeouts=Timeouts())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await courier.carry(parcel(courier))


async def test_a_smarthost_is_found_by_name(peer: Peer, make_courier: MakeCourier) -> None:
    courier = make_courier(smarthost=f"localhost:{peer.port}", tls="none")
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.reply.remote == f"localhost[127.0.0.1]:{peer.port}"


@pytest.mark.parametrize("size", [100, 1_000_000])
async def test_an_answer_before_the_message_is_no_answer_to_it(
    peer: Peer, make_courier: MakeCourier, size: int
) -> None:
    peer.answers["DATA"] = "354 go on\r\n250 2.0.0 queued already"
    courier = make_courier(peer)
    (outcome,) = await courier.carry(parcel(courier, body=b"x" * size))
    assert (outcome.result, outcome.ambiguous) == (DEFERRED, False)
    assert "out of place" in outcome.reply.text
    await courier.carry(parcel(courier))
    assert peer.connections == 2
