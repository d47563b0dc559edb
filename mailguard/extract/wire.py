"""What goes over the socket between service and worker: frames of a letter, a length and that many bytes.

A job is `J` (JSON: what it is) and `D` (its bytes as they stand in the mail). The answer is any number of `T` (one
piece of text) and `F` (one file), then `E`. No frame of an answer is large: the service reads each in one go.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

from mailguard.locale import sayings
from mailguard.records.content import FoundFile, Piece, Where

JOB, DATA, TEXT, FILE, END = b"J", b"D", b"T", b"F", b"E"
HEAD = struct.Struct(">cI")
_READ = 64 * 1024
_SENTENCE = re.compile(r"(?:[^{}]|\{[a-z]+\})*")
_FRAME = 1 << 20  # bytes of a frame of an answer


class Gone(Exception):
    """The other side is not there any more, or says what it must not."""


class Line:
    """One side of the conversation."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._deadline: float | None = None

    def until(self, seconds: float | None) -> None:
        """Everything from here on together takes at most so long, or TimeoutError."""
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def send(self, kind: bytes, *payload: bytes | bytearray | memoryview) -> None:
        self._arm()
        try:
            self._socket.sendall(HEAD.pack(kind, sum(map(len, payload))))
            for each in payload:
                self._arm()
                self._socket.sendall(each)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone from error

    def receive(self, most: int = _FRAME) -> tuple[bytes, bytearray]:
        """The next frame. Gone at the end."""
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        if length > most:
            raise Gone
        return kind, self._exactly(length)

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        view, got = memoryview(data), 0
        while got < length:
            self._arm()
            try:
                count = self._socket.recv_into(view[got : got + _READ])
            except TimeoutError:
                raise
            except OSError as error:
                raise Gone from error
            if not count:
                raise Gone
            got += count
        return data

    def _arm(self) -> None:
        if self._deadline is None:
            self._socket.settimeout(None)
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def load(data: bytes | bytearray) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Gone from None


def piece(said: Sequence[Any]) -> Piece:
    """Gone when it is none: a worker may have been taken over by what it reads."""
    try:
        text, where, path = said
        return Piece(str(text), Where(where), str(path))
    except (ValueError, TypeError):
        raise Gone from None


def file(said: Sequence[Any]) -> FoundFile:
    try:
        path, form, kinds, size, encrypted, macros, mismatch, unreadable = said
        return FoundFile(
            str(path), str(form), frozenset(map(str, kinds)), int(size), bool(encrypted), bool(macros),
            _reason(mismatch), _reason(unreadable),
        )  # fmt: skip
    except (ValueError, TypeError, LookupError):
        raise Gone from None


def _reason(said: Any) -> str:
    """A sentence with plain values: not one whose gaps reach into them, nor sentences in sentences."""
    if isinstance(said, str):
        return said
    message, values = said
    if not _SENTENCE.fullmatch(message) or not all(isinstance(one, str | int) for one in values.values()):
        raise Gone
    return sayings.load([message, values])


def of_file(found: FoundFile) -> list[Any]:
    return [
        found.path, found.form, sorted(found.kinds), found.size, found.encrypted, found.macros,
        sayings.dump(found.mismatch), sayings.dump(found.unreadable),
    ]  # fmt: skip
