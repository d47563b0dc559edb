"""What a store promises about web sessions, second factors and app passwords."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Protocol

from mailguard.records import Actor, AppPassword, Factor, Login


class SignInStore(Protocol):
    """Of cookies, recovery codes and app passwords only digests are kept.

    Names of logins are in normal form (`address.key`).
    """

    async def open_login(self, digest: bytes, login: Login) -> None: ...

    async def login(self, digest: bytes, now: datetime) -> Login | None:
        """Whose web session this is (its cookie's digest), while it lasts."""
        ...

    async def close_login(self, digest: bytes) -> None: ...

    async def close_logins(self, name: str) -> None:
        """End every session that this login's password opened."""
        ...

    async def password_logins(self) -> list[str]:
        """Names of the logins whose passwords opened sessions."""
        ...

    async def set_factor(
        self, name: str, secret: str, recovery: Collection[bytes], *, by: Actor, now: datetime
    ) -> None:
        """A second factor instead of an earlier one; what was opened with the earlier one ends."""
        ...

    async def confirm_factor(self, new: Factor, before: str, *, by: Actor, now: datetime) -> bool:
        """The same, if the one before has this secret ('': if there is none) when it is asked. False: it has not."""
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

    async def add_app_password(self, made: AppPassword, digest: bytes, *, by: Actor, now: datetime) -> bool:
        """False: this person has one of that name."""
        ...

    async def drop_app_password(self, person: str, name: str, *, by: Actor, now: datetime) -> bool:
        """From the next look on it is nobody's. False: there was none."""
        ...

    async def app_passwords(self, person: str = "") -> list[AppPassword]:
        """Those of this person (the key of their main address), the oldest first; '' is everybody's."""
        ...

    async def app_password(self, digest: bytes) -> AppPassword | None:
        """Whose it is."""
        ...

    async def app_password_used(self, digest: bytes, day: date) -> None:
        """It logged somebody in that day."""
        ...
