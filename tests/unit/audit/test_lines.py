"""Exported, read back and walked: as if it were the store."""

import csv
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from mailguard.audit import GENESIS, Walk, chain, lines
from mailguard.records import Event, Record, Seal, Span
from mailguard.testing import MONDAY


def chained(events: Sequence[Event], each: int = 2) -> list[Span]:
    """These events, sealed `each` at a time, an hour after the last of them."""
    spans, previous, salt = list[Span](), GENESIS, b"s" * 16
    for number, start in enumerate(range(0, len(events), each), 1):
        some = events[start : start + each]
        records = tuple(Record(start + i, e, chain.digest(salt, start + i, e), salt) for i, e in enumerate(some, 1))
        root = chain.root((r.id, r.digest) for r in records)
        first, last, at = start + 1, start + len(some), some[-1].at + timedelta(hours=1)
        head = chain.head(previous, number, first, last, at, root)
        spans.append(Span(Seal(number, first, last, at, previous, root, head), records))
        previous = head
    return spans


def event(day: int, **data: str) -> Event:
    return Event(MONDAY + timedelta(days=day), "message.cancelled", f"Q{day}", "ann@corp.example (link)", data)


def walked(spans: Sequence[Span], *, whole: bool = True, **more: object) -> list[str]:
    walk = Walk(whole=whole, **more)  # type: ignore[arg-type]
    return [finding for span in spans for finding in walk.see(span)] + list(walk.end())


EVENTS = [event(day, reason="wrong “person”", n=str(day)) for day in range(6)]


def test_an_export_is_read_back_as_it_was() -> None:
    spans = [*chained(EVENTS), Span(None, (Record(7, event(7)),))]
    assert list(lines.read(lines.jsonl(spans))) == spans
    assert walked(spans) == []


def test_a_window_withholds_words_and_keeps_the_chain() -> None:
    def day(number: int) -> datetime:
        return MONDAY + timedelta(days=number)

    found = list(lines.read(lines.jsonl(lines.within(chained(EVENTS), day(3), day(4)))))
    assert [r.event.queue_id for span in found for r in span.records if r.event] == ["Q3"]
    assert walked(found, whole=False) == []
    assert "Q2" not in "".join(lines.jsonl(found))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("Q3", "Q9"), "record 4 was changed"),
        (("wrong", "right"), "record 1 was changed"),
        (('"number": 2', '"number": 3'), "after seal 1 comes seal 3"),
    ],
)
def test_what_is_changed_in_a_file_is_named(change: tuple[str, str], says: str) -> None:
    text = "".join(lines.jsonl(chained(EVENTS))).replace(*change)
    assert says in walked(list(lines.read(text.splitlines())))[0]


def test_a_record_taken_out_of_a_file_is_named() -> None:
    text = list(lines.jsonl(chained(EVENTS)))
    with pytest.raises(lines.NotExported, match="records of seal 1 are missing"):
        list(lines.read(text[:2] + text[3:]))
    with pytest.raises(lines.NotExported, match="1 records of seal 3 are missing"):
        list(lines.read(text[:-1]))


@pytest.mark.parametrize(
    "line", ["", "7", "{}", '{"type": "record"}', "[" * 100_000, '{"type": "seal", "number": "x"}']
)
def test_what_is_no_export_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(lines.NotExported, match="line 1 is no line of an exported audit"):
        list(lines.read([line]))


def test_a_chain_made_anew_does_not_fit_the_head_that_was_logged() -> None:
    real, forged = chained(EVENTS), chained([event(9), *EVENTS[1:]])
    assert real[1].seal
    heads = {2: real[1].seal.head}
    assert walked(real, heads=heads) == []
    assert walked(forged, heads=heads) == ["seal 2 is not the one that was logged: the chain was made anew"]
    assert "the end was cut off" in walked(real[:1], heads=heads)[0]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "|x"])
def test_no_cell_is_a_formula(start: str) -> None:
    spans = [Span(None, (Record(1, Event(MONDAY, "x.y", "Q1", start, {"a": 'say "hi"\x1b'})),))]
    (header, row) = list(csv.reader(list(lines.table(spans))))
    assert header[:3] == ["id", "at", "event"]
    assert row[4].startswith("'")
    assert json.loads(row[5]) == {"a": 'say "hi"\x1b'}
