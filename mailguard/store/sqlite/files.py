"""What is asked of a folder: that a file's name is durable, and whether there is room."""

import errno
import os
import tempfile
from pathlib import Path

_NONE_LEFT = (errno.ENOSPC, errno.EDQUOT)


def sync_folder(folder: Path) -> None:
    """A file made or renamed in it is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def room(folder: Path, size: int) -> bool:
    """Whether so many bytes fit, found by taking them for a moment: no other question is answered of every quota."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        return error.errno not in _NONE_LEFT
    return True
