"""Making a file's name durable, which is its folder's business."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """A file made or renamed in it is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
