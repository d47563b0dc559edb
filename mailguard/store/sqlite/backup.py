"""A copy of the database while a service goes on writing to it. The copy is marked: it sends nothing before a word."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from mailguard.errors import ConfigError
from mailguard.store.sqlite import failures
from mailguard.store.sqlite.connection import COPY, connect_onlooker, refusal
from mailguard.store.sqlite.files import sync_folder

_STEP = 256  # pages at once
_HEADER, _APPLICATION_ID = 100, 68  # https://www.sqlite.org/fileformat2.html#the_database_header

Progress = Callable[[int, int], None]  # (done, of)


def backup(database: Path, target: Path, progress: Progress, *, renew: bool = False) -> None:
    """What was committed when it began, in one file; durable when it returns. ConfigError says why there is none.

    Reading one snapshot, it never makes the writer wait; the write-ahead log grows meanwhile. With `renew` it takes the
    place of an older copy, at once and whole, unless a service has been started on that one.
    """
    _check_target(target, renew=renew)
    partial = target.with_name(f"{target.name}.partial")
    try:
        source = connect_onlooker(database)
        try:
            with _removed_if_it_fails(partial):
                _copy(source, partial, progress)
                _publish(partial, target, renew=renew)
        finally:
            source.close()
    except failures.ERRORS as error:
        raise refusal(database, error) from error
    except OSError as error:
        raise ConfigError(f"{target} can't be written ({error.strerror}): no backup was made") from error


def _check_target(target: Path, *, renew: bool) -> None:
    if renew and target.is_file():
        beside = [target.with_name(target.name + end) for end in ("-wal", ".lock", ".epoch")]
        if not _is_copy(target) or any(map(os.path.lexists, beside)):
            raise ConfigError(f"{target} is no mere copy, a service was started on it: it is left as it is")
    elif os.path.lexists(target):
        raise ConfigError(f"{target} is there already, and a backup overwrites nothing: name a file that is not")
    if not target.parent.is_dir():
        raise ConfigError(f"the folder {target.parent} does not exist: create it, or name another file")


@contextlib.contextmanager
def _removed_if_it_fails(partial: Path) -> Iterator[None]:
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    partial.chmod(0o600)
    try:
        yield
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: sqlite3.Connection, partial: Path, progress: Progress) -> None:
    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        copy.execute("PRAGMA synchronous = 0")  # it is made durable once, at the end
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it is this state
        source.backup(copy, pages=_STEP, progress=lambda _, left, pages: progress(pages - left, pages))
        copy.execute("PRAGMA journal_mode = delete")  # all of it in one file
        copy.execute(f"PRAGMA application_id = {COPY}")
    finally:
        copy.close()


def _is_copy(file: Path) -> bool:
    """By its header: nothing is opened, so nothing is left beside it."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    return header[_APPLICATION_ID : _APPLICATION_ID + 4] == COPY.to_bytes(4, "big")


def _publish(partial: Path, target: Path, *, renew: bool) -> None:
    """A file of that name appears only whole, and only where there is none or its older copy."""
    descriptor = os.open(partial, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if renew and os.path.lexists(target):
        _check_target(target, renew=True)  # again: the copying took its time
        partial.replace(target)
    else:
        os.link(partial, target)
    sync_folder(target.parent)
