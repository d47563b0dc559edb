"""What a store promises about the processes that share it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Node:
    """A process at work on a store that several share."""

    name: str
    seen_at: datetime  # by the database's clock
    about: Mapping[str, str]  # what it says of itself


class NodeStore(Protocol):
    """Part of `base.Store`."""

    async def nodes(self) -> list[Node]:
        """Every process at work on it, this one among them; none where a store is one process's."""
        ...

    @property
    def at_work(self) -> int:
        """How many processes share it, this one among them, as of a few seconds ago: they share limits as well."""
        ...

    async def say(self, about: Mapping[str, str]) -> None:
        """From now on the others know this of us."""
        ...

    async def secret(self) -> bytes:
        """Which all processes at work on it have, now and after a restart; another each time where there is only one.

        It proves only which page a form came from: whoever reads it can't sign in or act by it.
        """
        ...

    def watch(self, changed: Callable[[], None], gone: Callable[[], None]) -> None:
        """`changed` is called when something that is recalled is another than before, `gone` when a process is.

        A few seconds later at most; of one that was killed, when it has been silent for long.
        """
        ...
