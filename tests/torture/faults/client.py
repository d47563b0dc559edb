"""Clients that lie about where a mail, a command or an address ends."""

import asyncio
import contextlib

from mailguard.testing import eventually
from tests.torture.door import END, HEAD, OPEN, OPENING, SUBMISSION, SUBMISSIONS, Door, door, stuffed
from tests.torture.fault import Trial, fault

BEHIND = (
    b"MAIL FROM:<eve@corp.example>\r\nRCPT TO:<all@client.example>\r\nDATA\r\nFrom: eve@corp.example\r\n\r\nsmuggled"
)
FALSE_ENDS = [
    b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r.\n", b"\n.\r", b"\r\n\0.\r\n",
    b"\r\n.\0\r\n", b"\r\n\r.\r\n", b"\r\n.\r\r\n", b"\n\n.\n\n", b"\r\r.\r\r", b"\n\r.\n\r", b"\r\n.\n\r\n",
    b"\r\n.\r\0\n", b"\0\r\n.\n",
]  # fmt: skip
"""None of them is the end, and no mail may hold their bytes."""
LOOKALIKES = [
    b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n", b"\r\n..\r\n", b"\r\n...\r\n", b"\r\n.\x0b\r\n", b"\r\n.\x85\r\n",
    b"\r\n.\xe2\x80\xa8\r\n", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x0b.\x0b", b"\r\n.=0D=0A\r\n",
    b"\r\n.\x1a\r\n", b"\r\n\x1a.\r\n",
]  # fmt: skip
"""None of them is the end either, but a mail may hold them: byte for byte."""
ENDS = [*FALSE_ENDS, *LOOKALIKES]


@fault(
    "an end of DATA smuggled in: 32 spellings, cut at every byte", "one mail byte for byte, or refused",
    short=len(ENDS), full=len(ENDS) * 3,
)  # fmt: skip
async def smuggling(trial: Trial) -> None:
    mark = ENDS[trial.number % len(ENDS)]
    body = HEAD + mark + BEHIND
    start = b"EHLO x\r\n" + OPENING
    async with door(trial) as here:
        for good_before in (False, True):
            first = start + stuffed(HEAD) + OPENING if good_before else start
            stream = first + body + END + b"QUIT\r\n"
            near = range(len(first) + len(HEAD) - 3, len(first) + len(HEAD) + len(mark) + 3)
            far = trial.dice.sample(range(1, len(stream)), 4)
            for cuts in [[], *([at] for at in (*near, *far)), list(near)]:
                here.intake.mails.clear()
                packets = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
                said = await here.say_all(*packets)
                arrived = [raw for _, raw, _ in here.intake.mails]
                good = [HEAD] if good_before else []
                if mark in FALSE_ENDS:
                    assert said[-2].startswith("554 5.6.0 "), (cuts, said)
                    assert arrived == good, cuts
                else:
                    whole = body.replace(b"\r\n.", b"\r\n") + b"\r\n"
                    assert said[-2].startswith("250 2.0.0 queued"), (cuts, said)
                    assert arrived == [*good, whole], cuts
                assert said[-1].startswith("221 "), (cuts, said)
                here.is_nowhere(b"eve")
                trial.accepted += len(arrived)


@fault("commands in front of the TLS handshake", "thrown away, or the connection ends", short=1, full=5)
async def injection(trial: Trial) -> None:
    injected = b"EHLO eve\r\nMAIL FROM:<eve@corp.example>\r\nRCPT TO:<all@client.example>\r\n"
    async with door(trial, SUBMISSION) as here:
        for size in range(1, len(injected), 1 + trial.dice.randrange(9)):
            said = await here.say_all(b"EHLO x\r\nSTARTTLS\r\n" + injected[:size])
            assert said[-1].startswith("421 4.7.0 "), said
        for size in range(1, len(injected), 7):  # between the 220 and the handshake
            client = await here.client()
            await client.greet()
            assert (await client.say("STARTTLS")).startswith("220 ")
            client.send(injected[:size])
            with contextlib.suppress(OSError):
                await client.writer.start_tls(here.trust, server_hostname="localhost", ssl_handshake_timeout=0.5)
                assert (await client.say("EHLO x")).startswith("250-mail.corp.example")
                assert (await client.say("RCPT TO:<bob@client.example>")).startswith("503 ")
            client.close()
        assert here.intake.mails == []


@fault("answers to STARTTLS forget what was said before it", "EHLO, login and mail start again", short=1, full=3)
async def forgotten(trial: Trial) -> None:
    async with door(trial, SUBMISSION) as here:
        client = await here.client()
        await client.greet()
        await client.starttls(here.trust)
        assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("503 5.5.1 EHLO first")
        assert "STARTTLS" not in await client.say("EHLO x")
        assert (await client.say("STARTTLS")).startswith("503 ")
        assert (await client.say("MAIL FROM:<ann@corp.example>")).startswith("530 5.7.0 ")
        client.close()


@fault("commands pipelined past DATA, past QUIT and into BDAT", "a body is never taken for commands", short=2, full=20)
async def pipelined(trial: Trial) -> None:
    body = HEAD + BEHIND + END
    async with door(trial) as here:

        async def say(stream: bytes) -> list[str]:
            cut = trial.dice.randrange(len(stream))
            return (
                await here.say_all(stream) if trial.number % 2 == 0 else await here.say_all(stream[:cut], stream[cut:])
            )

        said = await here.say_all(b"EHLO x\r\nMAIL FROM:<ann@corp.example>\r\nRCPT TO:<bad>\r\nDATA\r\n" + body)
        assert said[-1].startswith("421 4.7.0 nothing may follow DATA"), said
        assert here.intake.mails == []
        said = await say(b"EHLO x\r\n" + OPENING + body + OPENING + stuffed(HEAD) + b"QUIT\r\n" + OPENING + body)
        assert [raw for _, raw, _ in here.intake.mails] == [HEAD + BEHIND + b"\r\n", HEAD]
        assert not [line for line in said if line.startswith("5")], said
        trial.accepted += 2
        said = await say(b"EHLO x\r\n" + OPENING[:-6] + b"BDAT 80 LAST\r\n" + body)
        assert not [line for line in said[3:] if not line.startswith("502 5.5.1 BDAT")], said
        assert len(here.intake.mails) == 2
        here.is_nowhere(b"eve")


TRICKS = [
    "=?utf-8?q?x=0d=0aRCPT_TO=3a=3ceve=40evil.example=3e?=@corp.example", "ann@=?utf-8?q?evil.example?=",
    "=?utf-8?q?ann=40evil.example=3e_?=@corp.example", "=?utf-8?b?YW5uQGV2aWwuZXhhbXBsZT4=?=@corp.example",
    "=?x?q?=41=3e=00?=ann@corp.example", "=?utf-7?q?ann+AEA-evil.example?=@corp.example",
]  # fmt: skip


@fault("encoded words inside MAIL and RCPT addresses", "letters stay letters: nothing is decoded", short=1, full=3)
async def encoded_addresses(trial: Trial) -> None:
    async with door(trial) as here:
        client = await here.client()
        await client.greet()
        for trick in TRICKS:
            for command in (f"MAIL FROM:<{trick}>", f"RCPT TO:<{trick}>"):
                await client.say("RSET")
                if command.startswith("RCPT"):
                    await client.say("MAIL FROM:<ann@corp.example>")
                said = await client.say(command)
                assert said.startswith(("250 2.1", "501 5.1.3 ")), (command, said)
                session = next(iter(here.server._sessions))
                mail = getattr(session, "transaction", None)
                kept = [mail.sender, *(one.address for one in mail.recipients)] if mail else []
                assert set(kept) <= {trick, "ann@corp.example"}, kept
        client.close()


COMMANDS = [
    b"EHLO x", b"HELO x", b"EHLO", b"MAIL FROM:<ann@corp.example>", b"MAIL FROM:<>",
    b"MAIL FROM:<ann@corp.example> SIZE=9999999999", b"RCPT TO:<bob@client.example>", b"RCPT TO:<\xff@x>", b"DATA",
    b".", b"", b"RSET", b"NOOP", b"VRFY x", b"EXPN x", b"HELP", b"QUIT", b"STARTTLS", b"AUTH PLAIN AGFubgBzZWNyZXQ=",
    b"AUTH LOGIN", b"*", b"YW5u", b"BDAT 3 LAST", b"AUTH", b"MAIL", b"RCPT", b"XCLIENT A=b",
    b"From: ann@corp.example", b"From: boss@corp.example", b"Subject: x", b"..", b". ",
    b"MAIL FROM:<" + b"a" * 5000 + b">", b"A" * 13000, b"RCPT TO:<" + b"(" * 200 + b"@x>",
    b"MAIL FROM:<ann@corp.example> RET=FULL ENVID=+", b"HELO \r x", b"GET / HTTP/1.1",
]  # fmt: skip
LINE_ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\0\r\n", b"\r\r\n", b""]


@fault("random garbage dialogues", "an answer or the end; no 500 for a mail, nothing invented", short=60, full=2000)
async def garbage(trial: Trial) -> None:
    dice = trial.dice
    words = [dice.choice(COMMANDS) if dice.random() < 0.9 else dice.randbytes(dice.randrange(200)) for _ in range(60)]
    stream = b"EHLO x\r\n" * (dice.random() < 0.8) + b"".join(word + dice.choice(LINE_ENDS) for word in words)
    if dice.random() < 0.7:
        stream = b"EHLO x\r\n" + OPENING + stuffed(HEAD) + OPENING + stream
    stream += END + b"QUIT\r\n"
    cuts = sorted(dice.sample(range(1, len(stream)), dice.randrange(6)))
    async with door(trial) as here:
        packets = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        said = await here.say_all(*packets)
        arrived = [raw for _, raw, _ in here.intake.mails]
        for raw in arrived:
            assert stuffed(raw) in stream
        assert len([line for line in said if "queued as" in line]) <= len(arrived)
        assert not [line for line in said if not line[:3].isdigit() or line.startswith("451 4.3.0")], said
        trial.accepted += len(arrived)


STALLS = {
    "EHLO": (0, b"EHLO cli"),
    "MAIL": (0, b"EHLO x\r\nMAIL FROM:<ann@"),
    "DATA": (0, b"EHLO x\r\n" + OPENING + b"From: ann@corp"),
    "STARTTLS": (1, b"EHLO x\r\nSTARTTLS\r\n"),
    "TLS": (2, b"\x16\x03\x01\x02"),
}


async def _stalled(here: Door, at: int, start: bytes) -> None:
    client = await here.client(at)
    client.send(start)
    with contextlib.suppress(ConnectionError):
        await client.reader.read()
    client.close()


@fault(
    "300 clients that stop in EHLO, AUTH, MAIL, DATA and the TLS handshake",
    "ended at their time limits; others are served meanwhile", short=1, full=10,
)  # fmt: skip
async def stalled(trial: Trial) -> None:
    limits = {"connections": 1000, "per_client": 1000}
    async with door(trial, OPEN, SUBMISSION, SUBMISSIONS, limits=limits) as here:
        stalls = [stall for stall in STALLS.values() for _ in range(55)]
        tasks = [asyncio.create_task(_stalled(here, *stall)) for stall in stalls]
        asking = [await here.client(2, tls=True) for _ in range(25)]
        for client in asking:
            await client.greet()
            assert (await client.say("AUTH LOGIN")).startswith("334 ")
        await eventually(lambda: here.server.connections == 300)
        await eventually(lambda: sum(one.wire.received > 0 for one in here.server._sessions) >= 190)
        for _ in range(8):
            honest = await here.client()
            await honest.greet()
            assert (await honest.mail(HEAD)).startswith("250 ")
            trial.accepted += 1
            honest.close()
            await here.clock.advance(60)
        await eventually(lambda: here.server.connections == 0, within=20)
        await asyncio.gather(*tasks)
        assert len(here.intake.mails) == 8
        for client in asking:
            client.close()
