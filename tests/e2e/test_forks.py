"""kill -9 while a connector brings one mail in many transactions: what was not answered comes again, and joins it."""

import asyncio
import json
import signal
from collections import Counter

import aiosmtplib
import pytest

from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import Installed

PEOPLE = [f"kim{number}@client.example" for number in range(40)]
LINES = ("From: ann@corp.example", f"To: {', '.join(PEOPLE)}", "Message-ID: <one@corp.example>", "Subject: Quote")


async def _fork(port: int, number: int, answered: set[int]) -> None:
    raw = "\r\n".join((f"Received: by outbound{number}.example", *LINES, "", "Hello\r\n")).encode()
    sender = "" if number % 3 else "ann@corp.example"
    try:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=10) as client:
            await client.sendmail(sender, [PEOPLE[number]], raw)
        answered.add(number)
    except (aiosmtplib.SMTPException, OSError):
        pass  # killed: nobody knows whether it was taken


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_forks_between_kills_are_one_mail_and_each_copy_arrives_once(
    installed: Installed, sink: OutsideWorld
) -> None:
    text = installed.config.read_text()
    assert "tls: none, auth: none" in text
    installed.config.write_text(text.replace("tls: none, auth: none", "tls: none, mode: connector"))
    answered: set[int] = set()
    for enough in (4, 12, 20, len(PEOPLE)):  # and then it is killed
        await asyncio.to_thread(installed.start)
        missing = set(range(len(PEOPLE))) - answered
        sending = asyncio.gather(*(_fork(installed.ports["plain"], number, answered) for number in missing))
        await eventually(lambda enough=enough: len(answered) >= enough, within=30)  # type: ignore[misc]
        if enough < len(PEOPLE):
            await asyncio.to_thread(installed.end, signal.SIGKILL)
        await sending
    listed = await asyncio.to_thread(installed.command, "queue", "list", "--json")
    (mail,) = [json.loads(line) for line in listed.splitlines()]
    assert sorted(d["address"] for d in mail["deliveries"]) == sorted(PEOPLE)
    await asyncio.to_thread(installed.command, "queue", "send", mail["queue_id"])
    await eventually(lambda: len(_arrived(sink)) == len(PEOPLE), within=30)
    assert set(_arrived(sink).values()) == {1}


def _arrived(sink: OutsideWorld) -> Counter[str]:
    return Counter(who for mail in sink.caught for who in mail.recipients if who in PEOPLE)
