"""Finding mail by its words, with exact edges in time; forgetting the words with the mail; and pausing."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mailguard.records import Action, AttachmentInfo, Hit, HoldKind, Mode, NewMail, State, Verdict
from mailguard.store.base import Filter, Store
from mailguard.store.search import Search
from mailguard.store.sqlite import SqliteStore
from mailguard.store.statements import migrations
from tests.store.making import ADMIN, ANN, NOW, claim, hold, later, mail


async def found(store: Store, **asked: object) -> list[str]:
    return [one.queue_id for one in await store.search(Search(**asked))]  # type: ignore[arg-type]


def described(queue_id: str) -> NewMail:
    files = (AttachmentInfo("Offer 2026.pdf", "application/pdf", 9),)
    verdict = Verdict(Action.PASS, hits=(Hit("tone", Mode.AUDIT, Action.DELAY, "short"),))
    return mail(queue_id, subject="Umowa z ACME", verdict=verdict, attachments=files)


@pytest.mark.parametrize(
    "asked",
    [
        {"sender": "ann@corp.example"},
        {"sender": "ANN"},
        {"recipient": "bob@cli"},
        {"domain": "client.example"},
        {"subject": "acme umow"},
        {"subject": "umowa/z-ACME"},
        {"file": "offer pdf"},
        {"rule": "tone"},
        {"message_id": "<Q1@corp.example>"},
        {"state": State.QUEUED},
        {"waiting": True},
        {"since": NOW, "before": later(1)},
        {"subject": "umowa", "recipient": "bob", "waiting": True, "since": NOW},
    ],
    ids=str,
)
async def test_each_part_finds_what_it_names_and_nothing_else(store: Store, asked: dict[str, object]) -> None:
    await store.put(described("Q1"), NOW)
    await store.put(mail("Q2", to=["eve@other.test"], sender="joe@corp.example", holds=[hold()],
                         received_at=later(5)), later(5))  # fmt: skip
    await store.cancel("Q2", by=ANN, now=later(6))
    assert await found(store, **asked) == ["Q1"]


async def test_what_ended_is_found_by_how_it_ended(store: Store) -> None:
    await store.put(mail("Q1"), NOW)
    await store.put(mail("Q2"), NOW)
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await found(store, state=State.CANCELLED) == ["Q1"]
    assert await found(store, state=State.FAILED) == []
    assert await found(store, waiting=True) == ["Q2"]


async def test_a_file_is_found_by_what_it_is_whatever_became_of_its_mail(store: Store) -> None:
    plan, other = bytes(32), bytes(31) + b"x"
    await store.put(mail("Q1", files=(plan, other), subject="The plan"), NOW)
    await store.put(mail("Q2", files=(plan,), subject="Something else"), NOW)
    await store.put(mail("Q3", files=(other,), subject="The plan"), NOW)
    await store.cancel("Q2", by=ANN, now=NOW)
    assert await found(store, digest=plan) == ["Q2", "Q1"]
    assert await found(store, digest=plan, waiting=True) == ["Q1"]
    assert await found(store, digest=plan, state=State.CANCELLED) == ["Q2"]
    assert await found(store, digest=plan, subject="plan") == ["Q1"]
    assert await found(store, digest=plan, after="Q2") == ["Q1"]
    assert await found(store, digest=plan, limit=1) == ["Q2"]
    assert await found(store, digest=b"y" * 32) == []


async def test_pages_go_on_behind_the_last_mail_shown(store: Store) -> None:
    for number in range(5):
        await store.put(mail(f"Q{number}"), NOW)
    assert await found(store, limit=2) == ["Q4", "Q3"]
    assert await found(store, limit=2, after="Q3", sender="ann") == ["Q2", "Q1"]
    assert await found(store, after="Q0") == []
    assert await found(store, after="gone") == []


async def test_a_new_decision_changes_what_a_mail_is_found_by(store: Store) -> None:
    await store.put(mail("Q1", holds=[hold(kind=HoldKind.UNDECIDED)]), NOW)
    assert await found(store, rule="tone") == []
    await store.decide(described("Q1"), NOW)
    assert await found(store, rule="tone") == ["Q1"]
    assert await found(store, recipient="bob") == ["Q1"]


async def test_a_mail_is_found_by_what_held_it_after_it_came(store: Store) -> None:
    await store.put(mail("Q1", delay=5), NOW)
    await store.put(mail("Q2", delay=5), NOW)
    await store.stop("Q1", by=ANN, hold=hold("stopped", kind=HoldKind.STOPPED), now=NOW)
    assert await found(store, rule="stopped") == ["Q1"]
    assert [one.queue_id for one in await store.find(Filter(rule="stopped"))] == ["Q1"]


async def test_what_held_older_mail_is_looked_up_once_when_the_store_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    for rule in ("stopped", "tone"):  # the second is a hit, so a word already
        store = SqliteStore(path)
        await store.open()
        await store.put(described(rule), NOW)
        await store.stop(rule, by=ANN, hold=hold(rule, kind=HoldKind.STOPPED), now=NOW)
        await store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        before = re.search(r"CREATE VIEW findable.*?;", dict(migrations("sqlite"))[10], re.DOTALL)
        assert before
        db.execute("DROP VIEW findable")
        db.execute(before[0])
        db.execute("UPDATE word SET rules = ?", (b"tone".hex(),))
        db.executescript(dict(migrations("sqlite"))[15])
        db.commit()
    store = SqliteStore(path)
    await store.open()
    assert await found(store, rule="stopped") == ["stopped"]
    assert await found(store, rule="tone", subject="umowa") == ["tone", "stopped"]
    await store.close()


async def test_an_erased_persons_words_are_not_in_the_file_any_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    for number in range(3):
        await store.put(mail(f"Q{number}", subject="xylophone", sender="zoe@corp.example"), NOW)
        await store.cancel(f"Q{number}", by=ANN, now=NOW)
    await store.put(mail("Q9"), NOW)
    await store.erase("zoe@corp.example", by=ADMIN, now=NOW)
    assert await found(store, subject="xylophone") == []
    assert await found(store) == ["Q9"]
    await store.close()
    assert b"xylophon" not in (tmp_path / "mail.db").read_bytes()


async def test_a_pause_lets_nothing_leave_outlives_a_restart_and_people_are_told(
    store: Store, another: Callable[[], Store]
) -> None:
    await store.put(mail("Q1"), NOW)
    assert await store.pause("leak", by=ADMIN, now=NOW)
    assert not await store.pause("again", by=ADMIN, now=NOW)
    await store.close()
    again = another()
    await again.open()
    assert again.paused == "uid 0: leak"
    assert await claim(again, later(5)) == []
    assert await again.next_due() is not None  # notices and holds go on
    assert await again.resume(by=ADMIN, now=NOW)
    assert len(await claim(again, later(5))) == 1
    await again.close()
