"""Up from the schema before the last one, with what was in it; and what an older version says of a newer store."""

import re
import sqlite3
from pathlib import Path

import mailguard
from tests.installed import Installed

MIGRATIONS = sorted((Path(mailguard.__file__).parent / "store" / "sql" / "sqlite" / "migrations").glob("*.sql"))


def older(bare: Installed) -> int:
    """A store as the last but one schema left it; its number."""
    bare.command("db", "migrate")
    with sqlite3.connect(bare.folder / "mail.db") as db:
        application = db.execute("PRAGMA application_id").fetchone()[0]
    db.close()
    (bare.folder / "mail.db").unlink()
    with sqlite3.connect(bare.folder / "mail.db") as db:
        for path in MIGRATIONS[:-1]:
            db.executescript(path.read_text("utf-8"))
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    db.close()
    return len(MIGRATIONS) - 1


def test_serve_brings_the_last_schema_up_and_an_older_version_refuses_a_newer_one(bare: Installed) -> None:
    before = older(bare)
    bare.start()
    try:
        assert re.search(r'"event": ?"service.ready"', bare.log)
    finally:
        bare.end()
    with sqlite3.connect(bare.folder / "mail.db") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == before + 1
        db.execute(f"PRAGMA user_version = {before + 2}")  # as the next version would leave it
    db.close()
    kept = (bare.folder / "mail.db").read_bytes()
    bare.launch()
    assert bare.process is not None
    assert bare.process.wait(60) == 78
    assert "was written by a newer mailguard" in bare.log
    assert "a copy made before the upgrade" in bare.log
    assert (bare.folder / "mail.db").read_bytes() == kept
