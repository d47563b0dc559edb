"""The three hashes of the chain. docs/operating.md describes them for whoever wants to check them without mailguard."""

import hashlib
import json
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mailguard.records import Event

GENESIS = bytes(32)
"""What the first seal follows."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def digest(salt: bytes, number: int, event: Event) -> bytes:
    """SHA-256 of the salt and a JSON list: number, microseconds since 1970, kind, queue id, actor, data."""
    at = (event.at - _EPOCH) // timedelta(microseconds=1)
    said = [number, at, event.kind, event.queue_id, event.actor, dict(event.data)]
    return hashlib.sha256(salt + json.dumps(said, separators=(",", ":")).encode()).digest()


def root(leaves: Iterable[tuple[int, bytes]]) -> bytes:
    """SHA-256 of each record's number (8 bytes, big-endian) and digest, one after the other."""
    seen = hashlib.sha256()
    for number, leaf in leaves:
        seen.update(struct.pack(">Q", number) + leaf)
    return seen.digest()


def head(previous: bytes, number: int, first: int, last: int, at: datetime, root: bytes) -> bytes:
    """SHA-256 of the head before, the seal's number, first and last record, its time (8 bytes each) and its root."""
    when = (at - _EPOCH) // timedelta(microseconds=1)
    return hashlib.sha256(previous + struct.pack(">4Q", number, first, last, when) + root).digest()
