"""The warm standby: the machine is gone in the middle of mail coming in; how much of it is not in the copy?"""

import asyncio
import json
import shutil
import signal
import smtplib
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from mailguard.admin import client
from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import COMMAND, Installed, install

EVERY = 1.0
SLACK = 4.0  # of a machine that is busy with other tests


def stream(installed: Installed, stop: float) -> None:
    number = 0
    try:
        with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
            while time.monotonic() < stop:
                number += 1
                text = f"From: ann@corp.example\r\nTo: kim@client.example\r\nMessage-ID: <{number}@x>\r\n\r\nHi\r\n"
                session.sendmail("ann@corp.example", ["kim@client.example"], text)
                time.sleep(0.02)
    except (smtplib.SMTPException, OSError):
        pass  # the machine is gone


def keep(installed: Installed, copy: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([COMMAND, "--config", installed.config, "db", "standby", copy, "--every", f"{EVERY:g}s"])


def waiting(installed: Installed) -> set[str]:
    found = client.ask(installed.folder / "admin.sock", "list", state="waiting", limit=10_000)
    return {mail["queue_id"] for mail in found}


@pytest.mark.slow
async def test_what_is_lost_is_no_older_than_promised(installed: Installed, sink: OutsideWorld, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = await asyncio.to_thread(install, other, sink.port)
    copy = other / "mail.db"
    await asyncio.to_thread(installed.start)
    standby = await asyncio.to_thread(keep, installed, copy)
    try:
        await eventually(copy.exists, within=30)
        sending = asyncio.create_task(asyncio.to_thread(stream, installed, time.monotonic() + 6))
        await asyncio.sleep(5)
        gone = time.time()
        await asyncio.to_thread(installed.end, signal.SIGKILL)
        standby.kill()
        await sending
    finally:
        standby.kill()
        standby.wait()
    accepted = [json.loads(line) for line in installed.log.splitlines() if '"smtp.accepted"' in line]
    assert len(accepted) > 30

    await asyncio.to_thread(second.start)
    try:
        here = await asyncio.to_thread(waiting, second)
        lost = [event for event in accepted if event["queue_id"] not in here]
        ages = [gone - datetime.fromisoformat(event["ts"]).timestamp() for event in lost]
        assert len(here) > 10
        assert max(ages, default=0.0) < EVERY + SLACK
        assert "queue.paused" in second.log, "what waits may have left from the other machine"
        kept = copy.read_bytes()
        await asyncio.to_thread(installed.command, "db", "standby", str(copy), "--once", code=1)
        assert copy.read_bytes() == kept, "a service was started on it"
        await asyncio.to_thread(second.command, "queue", "resume", "--yes")
        assert await asyncio.to_thread(waiting, second) == here, "they have their five minutes"
    finally:
        await asyncio.to_thread(second.end)


def test_a_copy_is_renewed_and_nothing_else_is(bare: Installed) -> None:
    bare.command("db", "migrate")
    target = bare.folder / "copy.db"
    bare.command("db", "standby", str(target), "--once")
    first = target.stat()
    bare.command("db", "standby", str(target), "--once")
    assert target.stat().st_ino != first.st_ino
    assert target.stat().st_mode & 0o777 == 0o600
    theirs = bare.folder / "theirs.db"
    for content in (b"", b"not a database", (bare.folder / "mail.db").read_bytes()):
        theirs.write_bytes(content)
        bare.command("db", "standby", str(theirs), "--once", code=1)
        assert theirs.read_bytes() == content
    shutil.copy(target, theirs)
    (bare.folder / "theirs.db-wal").touch()
    bare.command("db", "standby", str(theirs), "--once", code=1)
    bare.config.write_text(bare.config.read_text().replace("sqlite:mail.db", "postgresql://db.corp.example/x"))
    bare.command("db", "standby", str(target), "--once", code=1)
