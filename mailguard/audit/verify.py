"""Walking the chain: what is broken or missing, record by record, with no more in memory than one range."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from mailguard.audit.chain import GENESIS, digest, head, root
from mailguard.audit.numbers import Numbers
from mailguard.records import Record, Seal, Span

ERASED, BEGUN = "audit.erased", "audit.begun"
"""Events of the chain itself: which numbers were erased; before which number there was no chain."""


class Walk:
    """Give it every span in order (`see`), then ask for the `end`; both yield findings, nothing when all is well.

    `heads`: what was written down elsewhere (the log's audit.sealed): seal number → head. `whole`: a store, which has
    to begin at the first seal; a file may begin with any.
    """

    def __init__(self, heads: Mapping[int, bytes] | None = None, *, whole: bool = True) -> None:
        self._heads = dict(heads or {})
        self._whole = whole
        self._last: Seal | None = None
        self._ids = 0  # the last number seen
        self._begun = 0
        self._erased, self._declared, self._gaps = Numbers(), Numbers(), Numbers()
        self.checked = self.erased = self.withheld = self.unsealed = 0
        self.forgotten: Seal | None = None

    @property
    def head(self) -> Seal | None:
        """The last seal there is."""
        return self._last

    def see(self, span: Span) -> Iterator[str]:
        """What is wrong with this span."""
        if span.seal is None:
            yield from self._tail(span)
            return
        yield from self._seal(span.seal)
        if not span.seal.forgotten:
            if root((r.id, r.digest) for r in span.records if r.digest) != span.seal.root:
                yield f"seal {span.seal.number}: the list of its records is not the one that was sealed"
            yield from self._records(span.seal, span.records)
            self._count_gaps(span.seal.last)
        self._last, self._ids = span.seal, span.seal.last

    def end(self, given: int | None = None) -> Iterator[str]:
        """What can be told only at the end. `given`: the last number that was ever given to a record, if known."""
        if given is not None and given != self._ids:
            yield f"the last records are missing: {given:,} were written, the last that is here is {self._ids:,}"
        if self._whole:  # what explains it may stand outside of an export
            for first, last in self._erased.without(self._declared):
                yield f"{_named(first, last)} erased, and no record says by whom"
            for first, last in self._gaps:
                if last > self._begun:
                    gap = _named(max(first, self._begun + 1), last, "was")
                    yield f"{gap} not there any more when its range was sealed"
        for number, expected in self._heads.items():
            yield f"seal {number} ({expected.hex()[:16]}…) was logged, and is not here: the end was cut off"

    def _seal(self, seal: Seal) -> Iterator[str]:
        last = self._last
        if last is None and self._whole and (seal.number, seal.previous) != (1, GENESIS):
            yield f"the chain begins with seal {seal.number}: those before it are missing"
        if last is not None and seal.number != last.number + 1:
            yield f"after seal {last.number} comes seal {seal.number}"
        if last is not None and (seal.previous != last.head or seal.first != last.last + 1):
            yield f"seal {seal.number} does not follow the one before it"
        if head(seal.previous, seal.number, seal.first, seal.last, seal.at, seal.root) != seal.head:
            yield f"seal {seal.number} was changed: its hash does not fit"
        if self._heads.pop(seal.number, seal.head) != seal.head:
            yield f"seal {seal.number} is not the one that was logged: the chain was made anew"
        if seal.forgotten:
            if last is not None and not last.forgotten:
                yield f"the records of seal {seal.number} are gone, but older ones are here"
            self.forgotten = seal
        if last is None:
            self._ids = seal.first - 1

    def _records(self, seal: Seal, records: tuple[Record, ...]) -> Iterator[str]:
        for record in records:
            if not seal.first <= record.id <= seal.last or record.id <= self._ids:
                yield f"record {record.id} stands in seal {seal.number}, where it does not belong"
            elif record.id > self._ids + 1:
                self._gaps.add(self._ids + 1, record.id - 1)
            self._ids = max(self._ids, record.id)
            yield from self._record(record)

    def _record(self, record: Record) -> Iterator[str]:
        event = record.event
        if event is None:
            if record.withheld:
                self.withheld += 1
            elif record.salt:
                yield f"record {record.id} is missing"
            else:
                self.erased += 1
                self._erased.add(record.id, record.id)
        elif not record.digest:
            yield f"record {record.id} was put in after its range was sealed"
        elif digest(record.salt, record.id, event) != record.digest:
            yield f"record {record.id} was changed: it is not what was sealed ({event.kind}, {_at(event.at)})"
        else:
            self.checked += 1
            yield from self._own(record.id, event.kind, event.data)

    def _own(self, number: int, kind: str, data: Mapping[str, str]) -> Iterator[str]:
        """What the chain says of itself."""
        if kind == BEGUN:
            self._begun = number
        elif kind == ERASED:
            try:
                for first, last in Numbers.parse(data.get("numbers", "")):
                    self._declared.add(first, last)
            except ValueError as error:
                yield f"record {number} can't be read: {error}"

    def _tail(self, span: Span) -> Iterator[str]:
        for record in span.records:
            if record.id <= self._ids:
                yield f"record {record.id} stands after record {self._ids}"
            elif record.id > self._ids + 1 and (self._last is not None or self._ids):
                yield f"{_named(self._ids + 1, record.id - 1)} missing, and not sealed yet"
            self._ids = max(self._ids, record.id)
            self.unsealed += 1
            if record.event:
                yield from self._own(record.id, record.event.kind, record.event.data)

    def _count_gaps(self, last: int) -> None:
        if last > self._ids:
            self._gaps.add(self._ids + 1, last)


def _named(first: int, last: int, verb: str = "is") -> str:
    many = {"is": "are", "was": "were"}
    return f"record {first} {verb}" if first == last else f"records {first} to {last} {many[verb]}"


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
