"""Files that a person may be reading at this moment, or that nobody else may."""

import os
import tempfile
from pathlib import Path
from typing import TextIO


def private(path: Path) -> TextIO:
    """A new file for its owner alone. FileExistsError where there is one."""
    return open(path, "x", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600))


def save(path: Path, text: str, new_mode: int = 0o600) -> None:
    """The whole file at once, by rename: a reader never sees half of it. What is there keeps its mode and owner."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else new_mode
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as new:
        new.write(text.encode())
        new.flush()
        os.fsync(new.fileno())
    fresh = Path(new.name)
    fresh.chmod(mode)
    if path.exists() and os.geteuid() == 0:
        os.chown(fresh, path.stat().st_uid, path.stat().st_gid)
    fresh.replace(path)
