"""What a store promises about legal holds: while one stands, nothing of the person is forgotten."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from mailguard.records import Actor, LegalHold
from mailguard.store.retention import Retention


class LegalStore(Protocol):
    """A person is an address, or `records.EVERYBODY`. It covers mail to, from and answered for by them.

    Of that mail nothing goes by `purge` or `erase`: bytes, decisions, facts and audit. Events of no mail all stay.
    """

    async def add_legal_hold(self, person: str, *, reason: str, by: Actor, now: datetime) -> bool:
        """By the command line. False when there is one."""
        ...

    async def lift_legal_hold(self, person: str, *, by: Actor, now: datetime) -> bool:
        """False when the command line set none."""
        ...

    async def configure_legal_holds(self, persons: Collection[str], *, by: Actor, now: datetime) -> None:
        """At start: those of the configuration are these; any other of its are lifted."""
        ...

    async def legal_holds(self) -> list[LegalHold]: ...

    async def held_back(self, now: datetime, keep: Retention) -> int:
        """How many mails have their bytes for a legal hold alone."""
        ...
