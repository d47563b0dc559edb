"""`serve --workers`: several real processes share the ports and one PostgreSQL, and are one service to everybody."""

import asyncio
import json
import os
import shutil
import signal
import smtplib
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mailguard.admin import client
from mailguard.demo.world import OutsideWorld
from mailguard.store.postgres import server
from mailguard.testing import eventually
from tests.installed import Installed, install
from tests.postgres import Postgres

WORKERS = 3
PASSING = """\
version: 1
rules: [{id: pass, when: {always: true}, then: [{tag: [seen]}]}]
"""


@pytest.fixture
def shared(installed: Installed, postgres: Postgres) -> Installed:
    """An installation whose store is shared, and whose rules hold nothing."""
    text = installed.config.read_text().replace("sqlite:mail.db", postgres.fresh())
    installed.config.write_text(text)
    for path in (installed.folder / "rules").iterdir():
        path.unlink()
    (installed.folder / "rules" / "10-pass.yaml").write_text(PASSING)
    return installed


def send(installed: Installed, number: int) -> None:
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        text = f"From: ann@corp.example\r\nTo: bob@corp.example\r\nMessage-ID: <{number}@corp.example>\r\n\r\nHi\r\n"
        session.sendmail("ann@corp.example", ["bob@corp.example"], text)


def nodes(installed: Installed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask(installed.folder / "admin.sock", "health")["nodes"]
    return found


def ready(installed: Installed) -> bool:
    try:
        return len([node for node in nodes(installed) if node.get("rules")]) == WORKERS
    except client.Unreachable:
        return False


def metric(installed: Installed, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{installed.ports['metrics']}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def processes(installed: Installed) -> list[int]:
    """The workers, by what their command lines say."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if f"{installed.config}\0serve\0--worker\0".encode() in _read(path)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
async def test_they_are_one_service_through_kills_and_reloads(shared: Installed, sink: OutsideWorld) -> None:
    await asyncio.to_thread(shared.launch, "--workers", str(WORKERS))
    await eventually(lambda: ready(shared), within=60)
    await asyncio.gather(*(asyncio.to_thread(send, shared, number) for number in range(30)))
    await eventually(lambda: shared.log.count('"delivery.sent"') == 30, within=30)
    assert len(sink.caught) == 30, "all are written down: no copy is at its dot when one is killed"
    assert metric(shared, "mailguard_messages_received_total") == 30, "one view of all"
    assert metric(shared, "mailguard_nodes") == WORKERS
    taken = {json.loads(line)["queue_id"] for line in shared.log.splitlines() if '"smtp.accepted"' in line}
    assert len(taken) == 30

    killed = processes(shared)[-1]
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: killed not in processes(shared) and len(processes(shared)) == WORKERS, within=30)
    (ended,) = [json.loads(line) for line in shared.log.splitlines() if '"worker.ended"' in line]
    assert (ended["code"], ended["level"]) == (-signal.SIGKILL, "error")
    await eventually(lambda: ready(shared), within=60)

    rules = shared.folder / "rules" / "10-pass.yaml"
    rules.write_text(PASSING.replace("seen", "read"))
    said = await asyncio.to_thread(shared.command, "reload")
    assert said == "", "messages go to stderr"
    assert len({node["rules"] for node in nodes(shared)}) == 1
    await asyncio.gather(*(asyncio.to_thread(send, shared, number) for number in range(30, 50)))
    await eventually(lambda: len(sink.caught) == 50, within=30)
    assert await asyncio.to_thread(shared.end) == 0
    assert processes(shared) == []


@pytest.mark.slow
async def test_none_outlives_who_started_them(shared: Installed) -> None:
    await asyncio.to_thread(shared.launch, "--workers", str(WORKERS))
    await eventually(lambda: ready(shared), within=60)
    await asyncio.to_thread(shared.end, signal.SIGKILL)
    await eventually(lambda: processes(shared) == [], within=40)


def test_a_file_is_one_processes_and_a_busy_port_is_found_before_it_is_shared(
    bare: Installed, postgres: Postgres
) -> None:
    bare.launch("--workers", "2")
    assert bare.process is not None
    assert bare.process.wait(30) == 78
    assert "--workers needs `store: postgresql://" in bare.log
    bare.config.write_text(bare.config.read_text().replace("sqlite:mail.db", postgres.fresh()))
    with socket.create_server(("127.0.0.1", bare.ports["plain"])):
        bare.launch("--workers", "2")
        assert bare.process.wait(30) == 78
    assert f"can't listen on 127.0.0.1:{bare.ports['plain']}" in bare.log


def test_what_is_wrong_from_the_start_ends_all(bare: Installed, postgres: Postgres) -> None:
    bare.config.write_text(bare.config.read_text().replace("sqlite:mail.db", postgres.fresh()))
    (bare.folder / "rules" / "99-wrong.yaml").write_text("version: 1\nrules: [{id: x}]")
    bare.launch("--workers", "2")
    assert bare.process is not None
    assert bare.process.wait(60) == 78
    assert "99-wrong.yaml" in bare.log


@pytest.mark.slow
async def test_who_comes_to_another_node_after_a_kill_brings_no_second_mail(
    shared: Installed, sink: OutsideWorld, tmp_path: Path
) -> None:
    """The client never saw its 250, and its node is gone: the other one knows what that took."""
    other = _beside(shared, tmp_path / "other", sink.port)
    try:
        await asyncio.to_thread(shared.start)
        await asyncio.to_thread(other.start)
        client_of_it, first = await asyncio.to_thread(_send_and_listen, shared, b"<1@corp.example>")
        await asyncio.to_thread(shared.end, signal.SIGKILL)
        client_of_it.close()
        await eventually(lambda: len(nodes(other)) == 1, within=60)
        await asyncio.sleep(server.BEAT_SECONDS + 1)  # it looks itself at its next sign of life
        again, second = await asyncio.to_thread(_send_and_listen, other, b"<1@corp.example>")
        again.close()
        assert second == first
        assert '"action": "resend"' in other.log
        meant, third = await asyncio.to_thread(_send_and_listen, other, b"<2@corp.example>")
        meant.close()
        assert third != first
        await sink.wait_for(lambda mail: mail.message["Message-ID"] == "<2@corp.example>")
    finally:
        if other.process is not None:
            await asyncio.to_thread(other.end, signal.SIGKILL)
    assert [mail.message["Message-ID"] for mail in sink.caught].count("<1@corp.example>") == 1


def _beside(one: Installed, folder: Path, sink_port: int) -> Installed:
    """Another node of the same store, with the same rules."""
    folder.mkdir()
    made = install(folder, sink_port)
    url = next(line for line in one.config.read_text().splitlines() if line.startswith("store:"))
    made.config.write_text(made.config.read_text().replace("store: sqlite:mail.db", url))
    shutil.rmtree(folder / "rules")
    shutil.copytree(one.folder / "rules", folder / "rules")
    return made


def _send_and_listen(installed: Installed, message_id: bytes) -> tuple[socket.socket, bytes]:
    """One mail by a client that says no word after the 250; its connection, and the 250."""
    connection = socket.create_connection(("127.0.0.1", installed.ports["plain"]), timeout=20)
    replies = connection.makefile("rb")
    replies.readline()
    for line in (b"HELO client.corp.example", b"MAIL FROM:<ann@corp.example>", b"RCPT TO:<bob@corp.example>", b"DATA"):
        connection.sendall(line + b"\r\n")
        replies.readline()
    head = b"From: ann@corp.example\r\nTo: bob@corp.example\r\nMessage-ID: " + message_id
    connection.sendall(head + b"\r\n\r\nHi\r\n.\r\n")
    said = replies.readline()
    assert said.startswith(b"250 "), said
    return connection, said
