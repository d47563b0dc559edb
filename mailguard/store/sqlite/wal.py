"""Is the write-ahead log whole? SQLite itself stops at its first bad frame, in silence, and writes over the rest.

A crash leaves a bad end: the last commit, which nobody was told of. But no commit begins before the one before it was
synced; so a commit followed by a frame that goes on from it was acknowledged, and if something before it is bad, that
was damaged later: mail would be lost. The format: https://www.sqlite.org/fileformat2.html#walformat
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_HEAD, _FRAME_HEAD = 32, 24
_MAGIC = (0x377F0682, 0x377F0683)  # checksums over little-endian words, over big-endian ones
_MASK = 0xFFFFFFFF

_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    commit: bool
    follows: bool  # its checksum goes on from the one that stands in the frame before
    follows_all: bool  # from the log's beginning: SQLite would use it


def damage(database: Path) -> str:
    """What is wrong with the log beside this database, in a few words; "" when it is as a crash may leave it."""
    log = database.with_name(database.name + "-wal")
    raw = log.read_bytes() if log.exists() else b""
    if len(raw) <= _HEAD + _FRAME_HEAD + 512:  # no whole frame of even the smallest page
        return ""
    if database.stat().st_size == 0:
        return "it has mail in it, but the database is gone"
    magic, _, page, *_, one, two = struct.unpack_from(">8I", raw)
    if magic not in _MAGIC or _sum(raw[:24], (0, 0), big=bool(magic & 1)) != (one, two):
        return "its head is damaged"
    return _broken(list(_frames(raw, page, big=bool(magic & 1))))


def _broken(frames: list[_Frame]) -> str:
    for number, (frame, after) in enumerate(pairwise(frames)):
        if frame.commit and after.follows and not frame.follows_all:
            good = next(i for i, one in enumerate(frames) if not one.follows_all)
            return (
                f"frame {good + 1} of {len(frames)} is damaged, and a commit after it ({number + 1}) was acknowledged"
            )
    return ""


def _frames(raw: bytes, page: int, *, big: bool) -> Iterator[_Frame]:
    salts = raw[16:24]
    stored: _Sum = struct.unpack_from(">2I", raw, 24)
    whole = True
    for at in range(_HEAD, len(raw) - _FRAME_HEAD - page + 1, _FRAME_HEAD + page):
        said: _Sum = struct.unpack_from(">2I", raw, at + 16)
        follows = raw[at + 8 : at + 16] == salts
        if follows:
            covered = raw[at : at + 8] + raw[at + _FRAME_HEAD : at + _FRAME_HEAD + page]
            follows = _sum(covered, stored, big=big) == said
        whole = whole and follows
        yield _Frame(raw[at + 4 : at + 8] != bytes(4), follows, whole)
        stored = said


def _sum(data: bytes, start: _Sum, *, big: bool) -> _Sum:
    words = array("I", data)
    if big != (sys.byteorder == "big"):
        words.byteswap()
    one, two = start
    pair = iter(words)
    for first, second in zip(pair, pair, strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return one, two
