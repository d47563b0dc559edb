"""A real small file system, and another program that fills it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A tmpfs of so many bytes at this new folder. Needs "tmpfs" (tests/tools.py)."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "mailguard-torture", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, how: str) -> None:
    """`how`: ro or rw."""
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def fill(folder: Path, at_most: int = 1 << 40) -> Path:
    """Take every byte that is left, or so many more; the file that has them."""
    path = folder / "filler"
    with path.open("ab", buffering=0) as file:
        end = file.tell() + at_most
        for piece in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.tell() < end:
                    file.write(bytes(piece))
    return path
