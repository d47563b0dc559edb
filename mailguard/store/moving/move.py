"""A live store moves: copied while the service runs, again and again, and a last time while nothing has it.

Every pass is the same: whatever differs in the target is made to be as in the source. So a pass that was broken off is
simply begun again, the last one proves that nothing differs, and it takes as long as reading both.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailguard.clock import Clock
from mailguard.errors import ConfigError
from mailguard.store.moving.pieces import Piece, Sum
from mailguard.store.postgres.server import shown
from mailguard.store.postgres.target import Target, target
from mailguard.store.sqlite.source import Source, State

_LOOK_SECONDS = 0.2  # whether the service has stopped
_LOOKS = 150  # between two passes


@dataclass(frozen=True, slots=True)
class Copied:
    """What a pass found: of each table its name, its rows, and the checksum that both agree on."""

    tables: tuple[tuple[str, int, str], ...]
    changed: int
    seconds: float


class Watch(Protocol):
    """Who hears how it goes."""

    def copying(self) -> AbstractContextManager[Callable[[int, int], None]]:
        """Around a pass: (done, of) rows."""
        ...

    def in_step(self, copied: Copied) -> None:
        """All is there but what the service does meanwhile: now it may be stopped."""
        ...


async def move(path: Path, url: str, watch: Watch, clock: Clock, *, wait: bool = True) -> Copied | None:
    """ConfigError says why not. Without `wait`, None when a service still runs on the source: it goes on there."""
    source = Source(path)
    async with target(url) as there:
        gone = source.moved
        if gone and (gone.to != there.name or not await there.has_half()):
            raise ConfigError(f"{path} was moved to {gone.to} already")
        await there.begin(source.name)
        with contextlib.ExitStack() as held:
            while not _take(source, held):
                copied = await _pass(source, there, watch)
                if not wait:
                    return None
                watch.in_step(copied)
                await _until_free(source, clock)
            doubt = gone.doubt if gone else source.begin_moving(there.name, clock.now())
            copied = await _pass(source, there, watch, last=True)
            source.mark_moved()
            # failpoint: store.moved
            await there.finish(doubt)
    return copied


def _take(source: Source, held: contextlib.ExitStack) -> bool:
    try:
        held.enter_context(source.taken())
    except ConfigError:
        return False
    return True


async def _until_free(source: Source, clock: Clock) -> None:
    for _ in range(_LOOKS):
        with contextlib.ExitStack() as tried:
            if _take(source, tried):
                return
        await clock.sleep(_LOOK_SECONDS)


async def _pass(source: Source, there: Target, watch: Watch, *, last: bool = False) -> Copied:
    began = time.perf_counter()
    with source.state() as state, watch.copying() as progress:
        copied = await _tables(state, there, progress)
        await there.index()
        if last:
            await there.go_on(state.numbers, state.fence)
            for name, rows, _ in copied.tables:
                if (found := await there.count(name)) != rows:
                    raise ConfigError(f"{name} in {there.name} has {found} rows instead of {rows}: nothing was moved")
    return Copied(copied.tables, copied.changed, time.perf_counter() - began)


async def _tables(state: State, there: Target, progress: Callable[[int, int], None]) -> Copied:
    total, done, changed, sums = state.count(), 0, 0, []
    for columns in state.columns:
        found = Sum()
        async for piece in _ahead(state, state.pieces(columns)):
            changed += await there.settle(piece, state.rows)
            # failpoint: store.moving
            found.add(piece)
            done += len(piece.texts)
            progress(done, total)
        sums.append((columns.table.name, found.rows, found.checksum))
    return Copied(tuple(sums), changed, 0.0)


async def _ahead(state: State, pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """The next one is read while the target has this one."""

    def read() -> Piece | None:
        with state.lock:
            return next(pieces, None)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while (piece := await reading) is not None:
            reading = asyncio.create_task(asyncio.to_thread(read))
            yield piece
    finally:
        await asyncio.gather(reading, return_exceptions=True)


async def take_back(path: Path, url: str, clock: Clock) -> str:
    """A service may start on the file again. Why nothing leaves from it then, '' when it goes on as before."""
    source = Source(path)
    if (gone := source.moved) is None:
        raise ConfigError(f"{path} was not moved: a service may start on it")
    with source.taken():
        why = await _closed(source, gone.to, url)
        source.take_back(why, clock.now())
    return why


async def _closed(source: Source, to: str, url: str) -> str:
    """Raises ConfigError while a service runs there."""
    if (name := shown(url)) != to:
        raise ConfigError(f"{source.path} was moved to {to}, not to {name}")
    async with contextlib.AsyncExitStack() as held:
        try:
            there = await held.enter_async_context(target(url))
        except ConfigError as error:
            return f"this store was taken back while {name} could not be asked ({error})"
        with source.state() as state:
            untouched = await there.close_again(source.name, state.numbers, state.fence)
    return "" if untouched else f"this store was taken back from {name}, which has worked since"
