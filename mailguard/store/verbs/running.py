"""Who runs verbs, as each store does it in its own way."""

from collections.abc import Callable
from typing import TypeVar

from mailguard.store.database import Database

T = TypeVar("T")


class Looks:
    """Runs what changes nothing."""

    async def _look(self, look: Callable[[Database], T]) -> T:
        """On one state of the database: what was committed last."""
        raise NotImplementedError


class Runs(Looks):
    """And what does."""

    paused: str

    async def _write(self, work: Callable[[Database], T], *, size: int = 0, new_mail: bool = False) -> T:
        """In one transaction, which may have other work in it; returns when it is durable.

        `work` may run more than once, each time on a database that knows nothing of the time before. About `size` bytes
        are written. What is no `new_mail` is not refused for want of room as long as the store can help it.
        """
        raise NotImplementedError
