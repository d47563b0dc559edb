"""How people are known on the pages: a mailed code, an OpenID provider's word, or a password with a second factor."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.desk.errors import CodeNeeded, CodeWrong
from mailguard.locale import N_
from mailguard.mail import address
from mailguard.people import People
from mailguard.people.access import Access, Claims, Right
from mailguard.records import Actor, Login, NewNotice, NoticeKind, Way
from mailguard.store.base import Store

CODE_LASTS = timedelta(minutes=10)
LOGIN_LASTS = timedelta(hours=12)


class Wake(Protocol):
    """What the desk needs of the scheduler: look again, something changed."""

    def wake(self) -> None: ...


class SignIn:
    """Whoever can read a mailbox is its person, and whoever a provider or a login's two factors say they are.

    `access` is asked anew each time, as everywhere. A session lasts for `lasts`.
    """

    def __init__(
        self, store: Store, people: Callable[[], People], clock: Clock, wake: Wake, access: Callable[[], Access],
        lasts: timedelta,
    ) -> None:  # fmt: skip
        self._store, self._people, self._clock, self._wake = store, people, clock, wake
        self._access, self.lasts = access, lasts
        self._said: dict[str, Login] = {}  # by person (key): the latest sign-in at the provider

    async def _check_code(self, queue_id: str, person: str, code: str) -> None:
        subject = f"mail:{queue_id}:{address.key(person)}"
        if not code:
            await self._mail_code(subject, person, queue_id)
            raise CodeNeeded("A six-digit code was mailed to {person}. Enter it and press again.", person=person)
        if not await self._store.use_code(subject, tokens.digest(f"{subject}:{code.strip()}"), self._clock.now()):
            raise CodeWrong(
                N_("That is not the code we mailed, or it is too old. Try again, or leave it empty to get a new one.")
            )

    async def _mail_code(self, subject: str, person: str, queue_id: str = "") -> None:
        code, now = tokens.code(), self._clock.now()
        if await self._store.set_code(subject, tokens.digest(f"{subject}:{code}"), now + CODE_LASTS, now):
            await self._store.notify([NewNotice(NoticeKind.CODE, person, queue_id, data={"code": code})], now)
            self._wake.wake()

    # signing in to the outbox
    async def sign_in(self, person: str, browser: str) -> None:
        """Mail a code, if the address is one of ours; whoever asks learns nothing either way."""
        if self._ours(person):
            await self._mail_code(_login(person, browser), person)

    async def signed_in(self, person: str, code: str, browser: str) -> str | None:
        """A cookie's value for the right code from the browser that asked for it, else None."""
        subject, now = _login(person, browser), self._clock.now()
        if not await self._store.use_code(subject, tokens.digest(f"{subject}:{code.strip()}"), now):
            await self.refused(person, Way.CODE)
            return None
        return await self._open(person, Way.CODE)

    async def vouched(
        self, person: str, way: Way, *, second: bool, claims: Claims = frozenset(), name: str = ""
    ) -> str | None:
        """A cookie's value for somebody who was known in another `way`; None for a stranger or a machine.

        Of `claims` those are kept that `access` names. `name`: the login whose password it was.
        """
        if not self._ours(person) or self._people().service(person):
            return None
        return await self._open(person, way, second=second, claims=claims & self._access().claims(), name=name)

    async def refused(self, person: str, way: Way, why: str = "") -> None:
        """For the audit: somebody failed to sign in as one of ours."""
        await self._signed("session.refused", person, {"way": way} | ({"why": why} if why else {}))

    async def _open(
        self, person: str, way: Way, *, second: bool = False, claims: Claims = frozenset(), name: str = ""
    ) -> str:
        cookie = tokens.new()
        login = Login(self.main(person), self._clock.now() + self.lasts, way, second, claims, name)
        await self._store.open_login(tokens.digest(cookie), login)
        await self._signed("session.opened", person, {"way": way} | ({"second_factor": "yes"} if second else {}))
        return cookie

    def _ours(self, person: str) -> bool:
        return "@" in person and self._people().internal(person)

    async def _signed(self, event: str, person: str, data: Mapping[str, str]) -> None:
        """In the audit, of our own people: what a stranger types is nobody's record."""
        if self._ours(person):
            await self._store.record(event, by=Actor(person, "outbox"), now=self._clock.now(), data=data)

    def main(self, person: str) -> str:
        """The address a session is opened for, of one of this person's."""
        return self._people().main(person)

    def mailbox(self, person: str) -> str:
        """What is equal for all spellings and aliases of one person's address."""
        return self._people().mailbox(person)

    def language(self, person: str, *, chosen: bool = True) -> str:
        """What this person reads, '' as the organization does; without `chosen` as if they had chosen nothing."""
        people = self._people()
        return people.language(person) if chosen else people.language_given(person)

    # who is in
    async def login(self, cookie: str) -> Login | None:
        """Whose session this cookie is, and how it was opened. Whoever may not sign in any more has none."""
        found = await self._store.login(tokens.digest(cookie), self._clock.now())
        if found is not None and (not self._ours(found.person) or self._people().service(found.person)):
            return None
        if found is not None and found.way is Way.OIDC:
            known = self._said.get(address.key(found.person))
            if known is None or known.until < found.until:
                self._said[address.key(found.person)] = found
        return found

    def claims(self, person: str) -> Claims:
        """What the provider said of this person when they signed in there last, as long as that sign-in lasts."""
        found = self._said.get(address.key(person))
        return found.claims if found is not None and self._clock.now() < found.until else frozenset()

    def rights(self, person: str) -> frozenset[Right]:
        """What they may do beyond their own mail."""
        return self._access().rights(person, self._people(), self.claims(person))

    def wants_second(self, person: str) -> bool:
        """Whether a role of theirs is there only for who signed in with a second factor."""
        return self._access().wants_second(person, self._people(), self.claims(person))

    async def sign_out(self, cookie: str) -> Login | None:
        """The session that ended with it."""
        found = await self.login(cookie)
        if found is not None:
            await self._signed("session.closed", found.person, {})
            if self._said.get(address.key(found.person)) == found:
                del self._said[address.key(found.person)]
        await self._store.close_login(tokens.digest(cookie))
        return found


def _login(person: str, browser: str) -> str:
    return f"login:{address.key(person)}:{tokens.digest(browser).hex()[:32]}"
