"""What is remembered of who writes to whom, changed from the command line: by the running service, or without one."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from mailguard.admin import client
from mailguard.admin.history import past_json
from mailguard.cli.common import Exit, say
from mailguard.cli.service import asking
from mailguard.clock import SystemClock
from mailguard.config import Config
from mailguard.records import Actor, PastMail, Reached
from mailguard.store.base import Store
from mailguard.store.places import place
from mailguard.store.verbs.questions import Questions

_AT_ONCE = 25  # mails in one transaction of a running service: mail that comes in meanwhile does not wait for more
_PATIENCE = 300.0  # seconds
_LONGEST = 512 << 10  # octets of a line, of the MAX_LINE that the service reads


class Known(Protocol):
    """`look` asks, the rest changes."""

    look: Questions

    async def learn(self, mails: Sequence[PastMail], reached: Reached | None = None) -> int:
        """How many were new."""
        ...

    async def forget(self, person: str) -> None: ...


@asynccontextmanager
async def memory(config: Config) -> AsyncIterator[Known]:
    """Through the service if it answers at its admin socket, else the store itself; ConfigError if it is in use."""
    where = place(config.store_url, config.encryption)
    try:
        await asyncio.to_thread(client.ask, config.socket_path, "history_learn", mails=[])
    except client.Unreachable:
        store = where.store(_broken)
        await store.open()
        try:
            yield _Own(store)
        finally:
            await store.close()
        return
    except client.Refused as error:
        say(f"error: {error}")
        sys.exit(Exit.FAILED)
    async with where.onlooker() as look:
        yield _Service(config.socket_path, look)


class _Own:
    def __init__(self, store: Any) -> None:
        self.look: Questions = store
        self._store: Store = store

    async def learn(self, mails: Sequence[PastMail], reached: Reached | None = None) -> int:
        return await self._store.learn_past(mails, reached)

    async def forget(self, person: str) -> None:
        await self._store.forget_habits(person, by=Actor(f"uid={os.getuid()}", "cli"), now=SystemClock().now())


class _Service:
    def __init__(self, socket: Path, look: Questions) -> None:
        self.look, self._socket = look, socket

    async def learn(self, mails: Sequence[PastMail], reached: Reached | None = None) -> int:
        new, pieces = 0, list(_pieces([past_json(one) for one in mails]))
        for some in pieces[:-1]:
            new += (await self._ask("history_learn", mails=some))["new"]
        where = {"name": reached.name, "value": dict(reached.value)} if reached else None
        return int(new + (await self._ask("history_learn", mails=pieces[-1], reached=where))["new"])

    async def forget(self, person: str) -> None:
        await self._ask("history_forget", person=person)

    async def _ask(self, verb: str, **arguments: object) -> Any:
        with asking():
            return await asyncio.to_thread(lambda: client.ask(self._socket, verb, timeout=_PATIENCE, **arguments))


def _pieces(mails: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """At least one, each short enough for a line of the admin socket."""
    some, size = list[dict[str, Any]](), 0
    for one in mails:
        length = len(json.dumps(one))
        if some and (len(some) == _AT_ONCE or size + length > _LONGEST):
            yield some
            some, size = [], 0
        some.append(one)
        size += length
    yield some


def _broken(error: BaseException) -> None:
    say(f"error: the store cannot be trusted any more: {error}")
