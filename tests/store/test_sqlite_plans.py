"""SQLite: what a list is asked for decides which index is walked; it is not put in order afterwards."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.records import State
from mailguard.store.base import Filter
from mailguard.store.search import Search
from mailguard.store.sqlite import connection
from mailguard.store.verbs import looking, search
from tests.store.making import NOW

WORDS, UNSENT, UNFINISHED = "word VIRTUAL TABLE INDEX", "delivery_unsent", "mail_unfinished"
HELD, OPEN = "delivery_held", "hold_open"  # what waits for people is little
NEWEST, ANSWERS = (
    "m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    "mail_by_answers (answers_key=? AND id>? AND id<?)",
)
FINDS: list[tuple[dict[str, Any], str]] = [
    ({}, NEWEST),
    ({"before": NOW}, NEWEST),
    ({"state": State.SENT}, NEWEST),
    ({"state": State.FAILED}, UNSENT),
    ({"state": State.HELD}, HELD),
    ({"waiting": True}, UNFINISHED),
    ({"waiting": True, "approval": True}, OPEN),
    ({"approver": "ann@corp.example"}, OPEN),
    ({"answers": "ann@corp.example"}, ANSWERS),
    ({"recipient": "bob@client.example"}, WORDS),
    ({"rule": "tone"}, WORDS),
    ({"sender": "ann@corp.example"}, WORDS),
    ({"sender": "ann@corp.example", "state": State.FAILED}, WORDS),
    ({"recipient": "bob@client.example", "answers": "ann@corp.example"}, WORDS),
    ({"recipient": "bob@client.example", "rule": "tone", "waiting": True, "before": NOW}, WORDS),
]
SEARCHES: list[tuple[dict[str, Any], str]] = [
    ({"since": NOW, "before": NOW}, NEWEST),
    ({"digest": b"x"}, "m USING INTEGER PRIMARY KEY"),
    ({"state": State.CANCELLED}, UNSENT),
    ({"waiting": True}, UNFINISHED),
    ({"sender": "ann", "recipient": "client", "subject": "offer", "rule": "tone", "state": State.FAILED}, WORDS),
    ({"digest": b"x", "subject": "offer", "since": NOW}, WORDS),
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[connection.Connection]:
    db = connection.connect_writer(tmp_path / "mail.db")
    yield db
    db.close()


def plan(db: connection.Connection, what: Filter | Search) -> tuple[list[str], list[str]]:
    """How SQLite finds the mails' numbers: its steps, and which of them are not about one mail at a time."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    looking.find(db, what) if isinstance(what, Filter) else search.search(db, what)
    db.set_trace_callback(None)
    (text,) = (one for one in asked if one.startswith("SELECT m.id FROM"))
    steps = db.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
    return [step["detail"] for step in steps], [step["detail"] for step in steps if step["parent"] == 0]


@pytest.mark.parametrize(
    ("what", "index"),
    [(Filter(**asked), index) for asked, index in FINDS] + [(Search(**asked), index) for asked, index in SEARCHES],
    ids=[f"{kind}-{' '.join(asked)}" for kind, some in (("find", FINDS), ("search", SEARCHES)) for asked, _ in some],
)
def test_a_list_walks_the_index_it_is_meant_to(db: connection.Connection, what: Filter | Search, index: str) -> None:
    steps, outer = plan(db, what)
    assert any(index in step for step in steps), steps
    assert [
        step
        for step in steps
        if re.match(rf"SCAN (?!word VIRTUAL|unsent|a VIRTUAL|\w USING INDEX ({HELD}|{OPEN}))", step)
    ] == []
    assert ("USE TEMP B-TREE FOR ORDER BY" in outer) == (index == UNSENT)  # which are few
