"""What the shim wrote down, and the disk as it is after a power cut at any point of it.

Promised by a disk: what was synced is there. Of all else, each sector may be there or not, in whatever order it was
written: a change of a file's length, a page torn at 512 bytes, the log without the database or the other way round.
A name is of the folder: it is there for sure once the folder was synced after it was made.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = struct.Struct("<cHQQ")
_SECTOR = 512
MARKS = "acknowledged"  # the file in which the process under test notes what it has told somebody
_VOLATILE = ("-shm", ".lock", ".reserve")  # made anew at every start


@dataclass(frozen=True, slots=True)
class Step:
    """One call: O(pen), W(rite), T(runcate), S(ync), U(nlink), R(ename), F(ailed on purpose)."""

    op: str
    name: str  # "" is the folder
    offset: int
    data: bytes  # written; the new name


def read(path: Path) -> list[Step]:
    return list(_steps(path.read_bytes()))


def _steps(raw: bytes) -> Iterator[Step]:
    at = 0
    while at + _HEAD.size <= len(raw):
        op, name, offset, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        text = raw[at : at + name].decode()
        at += name
        data = raw[at : at + length] if op in (b"W", b"R") else b""
        at += len(data)
        yield Step(op.decode(), text, offset, data)


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)

    def synced(self) -> None:
        for step in self.pending:
            _apply(self.durable, step.op, step.offset, step.data)
        self.pending.clear()

    def after(self, dice: random.Random, survives: float) -> bytes:
        """What is found: each sector that was not synced has survived with this chance."""
        found = bytearray(self.durable)
        for step in self.pending:
            if step.op == "T":
                if dice.random() < survives:
                    _apply(found, "T", step.offset, b"")
                continue
            for start in range(0, len(step.data), _SECTOR):
                if dice.random() < survives:
                    _apply(found, "W", step.offset + start, step.data[start : start + _SECTOR])
        return bytes(found)


def _apply(content: bytearray, op: str, offset: int, data: bytes) -> None:
    if op == "T":
        del content[offset:]
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """Follows a journal step by step; `cut` is what a power cut would leave there and then."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self._durable: dict[str, _File] = {}  # names as the folder has them for sure
        self._named: dict[str, _File] = {}  # and as the process sees them

    def follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._follow(step)

    def _follow(self, step: Step) -> None:
        name = step.name
        if name == MARKS:
            self.marks += step.data.decode().splitlines()
        elif name.endswith(_VOLATILE):
            return
        elif name == "":
            if step.op == "S":
                self._durable = dict(self._named)
        elif step.op == "O":
            self._named.setdefault(name, _File())
        elif step.op == "U":
            self._named.pop(name, None)
        elif step.op == "R":
            self._named[step.data.decode()] = self._named.pop(name)
        elif step.op == "S":
            self._named[name].synced()
        elif step.op in "WT":
            self._named[name].pending.append(step)

    def cut(self, folder: Path, dice: random.Random) -> None:
        """Write the files as they are found after the power came back. Nothing, all, or anything between survives."""
        survives = dice.choice((0.0, 0.0, 1.0, 0.5, 0.9, 0.1))
        for name in self._durable.keys() | self._named.keys():
            before, now = self._durable.get(name), self._named.get(name)
            one = now if before is None or dice.random() < survives else before
            if one is not None and (before is not None or dice.random() < survives):
                (folder / name).write_bytes(one.after(dice, survives))
