"""Room kept beside the database for a full disk: what was accepted must still be able to leave.

A claim, an outcome, a report, a cancel: each is a commit, and needs a little room. So a file beside the database holds
some. The first of them that finds the disk full takes that room; from then on new mail is refused, until there is
enough space again to put the file back.
"""

import contextlib
import os
from pathlib import Path

from mailguard.store.sqlite.files import room

# Half of it is for what stands in the log and not yet in the database, half for what comes: 16 MB are the outcomes of
# some 50,000 copies, or 4,000 reports. A small disk gives an eighth.
SIZE = 32 << 20
_PART = 8


class Reserve:
    """The file `<database>.reserve`. Used by the writer's thread only, once the store is open."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self._path = database.with_name(database.name + ".reserve")
        self._folder = str(database.parent)
        disk = os.statvfs(self._folder)
        self.size = max(1, min(SIZE, disk.f_frsize * disk.f_blocks // _PART))
        self.there = False

    def free(self) -> int:
        """Bytes on the disk besides; 0 when the disk does not say."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return 0
        return disk.f_frsize * disk.f_bavail

    def has_room(self, size: int, free: int) -> bool:
        """Whether so many bytes fit besides, when the disk has `free` of them. That number says nothing of a quota.

        That number will do for what half of the reserve can bring into the database; room for more is tried.
        """
        return free > size and (size <= self.size // 2 or room(self.database.parent, size))

    def keep(self) -> bool:
        """Take the room, unless it is there already. False: there is not enough."""
        if not self.there:
            self.there = self._allocate()
        return self.there

    def spend(self) -> bool:
        """Give the room to whoever needs it now. False: it was given before."""
        self.there = False
        try:
            self._path.unlink()
        except OSError:  # given before, or a disk on which nothing changes any more
            return False
        return True

    def _allocate(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self.size)
            finally:
                os.close(descriptor)
        except OSError:  # no space, a quota, a read-only disk: whatever it is, the room is not there
            with contextlib.suppress(OSError):
                self._path.unlink()
            return False
        return True
