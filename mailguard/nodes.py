"""Several processes on one store: what one of them decides reaches all, and each says what it has live."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mailguard.clock import Clock
from mailguard.errors import ConfigError, TemporaryFailure
from mailguard.log import Log
from mailguard.records import Actor
from mailguard.store.base import Store
from mailguard.store.nodes import Node
from mailguard.tasks import Tasks, patiently

PATIENCE = (1.0, 5.0, 15.0, 60.0)  # seconds between tries while the store is busy
LOOK = 0.25  # seconds between two looks at whether all have followed
_NAME = "reload"

Refresh = Callable[[], Awaitable[object]]


class Nodes:
    """This process among the others. Alone, as on SQLite, it has nothing to do.

    `refresh`: what reads again what the store remembers. `reload` reads the files; ConfigError when they are wrong.
    `live`: hashes of what is in force here. `bereaved` is called when another is gone: its clients may come here.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        log: Log,
        refresh: Sequence[Refresh],
        reload: Callable[[str], Awaitable[object]],
        live: Callable[[], Mapping[str, str]],
        bereaved: Refresh,
    ) -> None:
        self._store, self._clock, self._log = store, clock, log
        self._refresh, self._reload, self._live, self._bereaved = refresh, reload, live, bereaved
        self._bereft = False  # one is gone, and that was not seen to yet
        self._news = asyncio.Event()
        self._followed = ""  # the last reload that we were asked for
        self._tasks = Tasks()
        store.watch(self._news.set, self._lose)

    async def start(self) -> None:
        """From now on this process follows the others."""
        self._followed, _ = await self._asked()
        await self.say()
        if await self._store.nodes():
            self._tasks.spawn(self._follow())

    async def stop(self) -> None:
        await self._tasks.end(0.0)

    async def say(self) -> None:
        """Let the others know what is live here."""
        await self._store.say({**self._live(), "reload": self._followed})

    async def tell(self, actor: str) -> None:
        """We have reloaded: all others are to read their files again, too."""
        if not await self._store.nodes():
            return
        self._followed = secrets.token_hex(8)
        value, by = {"id": self._followed, "by": actor}, Actor(actor, "reload")
        await self._store.remember(_NAME, value, event="reload.asked", by=by, now=self._clock.now())
        await self.say()

    async def followed(self, within: float) -> list[Node]:
        """Every process, as soon as all have done the last reload that was asked for, or after so many seconds."""
        end = self._clock.monotonic() + within
        while True:
            nodes = await self._store.nodes()
            behind = [node for node in nodes if node.about.get("reload") != self._followed]
            if not behind or self._clock.monotonic() >= end:
                return nodes
            await self._clock.sleep(LOOK)

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await patiently(self._catch_up, TemporaryFailure, PATIENCE, self._clock.sleep)
            except Exception as error:  # the next news brings this as well
                self._log.failure("nodes", error)

    async def _catch_up(self) -> None:
        if self._bereft:
            await self._bereaved()
            self._bereft = False
        for refresh in self._refresh:
            await refresh()
        asked, by = await self._asked()
        if asked == self._followed:
            return
        with contextlib.suppress(ConfigError):  # it is in the log, and in what we say
            await self._reload(by)
        self._followed = asked
        await self.say()

    def _lose(self) -> None:
        self._bereft = True
        self._news.set()

    async def _asked(self) -> tuple[str, str]:
        """(the last reload that anybody asked for, who)"""
        value = (await self._store.recall(_NAME)).get(_NAME, {})
        return value.get("id", ""), value.get("by", "")
