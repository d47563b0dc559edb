"""Which mails' answers the client has seen: intake takes the others for lost, and a resend for no second mail."""

from collections.abc import Callable
from typing import Any

import pytest

from mailguard.records import Accepted
from mailguard.testing import eventually
from tests.unit.smtpd.conftest import OPEN, Serve
from tests.unit.smtpd.peer import Client, Intake

Connect = Callable[..., Any]

MAIL = b"From: <ann@corp.example>\r\nSubject: x\r\n\r\nHi\r\n"


async def submit(client: Client, after: bytes = b"") -> str:
    for said in ("MAIL FROM:<ann@corp.example>", "RCPT TO:<b@c.example>", "DATA"):
        answer = await client.say(said)
        if not answer.startswith(("250", "354")):
            return answer
    client.send(MAIL + b".\r\n" + after)
    return await client.reply()


@pytest.mark.parametrize("word", ["NOOP", "RSET", "QUIT", "MAIL FROM:<ann@corp.example>", "nonsense"])
async def test_whoever_speaks_after_the_answer_has_seen_it(
    serve: Serve, connect: Connect, intake: Intake, word: str
) -> None:
    client = await connect(await serve())
    await submit(client)
    assert intake.known == []
    await client.say(word)
    assert intake.known == ["Q1"]


async def test_what_was_pipelined_behind_the_dot_says_nothing(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve())
    await submit(client, b"MAIL FROM:<ann@corp.example>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n")
    for _ in range(3):
        await client.reply()
    assert intake.known == []
    client.send(MAIL + b".\r\n")
    await client.reply()
    await client.say("NOOP")
    assert intake.known == ["Q1", "Q2"]


async def test_a_client_that_hangs_up_has_seen_nothing(serve: Serve, connect: Connect, intake: Intake) -> None:
    server = await serve()
    client = await connect(server)
    await submit(client)
    client.writer.close()
    await eventually(lambda: server.connections == 0)
    assert intake.known == []


async def test_a_resend_costs_no_quota(serve: Serve, connect: Connect, intake: Intake) -> None:
    client = await connect(await serve({**OPEN, "quota": {"mails": "1/h"}}))
    intake.answer = lambda: Accepted("Q9", resend=True)
    for _ in range(2):
        assert await submit(client) == "250 2.0.0 queued as Q9"
    intake.answer = None
    assert (await submit(client)).startswith("250 ")
    assert (await submit(client)).startswith("451 4.7.1 ")
