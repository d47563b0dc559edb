"""Which database a URL means, and whether mail would be safe there."""

import asyncio
import json
import ssl
from urllib.parse import parse_qs, urlsplit

import asyncpg

from mailguard import process
from mailguard.clock import SystemClock
from mailguard.errors import ConfigError
from mailguard.store.postgres import failures
from mailguard.store.postgres.bridge import plainly
from mailguard.store.postgres.connection import Connection
from mailguard.store.sealing import PLAIN, Keyring
from mailguard.store.statements import migrations

_OLDEST = 13  # major version
_CONNECT_SECONDS = 10.0
_STATEMENT_SECONDS = 120.0
# Nobody waits long for a lock that a stopped process has: the server ends its transaction, and those who wait try anew.
_SESSION = {
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
}
BEAT_SECONDS = 3.0  # between two signs of life; what another node paused is known after so long
SILENT = 15_000_000  # microseconds, five signs of life: after that a node is said to be gone; its leases stay
MOVING = "moving "  # begins the epoch of a database that a store is being moved into
_WEAK = ("off", "local")  # a COMMIT that returns before it is safe everywhere it should be


async def connect(url: str, node: str, *, callers_clock: bool = False, keys: Keyring = PLAIN) -> Connection:
    """A connection that may write, with COMMITs that are durable when they return."""
    query = parse_qs(urlsplit(url).query)
    raw = await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        command_timeout=_STATEMENT_SECONDS,
        statement_cache_size=0,  # we keep them ourselves
        server_settings=_SESSION | {"application_name": node},
        target_session_attrs=query.get("target_session_attrs", ["read-write"])[0],
    )
    try:
        if await raw.fetchval("SHOW synchronous_commit") in _WEAK:
            await raw.execute("SET synchronous_commit = on")
    except BaseException:
        raw.terminate()
        raise
    return Connection(raw, callers_clock=callers_clock, keys=keys)


async def first(url: str, node: str) -> Connection:
    """The first connection of all; ConfigError says what is wrong with the place."""
    try:
        db = await connect(url, node)
    except (*failures.ERRORS, ssl.SSLError, ValueError) as error:
        raise refusal(url, error) from error
    try:
        await _check(db, url)
    except BaseException:
        await db.raw.close()
        raise
    return db


async def _check(db: Connection, url: str) -> None:
    version = db.raw.get_server_version()
    if version.major < _OLDEST:
        raise ConfigError(
            f"{shown(url)} is PostgreSQL {version.major}.{version.minor}: mailguard needs {_OLDEST} or newer"
        )
    if (encoding := await db.raw.fetchval("SHOW server_encoding")) != "UTF8":
        raise ConfigError(
            f"{shown(url)} keeps text as {encoding}: create it by `createdb --encoding=UTF8 --template=template0`"
        )
    for name in ("fsync", "full_page_writes"):
        try:
            if await db.raw.fetchval(f"SHOW {name}") == "off":
                raise ConfigError(f"{shown(url)} runs with {name}=off: a power cut would lose mail; turn it on")
        except asyncpg.UndefinedObjectError:  # not PostgreSQL itself
            pass


def refusal(url: str, error: BaseException) -> ConfigError:
    """Why this database can't be used, and what to do."""
    where = shown(url)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return ConfigError(f"{where} does not exist: create it with `createdb --encoding=UTF8 --owner=USER NAME`")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return ConfigError(
            f"{where} refused the login ({error}): `?passfile=FILE` names a file with it "
            "(HOST:PORT:DB:USER:PASSWORD, mode 0600), else PGPASSFILE or ~/.pgpass does; "
            "pg_hba.conf of the server must let this user in"
        )
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched) or failures.state(error) == "25006":
        return ConfigError(
            f"{where} takes no writes (a standby?): name the primary, or all hosts: postgresql://USER@A,B/DB"
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return ConfigError(f"{where}: {error}; this user must own the database, or have CREATE on its schema")
    if isinstance(error, ssl.SSLError):
        return ConfigError(f"{where}: no TLS ({error}): `?sslmode=verify-full&sslrootcert=FILE` names who signed it")
    if isinstance(error, ValueError):
        return ConfigError(f"{where}: {error}")
    said = "no answer in time" if isinstance(error, TimeoutError | asyncio.TimeoutError) else str(error)
    return ConfigError(f"{where} can't be reached ({said}): is it running, and does `store:` name the right host?")


def shown(url: str) -> str:
    """Without a password, or anything else that is nobody's business."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


async def migrate(db: Connection, url: str) -> tuple[int, int]:
    """Make the schema, or bring it up to date: (schema before, schema now). Several may do this at once."""
    known = migrations("postgres")
    await _own(db, url)
    async with db.raw.transaction():
        there = await db.raw.fetchval("SELECT number FROM schema_version FOR UPDATE")
        if there > known[-1][0]:
            raise ConfigError(
                f"{shown(url)} was made by a newer mailguard (schema {there}, this one knows {known[-1][0]}): "
                "install that version again"
            )
        if there:
            await refuse_half(db, url)
        if 0 < there < known[-1][0]:
            await _refuse_company(db, url)
        for number, script in known:
            if number > there:
                await db.raw.execute(script)
        await db.raw.execute("UPDATE schema_version SET number = $1", known[-1][0])
    return int(there), known[-1][0]


async def _refuse_company(db: Connection, url: str) -> None:
    """Nodes at work know nothing of a newer schema."""
    rows = await plainly(lambda: db.run("nodes", (SILENT,)).fetchall())
    at_work = [row["id"] for row in rows if not ended(row["about"])]
    if at_work:
        raise ConfigError(
            f"{shown(url)} is to be brought up to date, but an earlier version is at work on it "
            f"({', '.join(at_work)}): stop it first (one that was killed counts for {SILENT // 1_000_000} s)"
        )


def ended(about: str) -> bool:
    """Whether the process of a node that says this about itself has surely ended: nobody waits for its lease."""
    return process.is_gone(json.loads(about).get("process", ""))


async def refuse_half(db: Connection, url: str) -> None:
    """A database that has a part of a store, which goes on elsewhere."""
    if str(await db.raw.fetchval("SELECT id FROM epoch") or "").startswith(MOVING):
        raise ConfigError(
            f"{shown(url)} has a copy of a store that was not finished, or was taken back: "
            "`mailguard db copy` again goes on with it"
        )


async def schema(db: Connection) -> int:
    """The number of the last migration; 0 when there is none of ours."""
    try:
        return int(await db.raw.fetchval("SELECT number FROM schema_version") or 0)
    except asyncpg.UndefinedTableError:
        return 0


# another node makes the same table just now; its row type may be there before it
_AT_ONCE = asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError


async def _own(db: Connection, url: str) -> None:
    for _ in range(5):
        try:
            tables = await db.raw.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            names = {row[0] for row in tables}
            if names and "schema_version" not in names:
                raise ConfigError(
                    f"{shown(url)} has tables of another program ({', '.join(sorted(names)[:3])}): create a database "
                    "of mailguard's own"
                )
            await db.raw.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (id int PRIMARY KEY CHECK (id = 1), number bigint NOT NULL)"
            )
            await db.raw.execute("INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING")
        except _AT_ONCE:
            await SystemClock().sleep(0.1)
        else:
            return


async def identity(db: Connection) -> str:
    """What no copy has: which installation, which of its databases, which schema. '' when it can't be asked."""
    try:
        row = await db.raw.fetchrow(
            "SELECT (SELECT system_identifier FROM pg_control_system()), oid, current_schema() FROM pg_database "
            "WHERE datname = current_database()"
        )
    except asyncpg.PostgresError:
        return ""
    return json.dumps([str(part) for part in row]) if row else ""
