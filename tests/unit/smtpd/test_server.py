"""Listeners opened, drained and renewed; who may come in; what a mail carries with it."""

import asyncio
import gc
import ssl
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailguard.clock import SystemClock
from mailguard.errors import ConfigError, PermanentFailure, StoreFull
from mailguard.mail.envelope import Identity, Proof
from mailguard.records import Accepted
from mailguard.smtpd.connection import Connection
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.upstream import UpstreamUsers
from mailguard.smtpd.users import hash_password
from mailguard.testing import FakeClock, eventually
from tests.unit.smtpd.conftest import OPEN, SUBMISSION, SUBMISSIONS, Serve, internal, make_settings
from tests.unit.smtpd.peer import MAIL, Client, Intake, Watch

Connect = Callable[..., Any]


async def test_a_mail_carries_who_sent_it_and_how_it_came(
    serve: Serve, connect: Connect, intake: Intake, trust: ssl.SSLContext, watch: Watch
) -> None:
    server = await serve(OPEN, SUBMISSION, SUBMISSIONS)
    await (await connect(server)).mail()
    upgraded = await connect(server, 1)
    await upgraded.starttls(trust)
    await upgraded.say("EHLO client.example")
    await upgraded.login()
    await upgraded.mail()
    implicit = await connect(server, 2, tls=True)
    await implicit.login()
    await implicit.mail()
    plain, *logged_in = [session for _, _, session in intake.mails]
    assert plain.identity == Identity("ann@corp.example", Proof.NETWORK)
    assert (plain.protocol, plain.peer, plain.helo) == ("ESMTP", "127.0.0.1", "client.example")
    for session in logged_in:
        assert session.identity == Identity("ann@corp.example", Proof.LOGIN, "ann")
        assert session.protocol == "ESMTPSA"
    assert len({session.id for _, _, session in intake.mails}) == 3
    assert watch.accepted == ["Q1", "Q2", "Q3"]


async def test_the_bytes_are_the_bytes(serve: Serve, connect: Connect, intake: Intake) -> None:
    message = b"from: ann@corp.example\r\nX:\xff\xfe \r\n folded\r\n\r\n" + bytes(
        octet for octet in range(1, 256) if octet not in (10, 13)
    ) + b"\r\n.\r\n..\r\n \t\r\n\r\n\r\n"  # fmt: skip
    client = await connect(await serve())
    await client.envelope()
    assert (await client.data(message.replace(b"\r\n.", b"\r\n.."))).startswith("250 ")
    assert intake.mails[0][1] == message


async def test_one_recipient_named_twice_is_one(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    await client.mail(MAIL, "ann@corp.example", "Bob@client.example", "bob@CLIENT.example", "eve@client.example")
    assert intake.mails[0][0].addresses == ("Bob@client.example", "eve@client.example")


async def test_a_held_mail_says_so(serve: Serve, connect: Connect, intake: Intake) -> None:
    intake.answer = lambda: Accepted("ABC", "unexpected-cc")
    client = await connect(await serve())
    assert await client.mail() == "250 2.0.0 held as ABC: unexpected-cc (check your mail for the link)"


async def test_a_refusal_of_the_next_room_is_the_reply(
    serve: Serve, connect: Connect, intake: Intake, watch: Watch
) -> None:
    client = await connect(await serve())
    for error, reply in (
        (PermanentFailure("rejected by rule no-bulk: zażółć\r\n250 ok"), "550 5.7.1 rejected by rule no-bulk: za"),
        (StoreFull("full"), "452 4.3.1 full"),
    ):
        intake.answer = lambda error=error: _raise(error)
        answer = await client.mail()
        assert answer.startswith(reply)
        assert answer.isascii()
        assert "\n" not in answer
        assert (await client.say("RCPT TO:<b@c.example>")).startswith("503 5.5.1 ")
        assert (answer, "ann@corp.example") in watch.rejected


def _raise(error: Exception) -> None:
    raise error


async def test_a_full_disk_is_said_at_mail_with_the_size_announced(serve: Serve, connect: Connect) -> None:
    asked: list[int] = []

    async def room(size: int) -> bool:
        asked.append(size)
        return size < 1000

    client = await connect(await serve(room=room))
    assert (await client.say("MAIL FROM:<ann@corp.example> SIZE=5000")).startswith("452 4.3.1 ")
    assert (await client.say("MAIL FROM:<ann@corp.example> SIZE=500")).startswith("250 ")
    assert asked == [5000, 500]


async def test_a_stranger_is_refused_at_mail_not_at_the_greeting(serve: Serve, connect: Connect, watch: Watch) -> None:
    client = await connect(await serve({**OPEN, "networks": ["192.0.2.0/24"]}))
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("550 5.7.1 127.0.0.1 may not send mail here")
    assert (await client.say("RCPT TO:<b@c.example>")).startswith("503 5.5.1 ")
    assert len(watch.rejected) == 2


async def test_a_quota_counts_mails_and_recipients_of_a_login_over_all_connections(
    serve: Serve, connect: Connect, clock: FakeClock
) -> None:
    server = await serve(SUBMISSIONS, quota={"mails": "2/h", "recipients": "5/h"})
    first = await connect(server, tls=True)
    await first.login()
    await first.mail(MAIL, "ann@corp.example", "a@c.example", "b@c.example", "c@c.example")
    second = await connect(server, tls=True)
    await second.login()
    await second.envelope("ann@corp.example", "a@c.example", "b@c.example")
    assert (await second.say("RCPT TO:<c@c.example>")).startswith("451 4.7.1 ")
    assert (await second.data()).startswith("250 ")
    assert (await first.say("MAIL FROM:<ann@corp.example>")).startswith("451 4.7.1 ")
    other = await connect(server, tls=True)
    await other.login("scanner")
    assert (await other.say("MAIL FROM:<ann@corp.example>")).startswith("250 ")
    await clock.advance(3601)
    assert (await (await _again(connect, server)).say("MAIL FROM:<ann@corp.example>")).startswith("250 ")


async def _again(connect: Connect, server: SmtpServer) -> Client:
    client: Client = await connect(server, tls=True)
    await client.login()
    return client


async def test_a_trusted_network_has_a_quota_only_if_it_says_so(serve: Serve, connect: Connect) -> None:
    server = await serve(OPEN, {**OPEN, "quota": {"mails": "1/h"}}, quota={"mails": "1/h"})
    free, bound = await connect(server), await connect(server, 1)
    for _ in range(3):
        assert (await free.mail()).startswith("250 ")
    assert (await bound.mail()).startswith("250 ")
    assert (await bound.say("MAIL FROM:<ann@corp.example>")).startswith("451 4.7.1 ")


# --- the end, and a change ----------------------------------------------------------------------------------------
async def test_stopping_waits_for_the_mail_in_progress_and_dismisses_the_idle(
    serve: Serve, connect: Connect, intake: Intake
) -> None:
    server = await serve()
    port = server.ports[0]
    idle, busy = await connect(server), await connect(server)
    await busy.envelope()
    await busy.say("DATA")
    stopping = asyncio.create_task(server.stop(25))
    assert (await idle.reply()).startswith("421 4.3.2 ")
    assert await idle.closed()
    assert not stopping.done()
    busy.send(MAIL + b".\r\n")
    assert await busy.reply() == "250 2.0.0 queued as Q1"
    assert (await busy.reply()).startswith("421 4.3.2 ")
    await asyncio.wait_for(stopping, 5)
    with pytest.raises(ConnectionError):
        await Client.connect(port)


async def test_stopping_gives_up_on_a_client_that_takes_too_long(
    serve: Serve, connect: Connect, clock: FakeClock
) -> None:
    server = await serve()
    slow = await connect(server)
    await slow.envelope()
    stopping = asyncio.create_task(server.stop(25))
    await asyncio.sleep(0.01)
    assert not stopping.done()
    await clock.advance(26)
    await asyncio.wait_for(stopping, 5)
    assert (await slow.reply()).startswith("421 4.3.2 ")


async def test_stopping_at_once_still_finishes_what_is_being_committed(
    serve: Serve, connect: Connect, intake: Intake
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
    stopping = asyncio.create_task(server.stop(0))
    await asyncio.sleep(0.01)
    assert not stopping.done()
    go_on.set()
    await asyncio.wait_for(stopping, 5)
    assert len(intake.mails) == 1
    assert await client.reply() == "250 2.0.0 queued as Q1"


async def test_a_reload_opens_and_closes_listeners(
    serve: Serve, connect: Connect, certificate: dict[str, Path]
) -> None:
    server = await serve()
    kept = server.ports[0]
    await server.reload(make_settings(certificate, OPEN, SUBMISSIONS, limits={"size": "1MB"}))
    assert server.ports[0] == kept
    assert len(server.addresses) == 2
    client = await connect(server, greet=False)
    assert "250-SIZE 1048576" in await client.greet()
    gone = server.ports[1]
    await server.reload(make_settings(certificate, OPEN))
    with pytest.raises(ConnectionError):
        await Client.connect(gone)


async def test_a_port_that_is_taken_is_named_and_nothing_is_half_open(
    serve: Serve, certificate: dict[str, Path], intake: Intake
) -> None:
    first = await serve()
    taken = f"127.0.0.1:{first.ports[0]}"
    with pytest.raises(ConfigError, match=f"{taken}: another program has that port"):
        await serve(OPEN, {**OPEN, "bind": taken})
    with pytest.raises(ConfigError, match="this machine doesn't have that address"):
        await serve({**OPEN, "bind": "192.0.2.1:2525"})


async def test_ipv6_is_spoken(serve: Serve) -> None:
    try:
        server = await serve({**OPEN, "bind": "[::1]:0"})
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    assert server.addresses == [f"[::1]:{server.ports[0]}"]
    client = Client(*await asyncio.open_connection("::1", server.ports[0]))
    await client.greet()
    assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("250 ")
    client.close()


# --- small things -------------------------------------------------------------------------------------------------
async def test_a_name_in_ehlo_cannot_break_the_received_header(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    for name in ("a(b)c\\d e", "büro-пк", "x" * 1000):
        assert (await client.say(f"EHLO {name}")).startswith("250")
        await client.mail()
    assert [session.helo for _, _, session in intake.mails[:2]] == ["a?b?c?d?e", "b?ro-??"]
    assert len(intake.mails[2][2].helo) == 255


async def test_browsers_are_not_listened_to(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve(), greet=False)
    client.send("POST / HTTP/1.1\r\nHost: mail\r\n\r\nMAIL FROM:<ann@corp.example>\r\n")
    await client.reply()
    assert (await client.reply()).startswith("421 4.7.0 ")
    assert await client.closed()


async def test_a_command_without_cr_is_refused(serve: Serve, connect: Connect) -> None:
    client = await connect(await serve())
    client.send("NOOP\n")
    assert (await client.reply()).startswith("500 5.5.2 lines end in CR LF")


async def test_future_release_is_offered_with_its_two_limits(
    serve: Serve, connect: Connect, intake: Intake, clock: FakeClock
) -> None:
    client = await connect(await serve(limits={"future_release": "1d"}), greet=False)
    assert "250 FUTURERELEASE 86400 2026-11-24T09:00:00Z" in await client.greet()
    assert (await client.say("MAIL FROM:<ann@corp.example> HOLDFOR=86401")).startswith("501 5.5.4 ")
    assert (await client.say("MAIL FROM:<ann@corp.example> HOLDFOR=60")).startswith("250 ")
    await client.say("RCPT TO:<b@c.example>")
    await client.data()
    until = intake.mails[0][0].hold_until
    assert until is not None
    assert (until - clock.now()).total_seconds() == 60
    none = await connect(await serve(limits={"future_release": "0s"}), greet=False)
    assert "FUTURERELEASE" not in await none.greet()


async def test_every_reply_has_an_enhanced_code(serve: Serve, connect: Connect) -> None:
    """RFC 2034 §3: all but the greeting, HELO, EHLO and 3xx."""
    client = await connect(await serve(limits={"errors": 100}))
    commands = (
        "NOOP", "RSET", "RSET x", "HELP", "VRFY", "VRFY ann", "EXPN staff", "FOO", "", "MAIL", "MAIL FROM:ann",
        "MAIL FROM:<>", "MAIL FROM:<>", "RCPT TO:x", "DATA x", "DATA", "STARTTLS", "AUTH PLAIN", "EHLO", "HELO",
        "QUIT x", "QUIT",
    )  # fmt: skip
    for command in commands:
        code, enhanced = (await client.say(command)).split(" ")[:2]
        assert enhanced.split(".")[0] == code[0], command
        assert len(enhanced.split(".")) == 3


async def test_no_event_loop_turn_is_long_while_a_large_mail_comes_in(
    serve: Serve, connect: Connect, intake: Intake
) -> None:
    client = await connect(await serve())
    await client.envelope()
    await client.say("DATA")
    message = b"From: ann@corp.example\r\n\r\n" + b"0123456789" * 7 + b"\r\n"
    longest = 0.0

    async def pulse() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()  # what it computed: the machine is shared with others
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    heart = asyncio.create_task(pulse())
    client.send(message + (b"0123456789" * 7 + b"\r\n") * 200_000 + b".\r\n")
    assert (await client.reply()).startswith("250 ")
    heart.cancel()
    assert longest < 0.25
    assert intake.spools[0].raw[:24] == message[:24]


async def test_the_memory_of_a_connection_is_free_when_it_ends_and_not_at_some_collection(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    client = await connect(server)
    connection = weakref.ref(next(iter(server._sessions)))
    gc.disable()
    try:
        assert (await client.mail(MAIL)).startswith("250 ")
        await client.say("QUIT")
        await eventually(lambda: connection() is None)
    finally:
        gc.enable()


async def test_a_long_header_is_read_off_the_loop_and_one_of_no_sensible_size_is_refused(
    serve: Serve, connect: Connect, intake: Intake
) -> None:
    client = await connect(await serve())
    many = b"To: " + b"bob@client.example,\r\n " * 10_000 + b"eve@client.example\r\n"
    assert (await client.mail(b"From: ann@corp.example\r\n" + many + b"\r\nHello\r\n")).startswith("250 ")
    assert (await client.mail(many + b"\r\nHello\r\n")).startswith("550 5.7.1 the mail has no From")
    assert (await client.mail(b"From: ann@corp.example\r\n" + many * 2 + b"\r\nHello\r\n")).startswith("552 5.3.4 ")
    fields = b"From: ann@corp.example\r\n" + b"X:\r\n y\r\n" * 1999
    assert (await client.mail(fields + b"\r\nHello\r\n")).startswith("250 ")
    said = await client.mail(fields + b"X: y\r\n\r\nHello\r\n")
    assert said == "552 5.3.4 the header has more than 2000 fields"
    assert len(intake.mails) == 2


async def test_a_login_nobody_can_check_is_not_logged_as_failed(serve: Serve, connect: Connect, watch: Watch) -> None:
    async def down(server: str, name: str, password: str) -> bool:
        raise ConnectionRefusedError

    server = await serve(SUBMISSIONS, users=UpstreamUsers("smtp.corp.example:587", down, FakeClock()))
    client = await connect(server, tls=True)
    assert (await client.login()).startswith("454 4.7.0 ")
    assert watch.failed_logins == []


async def test_who_left_the_other_server_is_out_of_an_open_session_within_an_hour(
    serve: Serve, connect: Connect
) -> None:
    async def fine(server: str, name: str, password: str) -> bool:
        return True

    clock = FakeClock()  # of the logins alone
    server = await serve(SUBMISSIONS, users=UpstreamUsers("h:1", fine, clock, lambda name: (f"{name}@corp.example",)))
    client = await connect(server, tls=True)
    await client.login()
    assert (await client.mail()).startswith("250 ")
    await clock.advance(3599)
    assert (await client.mail()).startswith("250 ")
    await clock.advance(1)
    assert await client.say("MAIL FROM:<ann@corp.example>") == "421 4.7.0 this login is not valid any more"
    again = await connect(server, tls=True)
    await again.login()
    assert (await again.mail()).startswith("250 ")


async def test_the_settings_say_who_knows_the_passwords(
    serve: Serve, connect: Connect, tmp_path: Path, certificate: dict[str, Path], intake: Intake
) -> None:
    (tmp_path / "users.yaml").write_text(
        f'users: [{{name: ann, password: "{hash_password("secret")}", send_as: [ann@corp.example]}}]\n'
    )

    async def upstream(server: str, name: str, password: str) -> bool:
        return (server, password) == ("smtp.corp.example:587", "secret")

    def server(**users: object) -> SmtpServer:
        return SmtpServer(
            make_settings(certificate, SUBMISSIONS, users=users), intake, SystemClock(), internal=internal,
            notices_sender="mailguard@corp.example", try_login=upstream, send_as=lambda name: (f"{name}@corp.example",),
        )  # fmt: skip

    for made in (server(file=tmp_path / "users.yaml"), server(upstream="smtp.corp.example:587")):
        await made.start()
        client = await connect(made, tls=True)
        assert await client.login() == "235 2.7.0 welcome"
        assert (await client.mail()).startswith("250 ")
        await made.stop(0)
    with pytest.raises(ConfigError):
        await server(file=tmp_path / "nobody.yaml").start()


async def test_an_error_outside_any_command_is_logged_and_ends_the_session_with_a_word(
    serve: Serve, connect: Connect, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(await serve(OPEN))
    monkeypatch.setattr(Connection, "_command", lambda _: 1 / 0)
    assert await client.say("NOOP") == "250 2.0.0 ok"
    assert await client.line() == "421 4.3.0 something went wrong here: try again later"
    assert await client.line() == ""
    (error,) = watch.failures
    assert isinstance(error, ZeroDivisionError)
