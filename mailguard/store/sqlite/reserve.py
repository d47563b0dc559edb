"""Room kept beside the database for a full disk: what was accepted must still be able to leave.

A claim, an outcome, a report, a cancel: each is a commit, and needs a little room. So a file beside the database holds
some. The first of them that finds the disk full takes that room; from then on new mail is refused, until there is
enough space again to put the file back.
"""

import contextlib
import os
from pathlib import Path

# The log (16 MB before a checkpoint, one commit more at most) may all have to go into the database, and the outcomes
# of what waits come on top. A small disk gives a sixteenth.
SIZE = 32 << 20
_PART = 16


class Reserve:
    """The file `<database>.reserve`. Used by the writer's thread only, once the store is open."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".reserve")
        self.there = False

    def keep(self) -> bool:
        """Take the room, unless it is there already. False: there is not enough."""
        if not self.there:
            self.there = self._allocate()
        return self.there

    def spend(self) -> bool:
        """Give the room to whoever needs it now. False: it was given before."""
        there, self.there = self._path.exists(), False
        self._path.unlink(missing_ok=True)
        return there

    def _allocate(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                disk = os.fstatvfs(descriptor)
                os.posix_fallocate(descriptor, 0, max(1, min(SIZE, disk.f_frsize * disk.f_blocks // _PART)))
            finally:
                os.close(descriptor)
        except OSError:  # no space, a quota, a read-only disk: whatever it is, the room is not there
            with contextlib.suppress(OSError):
                self._path.unlink()
            return False
        return True
