"""How much one attached file may cost. Beyond that it is unreadable, and nobody but its own rule hears of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults take any document that people write; what exceeds them is a bomb, or an export nobody reads."""

    seconds: int = 10  # of one attached file, both on the clock and of the processor
    mail_seconds: int = 30  # of all files of one mail
    waiting_seconds: int = 60  # for a free worker
    waiting_bytes: int = 256 << 20  # of mails that wait for one; beyond that a mail waits no longer than its client
    memory: int = 768 << 20  # bytes of address space of a worker
    characters: int = 8 << 20  # of text out of one attached file
    files: int = 5000  # names inside one attached file
    depth: int = 6  # files inside files
    unpacked: int = 384 << 20  # bytes, all that is unpacked of one attached file
    member: int = 96 << 20  # bytes of one file inside that is held at once
    jobs: int = 200  # files that a worker reads before another one takes its place
    growth: int = 256 << 20  # resident bytes at which it is replaced, too
