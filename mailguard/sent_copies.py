"""Puts Sent folders right: a mail that left with fewer or other recipients stands there as it was written."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta

from mailguard import imap
from mailguard.clock import Clock
from mailguard.dkim.signer import Signer
from mailguard.errors import ClaimLost, MailguardError
from mailguard.imap import AsSent
from mailguard.imap.correct import MARK
from mailguard.imap.settings import SentFolderSettings
from mailguard.log import Log
from mailguard.mail import headers
from mailguard.mail.headers import Add, Edit
from mailguard.records import Actor, Mail, SentCopyClaim, State
from mailguard.scheduler.content import leaving, read
from mailguard.store.base import Store
from mailguard.tasks import Tasks

LOOK = 30.0  # seconds between two looks at what is to be put right
LEASE = timedelta(minutes=30)
_RETRY = (60, 300, 900, 3600, 14_400, 43_200, 43_200)  # seconds; about a day, then it stays as it is
_ABSENT = 3  # attempts after which a copy that is not there will not come: not every program keeps one
_BY = Actor("sent folder", "imap")


class SentCopies:
    """In the background, one at a time: mail never waits for it, and what fails is tried again for a day."""

    def __init__(
        self, store: Store, settings: SentFolderSettings | None, mailbox: Callable[[str], str], clock: Clock, log: Log,
        signer: Callable[[], Signer] = Signer,
    ) -> None:  # fmt: skip
        """`mailbox`: the main address of whoever has this one; '' for a stranger."""
        self._store, self._settings, self._mailbox, self._clock, self._log = store, settings, mailbox, clock, log
        self._signer, self._tasks = signer, Tasks()

    def start(self) -> None:
        if self._settings is not None:
            self._tasks.spawn(self._run(self._settings))

    async def stop(self) -> None:
        """An attempt that is cut off is made again; done twice, it is as if done once."""
        await self._tasks.end(0.0)

    async def _run(self, settings: SentFolderSettings) -> None:
        while True:
            try:
                while await self.step(settings):
                    pass
            except Exception as error:
                self._log.failure("sent folder", error)
            await self._clock.sleep(LOOK)

    async def step(self, settings: SentFolderSettings) -> bool:
        """Put one right, if one is due. Never where the store may be a copy of another one, which does it."""
        if self._store.paused:
            return False
        claim = await self._store.claim_sent_copy(self._clock.now(), lease=LEASE)
        if claim is None:
            return False
        outcome, why = "", ""
        try:
            outcome = await self._corrected(claim, settings)
        except MailguardError as error:
            why = str(error)
        except Exception as error:  # it must come to an end as well
            self._log.failure("sent folder", error)
            why = type(error).__name__
        with suppress(ClaimLost):  # its lease ran out: another attempt has it
            await self._settle(claim, outcome, why)
        return True

    async def _settle(self, claim: SentCopyClaim, outcome: str, why: str) -> None:
        now, over = self._clock.now(), claim.attempts > len(_RETRY)
        outcome = outcome or ("given up" if over else "")
        self._log.sent_copy(claim.mail.queue_id, outcome, claim.attempts, why)
        if outcome:
            await self._store.settle_sent_copy(claim, outcome, by=_BY, now=now)
        else:
            await self._store.put_off_sent_copy(claim, now + timedelta(seconds=_RETRY[claim.attempts - 1]))

    async def _corrected(self, claim: SentCopyClaim, settings: SentFolderSettings) -> str:
        """What became of it; '' is: not yet."""
        mail = claim.mail
        mailbox = self._mailbox(mail.identity.address)
        if not mailbox or not any(delivery.state is State.SENT for delivery in mail.deliveries):
            return "not sent"  # or nobody's here
        content, intact = await read(self._store, mail)
        if not intact:
            return "not kept"
        left = await leaving(self._store, mail, content, self._signer())
        body = b"".join([chunk async for chunk in left.body()]) if callable(left.body) else left.body
        raw = b"".join((as_sent(left.head, mail), body))
        copy = AsSent(mail.message_id, mail.queue_id, raw, mail.received_at)
        account = settings.account(mailbox)
        if await _apart(lambda: imap.correct(settings.place, account, settings.folder, copy, settings.old)):
            return "corrected"
        return "no copy" if claim.attempts >= _ABSENT else ""


async def _apart(work: Callable[[], bool]) -> bool:
    """In a thread that nobody waits for at the end: a hanging server never keeps the service from stopping."""
    done: Future[bool] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="sent-folder", daemon=True).start()
    return await asyncio.wrap_future(done)


def as_sent(head: bytes, mail: Mail) -> bytes:
    """The header of a mail as it left, and above it who got the mail and who did not."""
    got = [d.address for d in mail.deliveries if d.state is State.SENT and not d.added]
    others = [d.address for d in mail.deliveries if d.state is not State.SENT and not d.added]
    said: list[Edit] = [Add("X-Mailguard-Not-Sent-To", ", ".join(others))] if others else []
    said += [Add("X-Mailguard-Sent-To", ", ".join(got)), Add(MARK, mail.queue_id)]
    return headers.apply(head, said)
