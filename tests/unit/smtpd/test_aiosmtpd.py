"""Every trap of aiosmtpd that we know of, one test or more for each: the number in the name is the one below.

1 addresses decoded · 2 DATA line by line, sloppy line ends · 3 exceptions as 500 · 4 commits broken off ·
5 time-outs per command · 6 AUTH and STARTTLS with implicit TLS · 7 parameters refused or upper-cased · 8 AUTH ·
9 nothing capped, limits shared, DNS, PIPELINING, BDAT · 10 SMTPUTF8.
"""

import asyncio
import base64
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from mailguard.smtpd.connection import Connection
from mailguard.smtpd.wire import FULL
from mailguard.testing import FakeClock, eventually
from tests.unit.smtpd.conftest import OPEN, SUBMISSION, SUBMISSIONS, Serve
from tests.unit.smtpd.peer import MAIL, Client, Intake, Watch

Connect = Callable[..., Any]


@pytest.mark.parametrize(
    "path",
    [
        "<=?utf-8?q?x=0d=0aRCPT_TO=3a=3ceve=40evil.example=3e?=@client.example>",
        "<u@=?utf-8?q?evil.com?=>",
        "<a\x00b@client.example>",
        "<a\x7fb@client.example>",
        "<a\rb@client.example>",
        "<<a@client.example>>",
        "<a@client.example>>",
        "a@client.example",
        "<>",
    ],
)
async def test_1_a_path_is_never_decoded_and_strange_characters_are_refused(
    serve: Serve, connect: Connect, intake: Intake, path: str
) -> None:
    client = await connect(await serve())
    await client.say("MAIL FROM:<ann@corp.example>")
    reply = await client.say(f"RCPT TO:{path}")
    if reply.startswith("250"):
        assert "=?" in path
        await client.data()
        assert intake.mails[0][0].addresses == (path[1:-1],)
    else:
        assert reply.startswith("501 5.1.3 ")


async def test_2_a_body_without_any_line_end_meets_the_limit(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(limits={"size": "1MB"}))
    await client.envelope()
    await client.say("DATA")
    client.send(b"x" * (2 << 20) + b"\r\n.\r\n")
    assert (await client.reply()).startswith("552 5.3.4 ")
    assert (await client.mail()).startswith("250 2.0.0 queued as Q1")


@pytest.mark.parametrize(
    "body",
    [b"a\rb\r\n", b"a\nb\r\n", b"a\n.\nb\r\n", b"a\r\n.\nb\r\n", b"a\n.\r\nb\r\n", b"a\r.\rb\r\n", b"a\0b\r\n"],
)
async def test_2_bare_cr_bare_lf_and_nul_are_refused_after_the_real_end(
    serve: Serve, connect: Connect, intake: Intake, body: bytes
) -> None:
    client = await connect(await serve())
    smuggled = body + b"MAIL FROM:<ceo@corp.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nx\r\n"
    assert (await client.mail(b"From: ann@corp.example\r\n\r\n" + smuggled)).startswith("554 5.6.0 ")
    assert await client.say("NOOP") == "250 2.0.0 ok"
    assert intake.mails == []


async def test_2_lines_up_to_64_kib_are_accepted(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    long = b"From: ann@corp.example\r\n\r\n" + b"x" * 65536 + b"\r\n"
    assert (await client.mail(long)).startswith("250 ")
    assert intake.mails[0][1] == long
    assert (await client.mail(long[:-2] + b"y\r\n")).startswith("554 5.6.0 ")


async def test_3_an_exception_inside_is_451_without_detail_and_the_mail_is_forgotten(
    serve: Serve, connect: Connect, intake: Intake, watch: Watch
) -> None:
    def explode() -> None:
        raise OSError(5, "Input/output error", "/var/lib/mailguard/mail.db")

    intake.answer = explode
    client = await connect(await serve())
    reply = await client.mail()
    assert reply.startswith("451 4.3.0 ")
    assert "Error" not in reply
    assert "/var" not in reply
    assert [type(error) for error in watch.failures] == [OSError]
    assert (await client.say("RCPT TO:<bob@client.example>")).startswith("503 5.5.1 ")


@pytest.mark.parametrize("leaving", ["half-close", "disconnect", "reset"])
async def test_4_a_client_that_leaves_does_not_break_off_the_commit(
    serve: Serve, connect: Connect, intake: Intake, leaving: str
) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        started.set()
        await go_on.wait()

    intake.answer = slowly
    server = await serve()
    client = await connect(server)
    await client.envelope()
    await client.say("DATA")
    client.send(MAIL + b".\r\n")
    await started.wait()
    if leaving == "half-close":
        client.writer.write_eof()
    elif leaving == "disconnect":
        client.close()
    else:
        client.writer.transport.abort()
    for _ in range(20):
        await asyncio.sleep(0)
    go_on.set()
    await eventually(lambda: intake.mails)
    if leaving == "half-close":
        assert await client.reply() == "250 2.0.0 queued as Q1"
    await eventually(lambda: server.connections == 0)


async def test_4_a_time_out_does_not_break_off_the_commit(
    serve: Serve, connect: Connect, intake: Intake, clock: FakeClock
) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        started.set()
        await go_on.wait()

    intake.answer = slowly
    client = await connect(await serve())
    await client.envelope()
    await client.say("DATA")
    client.send(MAIL + b".\r\n")
    await started.wait()
    await clock.advance(24 * 3600)
    go_on.set()
    assert await client.reply() == "250 2.0.0 queued as Q1"


async def test_5_a_steady_upload_lives_and_a_dripping_one_ends(
    serve: Serve, connect: Connect, intake: Intake, clock: FakeClock
) -> None:
    server = await serve(limits={"idle": "1m", "rate": "1KB", "transaction": "1h"})
    steady = await connect(server)
    upload = next(iter(server._sessions))
    dripping = await connect(server)
    for client in (steady, dripping):
        await client.envelope()
        await client.say("DATA")
        client.send(b"From: ann@corp.example\r\n\r\n")
    for _ in range(10):
        steady.send(b"0123456789abcdef\r\n" * 4000)
        await _received(upload, upload.wire.received + 72000)
        await clock.advance(61)
    assert (await dripping.reply()).startswith("421 4.7.0 ")
    steady.send(b".\r\n")
    assert (await steady.reply()).startswith("250 ")
    assert len(intake.mails) == 1


async def _received(session: Connection, octets: int) -> None:
    await eventually(lambda: session.wire.received >= octets)


async def test_5_a_body_has_an_absolute_deadline(serve: Serve, connect: Connect, clock: FakeClock) -> None:
    client = await connect(await serve(limits={"transaction": "10m", "rate": 0}))
    await client.envelope()
    await client.say("DATA")
    client.send(b"From: ann@corp.example\r\n")
    await clock.advance(601)
    assert (await client.reply()).startswith("421 4.7.0 ")
    assert await client.closed()


async def test_5_silence_between_commands_ends_the_session(serve: Serve, connect: Connect, clock: FakeClock) -> None:
    client = await connect(await serve())
    client.send("NOO")  # half a command is silence too
    await clock.advance(301)
    assert (await client.reply()).startswith("421 4.7.0 ")
    assert await client.closed()


async def test_6_implicit_tls_offers_auth_and_no_starttls(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(SUBMISSIONS), tls=True, greet=False)
    offers = await client.greet()
    assert "AUTH PLAIN LOGIN" in offers
    assert "STARTTLS" not in offers
    assert (await client.say("STARTTLS")).startswith("503 5.5.1 ")


async def test_6_a_second_starttls_is_refused(serve: Serve, connect: Connect, trust: ssl.SSLContext) -> None:
    client = await connect(await serve(SUBMISSION))
    await client.starttls(trust)
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("503 5.5.1 ")  # EHLO was forgotten
    assert "STARTTLS" not in await client.say("EHLO client.example")
    assert (await client.say("STARTTLS")).startswith("503 5.5.1 ")


async def test_7_parameters_are_accepted_and_kept_exactly(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    assert (
        await client.say(
            "MAIL FROM:<ann@corp.example> SIZE=100 BODY=8BITMIME RET=hdrs ENVID=QuOte+2B7x AUTH=<> HOLDFOR=60"
        )
    ).startswith("250 ")
    assert (await client.say("RCPT TO:<b@c.example> NOTIFY=success,DELAY ORCPT=rfc822;Bob+2Bx@C.Example")).startswith(
        "250 "
    )
    await client.data()
    envelope = intake.mails[0][0]
    assert (envelope.ret, envelope.envid, envelope.eightbit) == ("HDRS", "QuOte+2B7x", True)
    assert envelope.recipients[0].notify == ("SUCCESS", "DELAY")
    assert envelope.recipients[0].orcpt == "rfc822;Bob+2Bx@C.Example"
    assert envelope.hold_until is not None


async def test_7_the_null_sender_is_an_empty_string(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    await client.mail(MAIL, "")
    assert intake.mails[0][0].sender == ""


async def test_8_auth_knows_mechanisms_in_any_case_and_long_lines(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(SUBMISSIONS), tls=True)
    secret = base64.b64encode(b"\0ann\0secret").decode()
    assert (await client.say("AUTH plain " + "A" * 12000)).startswith(("501 ", "535 "))
    assert (await client.say("AUTH pLaIn " + "A" * 12288)).startswith("500 5.5.2 ")
    assert await client.say(f"auth pLaIn {secret}") == "235 2.7.0 welcome"


async def test_8_attempts_are_capped_per_connection(serve: Serve, connect: Connect, watch: Watch) -> None:
    client = await connect(await serve(SUBMISSIONS), tls=True)
    wrong = base64.b64encode(b"\0ann\0guess").decode()
    for _ in range(3):
        assert (await client.say(f"AUTH PLAIN {wrong}")).startswith("535 5.7.8 ")
    assert (await client.reply()).startswith("421 4.7.0 ")
    assert await client.closed()
    assert watch.failed_logins == [("ann", "127.0.0.1")] * 3


async def test_8_nothing_of_a_session_reaches_a_logger(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client = await connect(await serve(SUBMISSIONS), tls=True)
        await client.login()
        await client.mail()
    assert logging.getLogger("mail.log").level == logging.WARNING
    assert not [record for record in caplog.records if record.name == "mail.log"]


async def test_9_recipients_are_capped_and_the_mail_goes_to_the_others(
    serve: Serve, connect: Connect, intake: Intake
) -> None:
    client = await connect(await serve(limits={"recipients": 100}))
    await client.envelope("ann@corp.example", *(f"r{n}@client.example" for n in range(100)))
    assert (await client.say("RCPT TO:<one-more@client.example>")).startswith("452 4.5.3 ")
    assert (await client.data()).startswith("250 ")
    assert len(intake.mails[0][0].recipients) == 100


async def test_9_connections_are_capped_in_total_and_per_client(serve: Serve, connect: Connect) -> None:
    server = await serve(OPEN, OPEN, limits={"connections": 3, "per_client": 2})
    first = await connect(server)
    await connect(server, 1)
    third = await connect(server, greet=False)
    assert (await third.reply()).startswith("421 4.7.0 ")
    assert await third.closed()
    await first.say("QUIT")
    await eventually(lambda: server.connections == 1)
    await connect(server)


async def test_9_a_tls_client_counts_before_its_handshake(serve: Serve, trust: ssl.SSLContext) -> None:
    server = await serve(SUBMISSIONS, limits={"per_client": 1})
    idle = await Client.connect(server.ports[0])
    await eventually(lambda: server.connections == 1)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await Client.connect(server.ports[0], trust)
        pytest.fail("a second connection was served")
    idle.close()


async def test_9_commands_are_capped(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(limits={"recipients": 100, "commands": 200}))
    for _ in range(199):
        assert await client.say("NOOP") == "250 2.0.0 ok"
    assert (await client.say("NOOP")).startswith("421 4.7.0 ")


async def test_9_nonsense_is_capped(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(limits={"errors": 2}))
    assert (await client.say("FOO")).startswith("500 5.5.2 ")
    assert (await client.say("BAR")).startswith("500 5.5.2 ")
    assert (await client.say("BAZ")).startswith("500 5.5.2 ")
    assert (await client.reply()).startswith("421 4.7.0 ")
    assert await client.closed()


async def test_9_limits_of_one_session_are_not_those_of_another(serve: Serve, connect: Connect) -> None:
    server = await serve()
    for _ in range(3):
        client = await connect(server)
        assert (await client.say("NOOP " + "x" * 4090)).startswith("500 5.5.2 ")
        assert (await client.say("NOOP " + "x" * 4000)).startswith("250 ")


async def test_9_no_name_is_looked_up(serve: Serve, connect: Connect) -> None:
    with patch("socket.getfqdn", side_effect=AssertionError), patch("socket.gethostbyaddr", side_effect=AssertionError):
        client = await connect(await serve(), greet=False)
        assert await client.reply() == "220 mail.corp.example ESMTP mailguard"


async def test_9_pipelining_is_offered_and_works(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve(), greet=False)
    assert "250-PIPELINING" in await client.greet()
    client.send("MAIL FROM:<ann@corp.example>\r\nRCPT TO:<b@c.example>\r\nRCPT TO:<<>\r\nDATA\r\n")
    assert [(await client.reply())[:9] for _ in range(4)] == ["250 2.1.0", "250 2.1.5", "501 5.1.3", "354 go ah"]
    client.send(MAIL + b".\r\nMAIL FROM:<ann@corp.example>\r\nRSET\r\nQUIT\r\n")
    assert [(await client.reply())[:9] for _ in range(4)] == ["250 2.0.0", "250 2.1.0", "250 2.0.0", "221 2.0.0"]
    assert len(intake.mails) == 1


async def test_9_bdat_ends_the_connection(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve())
    client.send("BDAT 20 LAST\r\nMAIL FROM:<a@b.example>\r\n")
    assert (await client.reply()).startswith("502 5.5.1 ")
    assert await client.closed()


async def test_10_a_path_beyond_ascii_needs_smtputf8(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    assert (await client.say("MAIL FROM:<zoë@corp.example>")).startswith("553 5.6.7 ")
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("250 ")
    assert (await client.say("RCPT TO:<zoë@client.example>")).startswith("553 5.6.7 ")
    await client.say("RSET")
    assert (await client.say("MAIL FROM:<ann@corp.example> SMTPUTF8")).startswith("250 ")
    assert (await client.say("RCPT TO:<zoë@client.example>")).startswith("250 ")
    await client.data()
    assert intake.mails[0][0].smtputf8
    assert intake.mails[0][2].protocol == "UTF8SMTP"


async def test_10_invalid_utf8_is_refused_and_never_a_surrogate(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve())
    client.send(b"MAIL FROM:<zo\xeb@corp.example> SMTPUTF8\r\n")
    assert (await client.reply()).startswith("501 5.1.3 ")


async def test_a_client_that_sends_without_reading_has_to_wait(serve: Serve, connect: Connect) -> None:
    """Neither its commands nor our replies pile up in memory."""
    server = await serve(limits={"commands": 10_000_000})
    client = await connect(server)
    session = next(iter(server._sessions))
    client.writer.transport.set_write_buffer_limits(0)
    flood = asyncio.create_task(_flood(client))
    await eventually(lambda: session.wire.received > 1 << 17)
    received = -1
    while received != session.wire.received:
        received = session.wire.received
        for _ in range(50):
            await asyncio.sleep(0.001)
    assert len(session.wire._buffer) < FULL + (1 << 20)
    flood.cancel()
    client.writer.transport.abort()


async def _flood(client: Client) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            client.send("EHLO client.example\r\n" * 1000)
            await client.writer.drain()
