"""What hangs on the audit, after kill -9 of the installed command."""

import asyncio
import json
import signal

from mailguard.testing import eventually
from tests.e2e.test_command_line import send
from tests.hooked import SECRET, Listener, listening
from tests.installed import Installed


async def test_a_call_that_was_on_its_way_at_kill_9_is_made_again_with_its_number(installed: Installed) -> None:
    async with listening("hang", "200") as hook:
        told = {"webhooks": [{"url": hook.url, "events": ["held"], "secret": SECRET}]}
        config = installed.config.read_text("utf-8")
        installed.config.write_text(f"{config}\nwebhooks: {json.dumps(told['webhooks'])}\n", "utf-8")
        await asyncio.to_thread(installed.start)
        queue_id = await asyncio.to_thread(send, installed, "kim@client.example")
        await asyncio.to_thread(installed.command, "queue", "stop", queue_id)
        await _heard(hook, 1)
        await asyncio.to_thread(installed.end, signal.SIGKILL)
        await asyncio.to_thread(installed.start)
        await _heard(hook, 2)
        await asyncio.to_thread(installed.end)
    assert [one.said["queue_id"] for one in hook.heard] == [queue_id, queue_id]
    assert len({one.headers["mailguard-delivery"] for one in hook.heard}) == 1
    assert all(one.signed for one in hook.heard)


async def _heard(hook: Listener, count: int) -> None:
    await eventually(lambda: len(hook.heard) >= count, within=20)
