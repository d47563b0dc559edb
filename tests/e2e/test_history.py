"""`mailguard history import` and `forget` beside the running service: it knows at the next mail, without a restart."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import Installed

ANN, LEE, PAT, WARD = "ann@corp.example", "lee@corp.example", "pat@corp.example", "ward@client.example"
ODD = """
version: 1
rules:
  - {id: odd, when: {recipients: {any: unexpected}}, then: [{hold: {until: sender_confirms}}]}
"""


def mail(number: int, to: str, at: datetime) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ANN, to, "Planning"
    message["Date"], message["Message-ID"] = format_datetime(at), f"<{number}@corp.example>"
    message.set_content("the plan, as agreed.\n")
    return message.as_bytes()


def past(folder: Path) -> Path:
    """Half a year in which Ann wrote to Lee and Pat, and to Ward alone."""
    place = folder / "past"
    place.mkdir()
    for number in range(120):
        at = datetime.now(UTC) - timedelta(days=180 - number)
        (place / f"{number}.eml").write_bytes(mail(number, WARD if number % 3 == 2 else f"{LEE}, {PAT}", at))
    return place


@pytest.fixture
async def service(installed: Installed) -> Installed:
    """With one rule, and running."""
    for file in (installed.folder / "rules").iterdir():
        file.unlink()
    (installed.folder / "rules" / "odd.yaml").write_text(ODD)
    await asyncio.to_thread(installed.start)
    return installed


async def held(service: Installed, number: int, *to: str) -> bool:
    """Whether Ann's next mail to these is."""
    raw = mail(number, ", ".join(to), datetime.now(UTC))
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=service.ports["plain"], start_tls=False) as client:
        _, said = await client.sendmail(ANN, list(to), raw)
    return "held as" in said


async def left(sink: OutsideWorld, mails: int) -> None:
    await eventually(lambda: sum(b"\nSubject: Planning" in one.raw for one in sink.caught) == mails)


async def shown(service: Installed) -> list[dict[str, Any]]:
    lines = await asyncio.to_thread(service.command, "history", "show", ANN)
    return [json.loads(line) for line in lines.splitlines()]


async def test_what_is_taught_and_forgotten_is_known_at_the_next_mail(service: Installed, sink: OutsideWorld) -> None:
    assert not await held(service, 1000, LEE, PAT), "there is nothing to tell by"
    await left(sink, 1)
    await asyncio.to_thread(service.command, "history", "import", str(past(service.folder)))
    assert len(await shown(service)) == 121
    assert await held(service, 1001, LEE, PAT, WARD)
    await asyncio.to_thread(service.command, "history", "forget", ANN, "--yes")
    assert await shown(service) == []
    assert not await held(service, 1002, LEE, PAT, WARD), "what was at hand is gone, too"
    erased = [line for line in (await asyncio.to_thread(service.command, "audit", "export")).splitlines()
              if "history.erased" in line]  # fmt: skip
    assert len(erased) == 1
    assert ANN not in erased[0]


async def test_what_an_earlier_version_sent_is_learnt_from_the_store(service: Installed, sink: OutsideWorld) -> None:
    for number in range(3):
        await held(service, number, LEE, PAT, WARD)
    await left(sink, 3)
    assert await asyncio.to_thread(service.end) == 0
    with closing(sqlite3.connect(service.folder / "mail.db")) as db, db:  # as that version left it
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM remembered")
    await asyncio.to_thread(service.start)
    for _ in range(2):
        await asyncio.to_thread(service.command, "history", "import", "--from-store")
    mails = await shown(service)
    assert [set(one["to"]) for one in mails] == [{LEE, PAT, WARD}] * 3
    assert all(one["words"] for one in mails)
