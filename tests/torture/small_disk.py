"""Real file systems: a small one, another program that fills it, and one whose disk fails."""

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


@contextmanager
def failing_disk(folder: Path) -> Iterator["FailingDisk"]:
    """An ext4 of its own at this new folder, as most systems mount it: read-only from the first error on."""
    folder.mkdir()
    made = FailingDisk(folder, folder.with_name("disk.img"))
    made.mount()
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class FailingDisk:
    """`fail` it, and `mend` it when nothing uses it any more. Needs "loop" (tests/tools.py)."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder, self._image = folder, image
        with image.open("wb") as file:
            file.truncate(512 << 20)  # sparse; less is too little for the service to take mail
        subprocess.run(["mkfs.ext4", "-q", image], check=True)

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", self._image, self.folder], check=True)

    def fail(self) -> None:
        """The kernel meets an error on it."""
        device = next(line.split()[0] for line in _mounts() if line.split()[1] == str(self.folder))
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("1")

    def mend(self) -> None:
        """As after a reboot: checked, then mounted again."""
        subprocess.run(["umount", self.folder], check=True)
        done = subprocess.run(["fsck.ext4", "-p", self._image], capture_output=True, check=False)
        assert done.returncode <= 1, done.stdout  # 1: errors were corrected
        self.mount()


def _mounts() -> list[str]:
    return Path("/proc/mounts").read_text().splitlines()
