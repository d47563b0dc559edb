"""Tells the archive what left and what was taken back: claims journals, wraps each mail as it was, and sends it."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from mailguard import journal
from mailguard.clock import Clock
from mailguard.courier.parcel import Body, Parcel
from mailguard.courier.signing import signed
from mailguard.dkim.signer import Signer
from mailguard.errors import ClaimLost, TemporaryFailure
from mailguard.log import Log
from mailguard.mail import headers
from mailguard.mail.envelope import Recipient
from mailguard.records import Actor, JournalClaim, Outcome, Result
from mailguard.scheduler.attempt import Carrier
from mailguard.scheduler.content import Leaving, leaving, read
from mailguard.scheduler.settings import ArchiveSettings
from mailguard.store.base import Store
from mailguard.tasks import PATIENCE, Tasks, in_thread, patiently

T = TypeVar("T")

LEASE = timedelta(hours=6)  # longer than two whole attempts of the courier (its Timeouts)
AT_ONCE = 2  # an archive that hangs leaves the next hop's connections to the mail
_RETRY = (30, 60, 120, 300, 900, 1800, 3600)  # seconds; then every hour, for ever
_BY = Actor("configuration", "policy")


class Journals:
    """Journals skip the rules because they are made here and go straight to the courier; nothing waits for them."""

    def __init__(
        self, store: Store, courier: Carrier, clock: Clock, log: Log, settings: ArchiveSettings | None, *,
        sender: str, hostname: str, new_id: Callable[[], str], destination: Callable[[str], str],
        wake: Callable[[], None], signer: Callable[[], Signer] = Signer,
    ) -> None:  # fmt: skip
        self._store, self._courier, self._clock, self._log = store, courier, clock, log
        self._settings, self._sender, self._hostname = settings, sender, hostname
        self._new_id, self._destination, self._wake, self._signer = new_id, destination, wake, signer
        self._tasks = Tasks()

    async def start(self) -> None:
        """What the configuration says is what is told from now on."""
        to, of = (self._settings.to, self._settings.of) if self._settings else ("", ())
        await self._store.set_archive(to, of, by=_BY, now=self._clock.now())

    async def stop(self, drain: float) -> None:
        """Let what is on the wire end within `drain` seconds."""
        await self._tasks.end(drain)

    async def post(self) -> int:
        """Start on what is due; how many mails to the archive that makes."""
        room = AT_ONCE - len(self._tasks)
        if self._settings is None or room <= 0:
            return 0
        claims = await self._store.claim_journals(self._clock.now(), lease=LEASE, limit=room)
        # failpoint: journals.claimed
        for claim in claims:
            self._tasks.spawn(self._tell(claim, self._settings.to))
        return len(claims)

    async def _tell(self, claim: JournalClaim, to: str) -> None:
        try:
            outcome = await self._carry(claim, to)
            # failpoint: journals.carried
            now = self._clock.now()
            again = None if outcome.result is Result.SENT else now + _pause(claim.attempts)
            await self._settle(claim, outcome, now, again)
            self._log.journalled(claim, outcome)
        except ClaimLost:
            pass  # its lease ran out: another attempt has it
        except Exception as error:  # the lease gives it back
            self._log.failure("journals", error)
        finally:
            self._wake()

    async def _settle(self, claim: JournalClaim, outcome: Outcome, now: datetime, again: datetime | None) -> None:
        await self._patiently(lambda: self._store.settle_journal(claim, str(outcome.reply), now, again))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """A full or busy store passes; the lease would give the journal back after hours."""
        told = partial(self._log.failure, "journals")
        return await patiently(work, TemporaryFailure, PATIENCE, self._clock.sleep, told)

    async def _carry(self, claim: JournalClaim, to: str) -> Outcome:
        parcel = await self._patiently(lambda: self._parcel(claim, to))
        (outcome,) = await self._courier.carry(await signed(parcel, self._signer(), self._clock.now()))
        return outcome

    async def _parcel(self, claim: JournalClaim, to: str) -> Parcel:
        mail, queue_id = claim.mail, claim.mail.queue_id
        events = await self._store.events(queue_id)
        content, intact = await read(self._store, mail)
        left = await leaving(self._store, mail, content, self._signer()) if intact else Leaving(b"", b"", 0, ())
        boundary = f"=_journal_{secrets.token_hex(16)}"
        lead = await in_thread(
            journal.lead, claim, events, left.head, sender=self._sender, to=to, boundary=boundary,
            message_id=f"<{self._new_id()}@{self._hostname}>", now=self._clock.now(), damaged=not intact,
        )  # fmt: skip
        tail, cut = journal.tail(boundary), headers.split(lead)
        return Parcel(
            destination=self._destination(to), sender="", recipients=(Recipient(to, notify=("NEVER",)),),
            head=lead[:cut], body=_wrapped(lead[cut:] + left.head, left.body, tail),
            size=len(lead) + left.size + len(tail),
            smtputf8=not to.isascii(), eightbit=True,  # the mail is a part: its own header does not ask for more
            require_tls=mail.envelope.require_tls,
        )  # fmt: skip


def _wrapped(before: bytes, body: Body, after: bytes) -> Body:
    """The body between what comes before and after it; a large one still a piece at a time."""
    if not callable(body):
        return b"".join((before, body, after))
    pieces = body

    async def chunks() -> AsyncIterator[bytes]:
        yield before
        async for piece in pieces():
            yield piece
        yield after

    return chunks


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=_RETRY[min(attempts, len(_RETRY)) - 1])
