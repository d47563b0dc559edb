"""A client that never saw its 250 sends the mail again: the same within an hour is no second mail.

What was answered, and heard, is forgotten; so is everything when the process ends, and then read back from the store,
because nobody knows which of the last answers arrived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailguard.clock import Clock
from mailguard.mail import address
from mailguard.mail.envelope import Envelope
from mailguard.records import Accepted, Mail, State
from mailguard.store.base import Store

LASTS = timedelta(hours=1)
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
        self._signs: dict[str, list[_Sign]] = {}  # by queue id, which several have that are forks of one mail

    async def load(self) -> None:
        """Everything the store has of the last hour, at start."""
        for receipt in await self._store.receipts(self._clock.now() - LASTS, MOST):
            answer = asyncio.get_running_loop().create_future()
            answer.set_result(Accepted(receipt.queue_id))
            name = sign(receipt.identity, receipt.sender, receipt.digest, receipt.recipients)
            self._firsts[name] = _First(receipt.received_at, answer)
            self._signs[receipt.queue_id] = [name]

    async def once(
        self, identity: str, envelope: Envelope, digest: bytes, accept: Callable[[], Awaitable[Accepted]]
    ) -> Accepted:
        """The answer of the same mail's first copy, waited for if need be; `accept` when there is none that counts."""
        name = sign(identity, envelope.sender, digest, envelope.addresses)
        self._forget_old()
        while (first := self._firsts.get(name)) is not None:
            accepted = await asyncio.shield(first.answer)
            if (mail := await self._store.get(accepted.queue_id)) is not None and _counts(mail):
                return replace(accepted, held_by=_held_by(mail), resend=True)
            if self._firsts.get(name) is first:
                self._drop(name)
        return await self._first(name, accept)

    def answered(self, queue_id: str) -> None:
        """Its client went on after the 250: it will not come again."""
        for name in list(self._signs.get(queue_id, ())):
            self._drop(name)

    async def _first(self, name: _Sign, accept: Callable[[], Awaitable[Accepted]]) -> Accepted:
        first = _First(self._clock.now(), asyncio.get_running_loop().create_future())
        self._firsts[name] = first
        try:
            accepted = await accept()
        except BaseException as error:
            self._drop(name)
            first.answer.set_exception(error if isinstance(error, Exception) else ConnectionAbortedError())
            first.answer.exception()  # that nobody else waits for it is no trouble
            raise
        first.answer.set_result(accepted)
        self._signs.setdefault(accepted.queue_id, []).append(name)
        return accepted

    def _drop(self, name: _Sign) -> None:
        first = self._firsts.pop(name, None)
        if first is not None and first.answer.done() and not first.answer.exception():
            queue_id = first.answer.result().queue_id
            left = [one for one in self._signs.pop(queue_id, ()) if one != name]
            if left:
                self._signs[queue_id] = left

    def _forget_old(self) -> None:
        since = self._clock.now() - LASTS
        while self._firsts:
            name, first = next(iter(self._firsts.items()))
            if not first.answer.done() or (first.at > since and len(self._firsts) <= MOST):
                return
            self._drop(name)


def _counts(mail: Mail) -> bool:
    """Who took a mail back, or got it back, and sends it again means a new one."""
    return any(d.state not in (State.CANCELLED, State.FAILED) for d in mail.deliveries)


def _held_by(mail: Mail) -> str:
    return next((hold.rule for hold in mail.open_holds), "")
