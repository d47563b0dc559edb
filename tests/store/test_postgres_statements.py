"""PostgreSQL: every statement is used, and means something to the server."""

from pathlib import Path

import asyncpg
import pytest

import mailguard.store.postgres
import mailguard.store.verbs
from mailguard.store.inventory import PERSONAL
from mailguard.store.postgres import PostgresStore
from mailguard.store.postgres.connection import SQL, compiled
from mailguard.store.statements import migrations
from tests.postgres import Postgres
from tests.store.test_sqlite_statements import named_in

_GAPS = {"search", "find", "count_of", "piece", "texts_of", "forget_row", "forget_part", "go_on_from"}
# what has gaps, or fills one, is tested by what uses it


def test_every_statement_is_used() -> None:
    used = named_in(Path(mailguard.store.postgres.__file__).parent) | named_in(
        Path(mailguard.store.verbs.__file__).parent
    )
    assert set(SQL) == used | set(PERSONAL.values())


def test_each_migration_has_a_number_of_its_own() -> None:
    assert [number for number, _ in migrations("postgres")] == list(range(1, len(migrations("postgres")) + 1))


async def test_the_server_understands_every_statement(postgres: Postgres) -> None:
    url = postgres.fresh()
    store = PostgresStore(url)
    await store.open()
    await store.close()
    db = await asyncpg.connect(url)
    refused = {}
    for name, text in SQL.items():
        if not name.startswith(("find_", "search_")) and name not in _GAPS:
            try:
                await db.prepare(compiled(text)[0])
            except asyncpg.PostgresError as error:
                refused[name] = str(error)
    await db.close()
    assert refused == {}


@pytest.mark.parametrize("text", ["a ' b", "x\0y", "\\u0000", "żółć \U0001f600"])
async def test_a_text_of_any_characters_can_be_kept(postgres: Postgres, text: str) -> None:
    store = PostgresStore(postgres.fresh())
    await store.open()
    found = await store._look(lambda db: db.run("recall", (text,)).fetchall())
    await store.close()
    assert found == []
