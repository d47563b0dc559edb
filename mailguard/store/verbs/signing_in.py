"""The store's verbs of web sessions, second factors and app passwords."""

from collections.abc import Collection
from datetime import date, datetime
from functools import partial

from mailguard.records import Actor, AppPassword, Factor, Login
from mailguard.store.verbs import app_passwords, logins
from mailguard.store.verbs.running import Runs


class SigningIn(Runs):
    """As `store.sign_in.SignInStore`."""

    async def open_login(self, digest: bytes, login: Login) -> None:
        await self._write(partial(logins.open_login, digest=digest, login=login))

    async def login(self, digest: bytes, now: datetime) -> Login | None:
        return await self._look(partial(logins.login, digest=digest, now=now))

    async def close_login(self, digest: bytes) -> None:
        await self._write(partial(logins.close_login, digest=digest))

    async def close_logins(self, name: str) -> None:
        await self._write(partial(logins.close_logins, name=name))

    async def password_logins(self) -> list[str]:
        return await self._look(logins.password_logins)

    async def set_factor(
        self, name: str, secret: str, recovery: Collection[bytes], *, by: Actor, now: datetime
    ) -> None:
        await self._write(partial(logins.set_factor, name=name, secret=secret, recovery=recovery, by=by, now=now))

    async def confirm_factor(self, new: Factor, before: str, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(logins.confirm_factor, new=new, before=before, by=by, now=now))

    async def drop_factor(self, name: str, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(logins.drop_factor, name=name, by=by, now=now))

    async def factor(self, name: str) -> Factor | None:
        return await self._look(partial(logins.factor, name=name))

    async def factors(self) -> list[str]:
        return await self._look(logins.factors)

    async def use_step(self, name: str, step: int, most: int) -> bool:
        return await self._write(partial(logins.use_step, name=name, step=step, most=most))

    async def use_recovery(self, name: str, digest: bytes) -> bool:
        return await self._write(partial(logins.use_recovery, name=name, digest=digest))

    async def wrong_factor(self, name: str) -> int:
        return await self._write(partial(logins.wrong_factor, name=name))

    async def add_app_password(self, made: AppPassword, digest: bytes, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(app_passwords.add, made=made, digest=digest, by=by, now=now))

    async def drop_app_password(self, person: str, name: str, *, by: Actor, now: datetime) -> bool:
        return await self._write(partial(app_passwords.drop, person=person, name=name, by=by, now=now))

    async def app_passwords(self, person: str = "") -> list[AppPassword]:
        return await self._look(partial(app_passwords.known, person=person))

    async def app_password(self, digest: bytes) -> AppPassword | None:
        return await self._look(partial(app_passwords.found, digest=digest))

    async def app_password_used(self, digest: bytes, day: date) -> None:
        await self._write(partial(app_passwords.used, digest=digest, day=day))
