"""What a store promises about web sessions and second factors."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from mailguard.records import Actor, Factor, Login


class SignInStore(Protocol):
    """Of cookies and recovery codes only digests are kept. Names of logins are in normal form (`address.key`)."""

    async def open_login(self, digest: bytes, login: Login) -> None: ...

    async def login(self, digest: bytes, now: datetime) -> Login | None:
        """Whose web session this is (its cookie's digest), while it lasts."""
        ...

    async def close_login(self, digest: bytes) -> None: ...

    async def close_logins(self, name: str) -> None:
        """End every session that this login's password opened."""
        ...

    async def set_factor(
        self, name: str, secret: str, recovery: Collection[bytes], *, by: Actor, now: datetime
    ) -> None:
        """A second factor instead of an earlier one; what was opened with the earlier one ends."""
        ...

    async def drop_factor(self, name: str, *, by: Actor, now: datetime) -> bool:
        """False when there is none. What was opened with it ends."""
        ...

    async def factor(self, name: str) -> Factor | None: ...

    async def factors(self) -> list[str]:
        """The names of all logins with one."""
        ...

    async def use_step(self, name: str, step: int, most: int) -> bool:
        """Once a step (RFC 6238: half minutes since 1970), in order, and never after `most` wrong codes in a row."""
        ...

    async def use_recovery(self, name: str, digest: bytes) -> bool:
        """True once for each recovery code, which also ends a row of wrong codes."""
        ...

    async def wrong_factor(self, name: str) -> int:
        """Count a wrong code; how many in a row that makes."""
        ...
