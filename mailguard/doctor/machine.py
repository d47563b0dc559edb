"""The machine itself: clock, disk, and who may read the files with secrets."""

import ctypes
import os
import shutil
import ssl
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from pydantic import BaseModel

from mailguard.doctor.finding import Finding, fail, ok, unknown, warn

_TIME_ERROR = 5  # adjtimex(2): nothing keeps the clock
_TIMEX = 512  # bytes: larger than struct timex of any Linux
_OFF, _FAR_OFF = 5, 60  # seconds; a code of a second factor lives for 30
_LITTLE, _TOO_LITTLE = 5 << 30, 1 << 30  # bytes
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "9p", "afs", "fuse.sshfs", "fuse.glusterfs"}
_FLEETING = {"tmpfs", "ramfs"}
_FSYNCS, _TOO_FAST = 20, 20e-6  # how often, and seconds: no disk or flash with its cache written out is faster


def kernel_clock() -> bool | None:
    """Whether something (NTP) keeps this machine's clock; None where that can't be asked."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def date_of(url: str, ca_file: Path | None, seconds: float) -> datetime | None:
    """What time it is for the server there; None: it does not say. OSError when it can't be asked."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    try:
        with urllib.request.urlopen(url, timeout=seconds, context=context) as answer:  # noqa: S310 - an issuer is https
            said = answer.headers.get("Date")
    except urllib.error.HTTPError as error:  # an answer, too
        said = error.headers.get("Date")
    return parsedate_to_datetime(said).astimezone(UTC) if said else None


def clock(kept: bool | None, now: datetime, elsewhere: datetime | None, who: str) -> Finding:
    """`elsewhere`: the time at `who`, if there is anybody to ask."""
    how = "run an NTP client: systemctl enable --now systemd-timesyncd (or chrony)"
    if elsewhere is not None:
        off = abs((now - elsewhere).total_seconds())
        if off > _OFF:
            words = f"{off:.0f} seconds off the clock of {who}"
            return fail("clock", words, how) if off > _FAR_OFF else warn("clock", words, how)
        return ok("clock", f"as at {who}" + (", kept by NTP" if kept else ""))
    if kept is None:
        return unknown("clock", "nobody could be asked", how)
    return (
        ok("clock", "kept by NTP, says the kernel") if kept else warn("clock", "nothing keeps it, says the kernel", how)
    )


def disk(folder: Path, mounts: str) -> Iterator[Finding]:
    """Room, kind of file system, and what an fsync costs there. Writes and removes one small file."""
    free = shutil.disk_usage(folder).free
    words, how = (
        f"{free / (1 << 30):.1f} GB free for {folder}",
        "make room: below three times a mail it is refused (452)",
    )
    room = fail if free < _TOO_LITTLE else warn
    yield room("disk space", words, how) if free < _LITTLE else ok("disk space", words)
    kind = file_system(folder, mounts)
    if kind in _REMOTE:
        how = "put the store on a local disk: SQLite's locks and fsync can't be relied on over a network"
        yield fail("disk kind", f"{folder} is on {kind}", how)
    elif kind in _FLEETING:
        yield fail("disk kind", f"{folder} is on {kind}: all mail is gone after a restart", "put the store on a disk")
    elif kind == "overlay":
        how = f"mount a volume at {folder}"
        yield warn("disk kind", f"{folder} is inside a container: mail goes when the container does", how)
    else:
        yield ok("disk kind", kind or "not known")
    fastest = _fsync_seconds(folder)
    if fastest < _TOO_FAST:
        how = "switch off the volatile write cache, or unsafe caching of the VM, so that fsync means what it says"
        yield warn("disk fsync", f"{fastest * 1e6:.0f} µs: faster than any disk can be", how)
    else:
        yield ok("disk fsync", f"{fastest * 1e3:.2f} ms at its fastest")


def file_system(folder: Path, mounts: str) -> str:
    """The type of the file system that holds it, out of /proc/self/mountinfo."""
    where = str(folder.resolve())
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].encode().decode("unicode_escape") if len(left.split()) > 4 else ""  # noqa: PLR2004
        inside = point in ("/", where) or where.startswith(f"{point}/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def _fsync_seconds(folder: Path) -> float:
    """The fastest of some: other work on the machine makes it slower, and nothing makes it faster than it is."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return min(_fsync(file) for _ in range(_FSYNCS))


def _fsync(file: IO[bytes]) -> float:
    begun = perf_counter()
    file.write(b"x" * 4096)
    file.flush()
    os.fsync(file.fileno())
    return perf_counter() - begun


def secrets(section: BaseModel) -> Iterator[Path]:
    """Files in the settings that nobody else should read: keys and everything in a `*_file` but public certificates."""
    for name in type(section).model_fields:
        value: Any = getattr(section, name)
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, BaseModel):
                yield from secrets(part)
            elif isinstance(part, Path) and (name == "key" or (name.endswith("_file") and name != "ca_file")):
                yield part


def rights(paths: list[Path]) -> Finding:
    """Whether only mailguard's user and group can read the files, and only its user or root change them."""
    wrong, gone = [], []
    for path in dict.fromkeys(paths):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            gone.append(f"{path} ({(error.strerror or '').lower()})")
            continue
        if mode & (stat.S_IRWXO | stat.S_IWGRP):
            wrong.append(f"{path} ({stat.filemode(mode)})")
    if wrong:
        return fail(
            "file rights",
            f"open to others: {', '.join(wrong)}",
            "chmod o=,g-w " + " ".join(one.rpartition(" (")[0] for one in wrong),
        )
    if gone:
        return unknown(
            "file rights", f"can't be looked at: {', '.join(gone)}", "run the doctor as root or as mailguard"
        )
    return ok("file rights", f"{len(paths)} file{'s' * (len(paths) != 1)}, none open to others")
