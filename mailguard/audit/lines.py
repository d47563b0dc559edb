"""The audit as JSON Lines, which can be verified by themselves, and as CSV for people.

A line is a seal or a record; a seal's records follow it. A record outside the time that was asked for is there with
its number and digest only, so that the chain over the file is whole.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailguard.records import Event, Record, Seal, Span

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
HEADER = "id,at,event,queue_id,actor,data,digest\r\n"


class NotExported(ValueError):
    """The file is no export of an audit; the message names the line."""


class Window:
    """A piece of the audit by time: whole seals, with the records outside it withheld."""

    def __init__(self, since: datetime | None = None, until: datetime | None = None) -> None:
        self._since, self._until = since, until
        self._begun, self.over = since is None, False

    def cut(self, span: Span) -> Span | None:
        """What of the next span is in it; None: nothing. `over` when nothing more will be."""
        since, until = self._since, self._until
        self._begun = self._begun or span.seal is None or (since is not None and span.seal.at >= since)
        self.over = self.over or bool(
            until and span.records and all(record.event and record.event.at >= until for record in span.records)
        )
        if self.over or not self._begun:
            return None
        return replace(span, records=tuple(_withheld(record, since, until) for record in span.records))


def within(spans: Iterable[Span], since: datetime | None, until: datetime | None) -> Iterator[Span]:
    """The spans of this time, in one piece."""
    window = Window(since, until)
    for span in spans:
        if piece := window.cut(span):
            yield piece
        if window.over:
            return


def _withheld(record: Record, since: datetime | None, until: datetime | None) -> Record:
    event = record.event
    if event is None or ((since is None or event.at >= since) and (until is None or event.at < until)):
        return record
    return Record(record.id, None, record.digest, withheld=True)


def jsonl(spans: Iterable[Span]) -> Iterator[str]:
    """One JSON object a line."""
    for span in spans:
        if span.seal:
            yield _dump(_seal(span.seal, len(span.records)))
        for record in span.records:
            yield _dump(_record(record))


def table(spans: Iterable[Span]) -> Iterator[str]:
    """CSV, its head first."""
    yield HEADER
    yield from rows(spans)


def rows(spans: Iterable[Span]) -> Iterator[str]:
    """The records as CSV, with no cell that a spreadsheet would take for a formula."""
    for span in spans:
        for record in span.records:
            if event := record.event:
                said = json.dumps(dict(event.data), ensure_ascii=False)
                cells = (_iso(event.at), event.kind, event.queue_id, event.actor, said, record.digest.hex())
                yield _row((str(record.id), *map(_cell, cells)))


def read(lines: Iterable[str]) -> Iterator[Span]:
    """What `jsonl` wrote. Raises NotExported."""
    seal: Seal | None = None
    awaited, records = 0, list[Record]()
    for number, line in enumerate(lines, 1):
        one, more = _line(number, line)
        if isinstance(one, Record):
            records.append(one)
        else:
            _check_whole(seal, awaited)
            seal, awaited = one, more
        awaited -= isinstance(one, Record) and seal is not None
        if awaited == 0:
            yield Span(seal, tuple(records))
            seal, records = None, []
    _check_whole(seal, awaited)


def _check_whole(seal: Seal | None, awaited: int) -> None:
    if seal is not None:
        raise NotExported(f"{awaited} records of seal {seal.number} are missing")


def _line(number: int, line: str) -> tuple[Seal | Record, int]:
    """With a seal, how many records follow it."""
    try:
        said = json.loads(line)
        return (_read_seal(said), int(said["records"])) if said["type"] == "seal" else (_read_record(said), 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotExported(f"line {number} is no line of an exported audit") from error


def _seal(seal: Seal, records: int) -> dict[str, Any]:
    return {
        "type": "seal", "number": seal.number, "first": seal.first, "last": seal.last, "at": _iso(seal.at),
        "records": records, "previous": seal.previous.hex(), "root": seal.root.hex(), "head": seal.head.hex(),
    } | ({"forgotten": True} if seal.forgotten else {})  # fmt: skip


def _read_seal(said: dict[str, Any]) -> Seal:
    return Seal(
        int(said["number"]), int(said["first"]), int(said["last"]), _instant(said["at"]),
        bytes.fromhex(said["previous"]), bytes.fromhex(said["root"]), bytes.fromhex(said["head"]),
        bool(said.get("forgotten")),
    )  # fmt: skip


def _record(record: Record) -> dict[str, Any]:
    """`erased` and `withheld` stand instead of the words."""
    found: dict[str, Any] = {"type": "record", "id": record.id}
    if event := record.event:
        found |= {"at": _iso(event.at), "event": event.kind, "queue_id": event.queue_id, "actor": event.actor}
        found |= {"data": dict(event.data), "salt": record.salt.hex()}
    else:
        found["withheld" if record.withheld else "missing" if record.salt else "erased"] = True
    return found | {"digest": record.digest.hex()}


def _read_record(said: dict[str, Any]) -> Record:
    number, digest = int(said["id"]), bytes.fromhex(said["digest"])
    if "event" not in said:
        missing = b"?" if said.get("missing") else b""
        return Record(number, None, digest, missing, withheld=bool(said.get("withheld")))
    data = {str(name): str(value) for name, value in said["data"].items()}
    event = Event(_instant(said["at"]), said["event"], said["queue_id"], said["actor"], data)
    return Record(number, event, digest, bytes.fromhex(said["salt"]))


def _dump(said: dict[str, Any]) -> str:
    return json.dumps(said) + "\n"


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(text: str) -> str:
    """OWASP, CSV injection: an apostrophe before what would begin a formula; no control characters."""
    plain = "".join(c if c.isprintable() else "�" for c in text)
    return f"'{plain}" if text.lstrip().startswith(_FORMULA) else plain


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without its zone")
    return at.astimezone(UTC)
