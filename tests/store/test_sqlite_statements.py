"""SQLite: every statement is named, described, used, and finds its rows by an index."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import mailguard.store.sqlite
import mailguard.store.verbs
from mailguard.store.inventory import PERSONAL
from mailguard.store.sqlite import SqliteStore, connection
from mailguard.store.sqlite.connection import SQL
from mailguard.store.statements import migrations, parse
from mailguard.store.verbs import claims, expiry, mails
from tests.store.making import LEASE, NOW, OK, mail

# What each second of a busy service asks; all others may look at more rows.
HOT: dict[str, Any] = {
    "due_destinations": (1,),
    "due_at_destination": ("a", 1),
    "overdue": (1,),
    "next_due": {"after": 1},
    "hold_due": {"now": 1},
    "expired_mails": {"now": 1},
    "to_remind": {"now": 1},
    "due_people": {"now": 1, "lease": 1, "latest": 1, "limit": 1},
    "due_mails": {"now": 1, "lease": 1, "latest": 1, "limit": 1},
    "bodies_to_purge": (1, 1),
    "mail_of_claim": ("Q",),
    "load": ("ann",),
    "written_to": {"sender": "s", "addresses": "[]", "limit": 1},
    "written_together": {"sender": "s", "addresses": "[]", "limit": 1},
    "thread_members": {"ids": "[]"},
    "thread_taken_off": {"ids": "[]", "addresses": "[]"},
    "thread_is_confidential": ("[]",),
    "thread_writer": ("a",),
    "thread_unanswered": {"parent": "a", "sender": "s", "addresses": "[]"},
    "heard": ("[]",),
    "waiting": {"sender": "s", "addresses": "[]", "limit": 1},
    "mails": {"mails": "[]"},
    "deliveries_of": {"mails": "[]"},
    "holds_of": {"mails": "[]"},
    "earlier": (1, "s", 1),
    "line_up": (1,),
    "let_follow": {"mail": 1, "now": 1},
}


def named_in(folder: Path) -> set[str]:
    """The statements that the modules of a folder run."""
    code = "\n".join(path.read_text() for path in folder.glob("*.py"))
    return set(re.findall(r'(?:\.run\(|\.run_many\(|\.each\(|SQL\[|\.sql\[)\s*"(\w+)"', code)) | set(
        re.findall(r'"(\w+_notice|erase_\w+)"', code)
    )


def test_every_statement_is_used() -> None:
    used = named_in(Path(mailguard.store.sqlite.__file__).parent) | named_in(
        Path(mailguard.store.verbs.__file__).parent
    )
    assert set(SQL) == used | set(PERSONAL.values())


def test_a_statement_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="description"):
        parse("-- name: bare\nSELECT 1;\n")
    with pytest.raises(ValueError, match="name of another"):
        parse("-- name: a\n-- x\nSELECT 1;\n-- name: a\n-- y\nSELECT 2;\n")


def test_a_mail_without_anything_special_is_not_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement costs, and is a handover of the interpreter: one more here is one more for every mail."""
    db = connection.connect_writer(tmp_path / "mail.db")
    asked: list[str] = []
    run = connection.Connection.run

    def spy(self: connection.Connection, name: str, *rest: Any) -> sqlite3.Cursor:
        asked.append(name)
        return run(self, name, *rest)

    monkeypatch.setattr(connection.Connection, "run", spy)
    mails.put(db, mail(message_id="<1@corp.example>"), NOW)
    assert expiry.expire(db, NOW) == []
    (one,) = claims.claim(db, "w", NOW, LEASE, limit=10, per_destination=10, skip={})
    claims.settle(db, one, {one.deliveries[0].id: OK}, NOW, ())
    db.close()
    assert asked == [
        *("thread_known", "thread_start", "thread_see", "add_mail", "add_chunk", "add_envelope", "add_version"),
        *("add_event", "hold_due", "due_destinations", "next_fences", "due_of", "claim"),
        *("deliveries_of", "holds_of", "mails", "first_chunks"),
        *("mail_of_claim", "end", "add_event", "thread_wrote", "learnt", "learn_habit", "remembered_mail"),
    ]


@pytest.mark.parametrize("name", sorted(HOT))
async def test_the_hot_path_scans_no_table(tmp_path: Path, name: str) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    db = sqlite3.connect(tmp_path / "mail.db")
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {SQL[name]}", HOT[name])]
    db.close()
    await store.close()
    tables = {
        "mail",
        "delivery",
        "journal",
        "hold",
        "notice",
        "written",
        "m",
        "d",
        "h",
        "n",
        "w",
        "e",
        "v",
        "t",
        "p",
        "f",
        "o",
        "s",
        "a",
    }
    scans = [step for step in plan if (s := re.match(r"SCAN (\w+)", step)) and s[1] in tables and "INDEX" not in step]
    assert scans == []


@pytest.mark.parametrize("name", sorted(n for n, text in SQL.items() if re.search(r"\bmail = (:mail|\?)", text)))
async def test_what_is_about_one_mail_reads_only_that_mail(tmp_path: Path, name: str) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    db = sqlite3.connect(tmp_path / "mail.db")
    named = {"mail": 1, "now": 1, "due": 1, "until": 1, "scope": "[]", "reason": "", "by": "", "edits": "", "reply": ""}
    named |= {"rule": "", "since": 1, "fence": 1, "domain": "", "origin": b"", "sender": "", "version": 1, "lease": 1}
    named |= {"smtputf8": 0, "eightbit": 0}
    arguments: Any = (1,) * SQL[name].count("?") if "?" in SQL[name] else named
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {SQL[name]}", arguments)]
    db.close()
    await store.close()
    wide = (
        "delivery_due",
        "delivery_next",
        "delivery_lease",
        "hold_expiry",
        "hold_reminder",
        "notice_due",
        "notice_late",
        "journal_due",
    )
    assert [step for step in plan if any(index in step for index in wide)] == []


def test_each_migration_has_a_number_of_its_own() -> None:
    """A store that has seen one of two with the same number would never see the other."""
    for database in ("sqlite", "postgres"):
        numbers = [number for number, _ in migrations(database)]
        assert numbers == list(range(1, len(numbers) + 1))
