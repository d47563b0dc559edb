"""A worker process: reads attached files that the service hands it, one after the other, and nothing else.

Started as `python -m mailguard.extract.worker`, with one socket as its standard input.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from mailguard.extract import dispatch, jail, wire
from mailguard.extract.limits import Limits
from mailguard.locale import saying
from mailguard.mail import transfer
from mailguard.records.content import FoundFile, Where

_PAGE = 4096


def main() -> None:
    """Until the service closes the socket, or it is time for a fresh process."""
    line = wire.Line(socket.socket(fileno=0))
    _, said = line.receive()
    limits = Limits(**wire.load(said))
    warm(limits)
    jail.enter(limits.memory)
    line.send(wire.END, wire.dump([False]))
    done = 0
    while True:
        try:
            _, job = line.receive()
            _, data = line.receive(1 << 31)
        except wire.Gone:
            return
        jail.clock(limits.seconds)
        _answer(line, wire.load(job), data, limits)
        done += 1
        tired = done >= limits.jobs or _resident() > limits.growth
        line.send(wire.END, wire.dump([tired]))
        if tired:
            return


def warm(limits: Limits) -> None:
    """Whatever is only imported when it is first used is imported now, while files can still be opened."""
    for name, data in (("a.pdf", b"%PDF-1.4\n"), ("a.html", b"<html>"), ("a.zip", b"PK\5\6" + bytes(18))):
        dispatch.read(name, "", data, limits, lambda *_: None)
    for codec in ("utf-16", "cp1250", "cp437", "utf-7", "iso2022_jp", "gbk"):
        b"".decode(codec)


def _answer(line: wire.Line, job: dict[str, str], raw: bytearray, limits: Limits) -> None:
    def tell(text: str, where: Where, path: str) -> None:
        line.send(wire.TEXT, wire.dump([text, where, path]))

    data = transfer.decode(raw, 0, len(raw), job["encoding"], len(raw))
    raw.clear()
    try:
        found = dispatch.read(job["name"], job["type"], data, limits, tell)
    except MemoryError:
        found = [FoundFile(size=len(data), unreadable=saying("it needs more memory than a file may have"))]
    for each in found:
        line.send(wire.FILE, wire.dump(wire.of_file(each)))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


if __name__ == "__main__":
    sys.setrecursionlimit(500)
    main()
