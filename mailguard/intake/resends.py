"""A client that never saw its 250 sends the mail again: the same within an hour is no second mail, after a crash days.

What was answered, and heard, is forgotten; so is everything when the process ends. The next one reads the last hour of
this one back from the store, because nobody knows which of the last answers arrived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from mailguard.clock import Clock
from mailguard.mail import address
from mailguard.mail.envelope import Envelope
from mailguard.records import Accepted, Mail, State
from mailguard.store.base import Filter, Store

LASTS = timedelta(hours=1)
LATER = timedelta(days=5)  # after a crash: servers go on trying for so long (RFC 5321 §4.5.4.1)
MOST = 50_000  # mails kept in mind: clients that never say another word must not fill the memory

_Sign = tuple[str, str, bytes, frozenset[str]]  # identity, envelope sender, digest of the bytes, recipients


@dataclass(frozen=True, slots=True)
class _First:
    """A mail that may come again."""

    at: datetime
    answer: "asyncio.Future[Accepted]"  # pending while it is still being judged or committed


def sign(identity: str, sender: str, digest: bytes, recipients: Iterable[str]) -> _Sign:
    """What makes two mails one. The bytes hold the Message-ID; the client's wishes (DSN, HOLDUNTIL) don't count."""
    return address.key(identity), sender, digest, frozenset(map(address.key, recipients))


class Resends:
    """Mails of the last hour whose answers may have been lost."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._firsts: dict[_Sign, _First] = {}  # oldest first
        self._before: dict[_Sign, _First] = {}  # of the process before

    async def load(self) -> None:
        """The last hour of the process before, at start: its clients have waited for as long as it was away."""
        now = self._clock.now()
        for latest in await self._store.find(Filter(limit=1)):
            for receipt in await self._store.receipts(min(latest.received_at, now) - LASTS, MOST):
                name = sign(receipt.identity, receipt.sender, receipt.digest, receipt.recipients)
                answer = asyncio.get_running_loop().create_future()
                answer.set_result(Accepted(receipt.queue_id, mark=name))
                self._before[name] = _First(now, answer)

    async def once(
        self, identity: str, envelope: Envelope, digest: bytes, accept: Callable[[], Awaitable[Accepted]]
    ) -> Accepted:
        """The answer of the same mail's first copy, waited for if need be; `accept` when there is none that counts."""
        name = sign(identity, envelope.sender, digest, envelope.addresses)
        self._forget_old()
        while (first := self._firsts.get(name) or self._before.get(name)) is not None:
            accepted = await asyncio.shield(first.answer)
            if (mail := await self._store.get(accepted.queue_id)) is not None and _counts(mail):
                return replace(accepted, held_by=_held_by(mail), resend=True)
            self._forget(name)
        return await self._first(name, accept)

    def answered(self, accepted: Accepted) -> None:
        """Its client went on after the 250: it will not come again."""
        self._forget(cast("_Sign", accepted.mark))

    def _forget(self, name: _Sign) -> None:
        self._firsts.pop(name, None)
        self._before.pop(name, None)

    async def _first(self, name: _Sign, accept: Callable[[], Awaitable[Accepted]]) -> Accepted:
        first = _First(self._clock.now(), asyncio.get_running_loop().create_future())
        self._firsts[name] = first
        try:
            accepted = replace(await accept(), mark=name)
        except BaseException as error:
            self._firsts.pop(name, None)
            first.answer.set_exception(error if isinstance(error, Exception) else ConnectionAbortedError())
            first.answer.exception()  # that nobody else waits for it is no trouble
            raise
        first.answer.set_result(accepted)
        return accepted

    def _forget_old(self) -> None:
        now = self._clock.now()
        since = now - LASTS
        if self._before and next(iter(self._before.values())).at <= now - LATER:
            self._before.clear()
        while self._firsts:
            name, first = next(iter(self._firsts.items()))
            if not first.answer.done() or (first.at > since and len(self._firsts) <= MOST):
                return
            del self._firsts[name]


def _counts(mail: Mail) -> bool:
    """Who took a mail back, or got it back, and sends it again means a new one."""
    return any(d.state not in (State.CANCELLED, State.FAILED) for d in mail.deliveries)


def _held_by(mail: Mail) -> str:
    return next((hold.rule for hold in mail.open_holds), "")
