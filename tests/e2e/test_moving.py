"""`mailguard db copy` beside the installed service: from its file into PostgreSQL, with what waits."""

import asyncio
import signal

from mailguard.demo.world import OutsideWorld
from tests.e2e.test_command_line import rows, send
from tests.installed import COMMAND, Installed
from tests.postgres import Postgres


async def test_a_live_installation_moves_and_goes_on_from_there(
    installed: Installed, sink: OutsideWorld, postgres: Postgres
) -> None:
    source, target = f"sqlite:{installed.folder / 'mail.db'}", postgres.fresh()
    await asyncio.to_thread(installed.start)
    queue_id = await asyncio.to_thread(send, installed, "kim@client.example")
    copying = await asyncio.create_subprocess_exec(
        COMMAND, "db", "copy", source, target, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert copying.stderr
    assert b"stop it now" in await asyncio.wait_for(copying.stderr.readline(), 60)
    await asyncio.to_thread(installed.end, signal.SIGTERM)
    out, said = await asyncio.wait_for(copying.communicate(), 60)
    assert copying.returncode == 0, said
    assert b"moved to postgresql://localhost/postgres" in said
    assert b"delivery" in out

    refused = await asyncio.to_thread(installed.command, "serve", code=78)
    assert refused == ""
    config = installed.config.read_text("utf-8")
    installed.config.write_text(config.replace("store: sqlite:mail.db", f"store: {target}"), "utf-8")
    assert "all is well" in await _said(installed, "db", "check")
    await _said(installed, "audit", "verify")
    await asyncio.to_thread(installed.start)
    (waiting,) = await asyncio.to_thread(rows, installed)
    assert waiting["queue_id"] == queue_id
    await asyncio.to_thread(installed.command, "queue", "send", queue_id)
    await sink.wait_for(lambda caught: caught.recipients == ("kim@client.example",))


async def _said(installed: Installed, *verb: str) -> str:
    """On stderr; the verb ends well."""
    done = await asyncio.create_subprocess_exec(
        COMMAND, "--config", installed.config, *verb, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, said = await done.communicate()
    assert done.returncode == 0, said
    return said.decode()
