"""Files that a person may be reading at this moment."""

import os
import tempfile
from pathlib import Path


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
