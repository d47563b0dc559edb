"""A PostgreSQL database, as `store.places` has it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from mailguard.errors import ConfigError, StoreBroken, TemporaryFailure
from mailguard.records import Span
from mailguard.store.database import Database
from mailguard.store.postgres import failures, server
from mailguard.store.postgres.bridge import plainly
from mailguard.store.postgres.connection import Connection
from mailguard.store.postgres.lanes import drop
from mailguard.store.postgres.lookers import Lookers
from mailguard.store.postgres.store import PostgresStore
from mailguard.store.sealing import Keyring
from mailguard.store.statements import migrations
from mailguard.store.verbs import bodies, chain
from mailguard.store.verbs.check import Progress, findings
from mailguard.store.verbs.questions import Questions

T = TypeVar("T")
_NODE = "mailguard (looking)"


class PostgresPlace:
    """As `places.Place`."""

    def __init__(self, url: str, keys: Keyring) -> None:
        self.url, self._keys = url, keys

    @property
    def name(self) -> str:
        return server.shown(self.url)

    def store(self, on_broken: Callable[[BaseException], None]) -> PostgresStore:
        return PostgresStore(self.url, on_broken=on_broken, keys=self._keys)

    def onlooker(self) -> AbstractAsyncContextManager[Questions]:
        return _onlooker(self.url, self._keys)

    def audit(self) -> "Audit":
        return Audit(self.url)

    def check(self, progress: Progress) -> Iterator[str]:
        with _snapshot(self.url) as (runner, db):
            db.keys = self._keys
            yield from runner.run(plainly(lambda: list(findings(db, progress))))

    def migrate(self) -> tuple[int, int]:
        async def run() -> tuple[int, int]:
            db = await server.first(self.url, _NODE)
            try:
                return await server.migrate(db, self.url)
            except failures.ERRORS as error:
                raise server.refusal(self.url, error) from error
            finally:
                await drop(db)

        return asyncio.run(run())

    def backup(self, target: Path, _progress: Progress, *, renew: bool = False) -> NoReturn:  # noqa: ARG002
        raise ConfigError(
            f"{self.name} is copied with PostgreSQL's own tools, {target} was not written: pg_dump, or "
            "pg_basebackup and an archive of its log"
        )


class Audit:
    """As `places.Audit`, of one state of the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.given = 0

    def spans(self) -> Iterator[Span]:
        """Raises ConfigError when the database can't be read."""
        with _snapshot(self.url) as (runner, db):
            self.given = int(runner.run(plainly(lambda: db.run("events_given").fetchall()))[0][0])
            one = runner.run(plainly(partial(chain.span, db, 0)))
            while one.seal or one.records:
                yield one
                one = runner.run(plainly(partial(chain.span, db, *chain.after(one))))


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[asyncio.Runner, Connection]]:
    """A connection on one state of the database, for as long as whoever reads it takes."""
    with asyncio.Runner() as runner:
        try:
            db = runner.run(_known(url))
            runner.run(db.raw.execute("SET idle_in_transaction_session_timeout = 0"))
            runner.run(db.raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            try:
                yield runner, db
            finally:
                runner.run(drop(db))
        except failures.ERRORS as error:
            raise server.refusal(url, error) from error


async def _known(url: str) -> Connection:
    """A first connection to a store of this version's schema."""
    db = await server.first(url, _NODE)
    there, known = await server.schema(db), migrations("postgres")[-1][0]
    if there != known:
        await drop(db)
        what = f"has schema {there}, this mailguard reads {known}" if there else "has no store in it"
        raise ConfigError(f"{server.shown(url)} {what}: `mailguard db migrate`")
    try:
        await server.refuse_half(db, url)
    except ConfigError:
        await drop(db)
        raise
    return db


class _Onlooker(Questions):
    def __init__(self, url: str, keys: Keyring) -> None:
        self._url = url
        self.lookers = Lookers(partial(server.connect, url, _NODE, keys=keys))

    async def _look(self, look: Callable[[Database], T]) -> T:
        try:
            return await self.lookers.run(look)
        except (TemporaryFailure, StoreBroken) as error:
            raise ConfigError(f"{server.shown(self._url)}: {error.__cause__ or error}") from error


@asynccontextmanager
async def _onlooker(url: str, keys: Keyring) -> AsyncIterator[Questions]:
    await drop(await _known(url))
    looking = _Onlooker(url, keys)
    try:
        await looking.lookers.run(bodies.refuse_unknown)
        yield looking
    finally:
        await looking.lookers.close()
