"""One worker from the service's side: started when there is something to read, replaced when it dies or is tired."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import TracebackType

from mailguard.extract import wire
from mailguard.extract.limits import Limits
from mailguard.locale import saying
from mailguard.mail.attachments import Attachment, files
from mailguard.mail.message import Message
from mailguard.mail.mime import Part
from mailguard.records.content import Content, FoundFile, Piece

_START = 30.0  # seconds; a busy machine takes its time


class Worker:
    """Blocking: belongs into a thread. Used by one thread at a time."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: wire.Line | None = None
        self._fresh = True
        self._stopped = False

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def read(self, message: Message) -> tuple[Content | None, ...]:
        """What is in each of `mail.attachments`, in their order; None for pictures in the text and the like.

        What is in an attached message is in that one's Content.
        """
        began = time.monotonic()
        found: list[Content | None] = []
        for part, attachment in files(message):
            if attachment.opaque:
                found.append(None)
                continue
            left = self._limits.mail_seconds - (time.monotonic() - began)
            found.append(self.file(message, part, attachment, min(left, self._limits.seconds)))
        return tuple(found)

    def file(self, message: Message, part: Part, attachment: Attachment, seconds: float) -> Content:
        """One file. Whatever happens to the worker is this file's fact, not its neighbours'."""
        if seconds <= 0:
            return unread(attachment, saying("reading this mail's files takes too long"))
        job = wire.dump({"name": attachment.name, "type": part.content_type, "encoding": part.encoding})
        data = memoryview(message.raw)[part.start : part.end]
        deadline = time.monotonic() + seconds
        for _ in range(2):
            if self._stopped:
                return unread(attachment, saying("mailguard is stopping"))
            fresh = self._fresh
            try:
                return self._ask(job, data, attachment, deadline - time.monotonic())
            except TimeoutError:
                self.end()
                return unread(attachment, saying("it takes longer than {number} seconds", number=self._limits.seconds))
            except wire.Gone:
                self.end()
                if fresh or deadline <= time.monotonic():  # else it may have died of what it read before
                    break
            except OSError as error:
                self.end()
                return unread(attachment, saying("no worker could be started ({error})", error=type(error).__name__))
        return unread(attachment, saying("its reader crashed"))

    def stop(self) -> None:
        """From any thread: what is being read ends now, and nothing is read any more."""
        self._stopped = True
        self.end()

    def end(self) -> None:
        """Kill it; the next file starts another."""
        line, process = self._line, self._process
        self._line = self._process = None
        self._fresh = True
        if line is not None:
            line.close()
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()

    def _ask(self, job: bytes, data: memoryview, attachment: Attachment, seconds: float) -> Content:
        line = self._line or self._start()
        line.until(seconds)
        line.send(wire.JOB, job)
        line.send(wire.DATA, data)
        self._fresh = False
        pieces: list[Piece] = []
        found: list[FoundFile] = []
        for kind, said in self._answer(line):
            if kind == wire.TEXT:
                pieces.append(wire.piece(wire.load(said)))
            else:
                found.append(wire.file(wire.load(said)))
        return Content(tuple(found) or (_unread(attachment, saying("its reader said nothing")),), tuple(pieces))

    def _answer(self, line: wire.Line) -> Iterator[tuple[bytes, bytearray]]:
        """Text and files, up to the end: and no more than a sound worker sends."""
        left = 4 * self._limits.characters + 4096 * self._limits.files
        while True:
            kind, said = line.receive()
            if kind == wire.END:
                if wire.load(said) != [False]:
                    self.end()
                return
            left -= len(said) + wire.HEAD.size
            if left < 0 or kind not in (wire.TEXT, wire.FILE):
                raise wire.Gone
            yield kind, said

    def _start(self) -> wire.Line:
        ours, theirs = socket.socketpair()
        try:
            command = [sys.executable, "-I", "-B", "-m", "mailguard.extract.worker"]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/",
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._line = line = wire.Line(ours)
        line.until(_START)
        line.send(wire.JOB, wire.dump(dataclasses.asdict(self._limits)))
        line.receive()
        return line


def unread(attachment: Attachment, why: str) -> Content:
    """A file that could not be looked into."""
    return Content((_unread(attachment, why),))


def _unread(attachment: Attachment, why: str) -> FoundFile:
    return FoundFile(kinds=attachment.kinds, size=attachment.size, encrypted=attachment.encrypted, unreadable=why)


def all_unread(message: Message, why: str) -> tuple[Content | None, ...]:
    """As `Worker.read` of a mail that nobody could look into."""
    return tuple(None if file.opaque else unread(file, why) for _, file in files(message))
