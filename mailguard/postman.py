"""Carries what mailguard has to tell people: claims notices, gives each its fresh link, renders and sends them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.courier.parcel import Parcel
from mailguard.courier.signing import signed
from mailguard.dkim.signer import Signer
from mailguard.errors import ClaimLost, TemporaryFailure
from mailguard.log import Log
from mailguard.mail import address, headers
from mailguard.mail.envelope import Recipient
from mailguard.notices import compose, daily, reply
from mailguard.notices.settings import NoticeSettings
from mailguard.people import People
from mailguard.records import (
    Capability,
    NewNotice,
    NoticeClaim,
    NoticeKind,
    Outcome,
    Reply,
    Result,
)
from mailguard.store.base import Store
from mailguard.tasks import PATIENCE, Tasks, patiently

T = TypeVar("T")

LEASE = timedelta(hours=6)  # longer than two whole attempts of the courier (its Timeouts), so that nobody is told twice
AT_ONCE = 20
GIVE_UP = timedelta(hours=48)
_WITHOUT_LINK = (NoticeKind.NOTIFY, NoticeKind.CODE, NoticeKind.DELEGATE, NoticeKind.ALERT, NoticeKind.HELP)
_RETRY = (30, 60, 120, 300, 900, 1800)  # seconds; a notice is worth most while the mail still waits


class Carrier(Protocol):
    """What the postman needs of the courier."""

    async def carry(self, parcel: Parcel) -> tuple[Outcome, ...]: ...

    def destination(self, address: str) -> str: ...


class Postman:
    """Notices skip the rules because they are made here, never because of a header that anyone can forge."""

    def __init__(
        self,
        store: Store,
        courier: Carrier,
        clock: Clock,
        log: Log,
        settings: NoticeSettings,
        *,
        url: str,
        people: Callable[[], People],
        hostname: str,
        new_id: Callable[[], str],
        wake: Callable[[], None],
        signer: Callable[[], Signer] = Signer,
    ) -> None:
        self._store, self._courier, self._clock, self._log = store, courier, clock, log
        self._settings, self._url, self._people = settings, url.rstrip("/"), people
        self._hostname, self._new_id, self._wake, self._signer = hostname, new_id, wake, signer
        self._tasks = Tasks()

    async def post(self) -> int:
        """Start on what is due; how many mails to people that makes."""
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return 0
        claims = await self._store.claim_notices(
            self._clock.now(), lease=LEASE, limit=room,
            digest_over=self._settings.digest.over, digest_within=self._settings.digest.within,
        )  # fmt: skip
        # failpoint: postman.claimed
        for claim in claims:
            self._tasks.spawn(self._tell(claim))
        return len(claims)

    async def stop(self, drain: float) -> None:
        """Let what is on the wire end within `drain` seconds."""
        await self._tasks.end(drain)

    async def _tell(self, claim: NoticeClaim) -> None:
        try:
            outcome = self._put_off(claim) or await self._send(claim)
            # failpoint: postman.carried
            scheduled = self._scheduled(claim, outcome)
            await self._patiently(lambda: self._store.settle_notice(claim, scheduled, self._clock.now()))
            kinds = [stored.notice.kind.value for stored in claim.notices]
            self._log.noticed(kinds, claim.mails, claim.person, outcome)
        except ClaimLost:
            pass
        except Exception as error:
            self._log.failure("postman", error)
        finally:
            self._wake()

    def _put_off(self, claim: NoticeClaim) -> Outcome | None:
        """Until the hour at which this person wants what asks nothing of them."""
        people = self._people()
        hour = people.preference(claim.person).digest
        due = daily.put_off(claim, hour, people.organization.zone, self._clock.now())
        return Outcome(Result.DEFERRED, Reply(250, "2.0.0", "it comes once a day"), due_at=due) if due else None

    async def _send(self, claim: NoticeClaim) -> Outcome:
        claim = replace(claim, notices=tuple(stored for stored in claim.notices if _needed(stored.notice, claim)))
        if not claim.notices:
            return Outcome(Result.SENT, Reply(250, "2.0.0", "not needed any more: the mail does not wait"))
        if not self._people().internal(claim.person):
            text = "a notice goes to our own domains only"
            return Outcome(Result.FAILED, Reply(550, "5.7.1", text))
        originals = await self._patiently(lambda: self._originals(claim))
        require = any(claim.mails[queue_id].envelope.require_tls for queue_id in originals)
        outcome = await self._carry(claim, await self._patiently(lambda: self._content(claim, originals)), require)
        if outcome.result is Result.FAILED and originals:
            # the mail that comes back may be just what is refused (or what REQUIRETLS forbids): then without it
            outcome = await self._carry(claim, await self._patiently(lambda: self._content(claim, {})))
        return outcome

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """A store that is away for a moment comes back: nobody is told hours later, or twice, because of it."""
        told = partial(self._log.failure, "postman")
        return await patiently(work, TemporaryFailure, PATIENCE, self._clock.sleep, told)

    async def _carry(self, claim: NoticeClaim, content: bytes, require_tls: bool = False) -> Outcome:
        cut = headers.split(content)
        parcel = Parcel(
            destination=self._courier.destination(claim.person), sender="",
            recipients=(Recipient(claim.person, notify=("NEVER",)),), head=content[:cut],
            body=memoryview(content)[cut:], size=len(content), smtputf8=not claim.person.isascii(),
            eightbit=not content.isascii(), ret=None, envid=None,
            require_tls=require_tls,
        )  # fmt: skip
        (outcome,) = await self._courier.carry(await signed(parcel, self._signer(), self._clock.now()))
        return outcome

    async def _content(self, claim: NoticeClaim, originals: Mapping[str, bytes]) -> bytes:
        people, links = self._people(), dict[str, str]()
        granted: list[Capability] = []
        reply_to = ""
        for stored in claim.notices:
            notice = stored.notice
            if notice.kind not in _WITHOUT_LINK and notice.queue_id and notice.queue_id not in links:
                token = tokens.new()
                links[notice.queue_id] = f"{self._url}/m/{token}"
                granted.append(_capability(notice, tokens.digest(token)))
        if self._settings.answers and len(links) == len(claim.notices) == 1:  # one mail, so it is clear what to stop
            answer = tokens.new_answer()
            reply_to = reply.address(self._settings.sender, answer)
            granted.append(_capability(claim.notices[0].notice, tokens.answer_digest(answer)))
        await self._store.grant(granted, self._clock.now())
        # failpoint: postman.granted
        return compose.render(
            claim, links=links, settings=self._settings, organization_zone=people.organization.zone,
            now=self._clock.now(), message_id=f"<{self._new_id()}@{self._hostname}>", originals=originals,
            reply_to=reply_to, language=people.language(claim.person) or self._settings.language,
        )  # fmt: skip

    async def _originals(self, claim: NoticeClaim) -> dict[str, bytes]:
        """The mails that come back to their sender with this notice."""
        returned = {
            stored.notice.queue_id
            for stored in claim.notices
            if stored.notice.kind is NoticeKind.RETURNED
            or (stored.notice.kind is NoticeKind.EXPIRED and stored.notice.data.get("outcome") == "return")
        }
        read = {
            queue_id: b"".join([chunk async for chunk in self._store.body(queue_id)]) for queue_id in sorted(returned)
        }
        # half a mail is none: of what is damaged its sender hears without it
        return {queue_id: raw for queue_id, raw in read.items() if len(raw) == claim.mails[queue_id].size}

    def _scheduled(self, claim: NoticeClaim, outcome: Outcome) -> Outcome:
        if outcome.result is not Result.DEFERRED or outcome.due_at:
            return outcome
        first, now = claim.notices[0], self._clock.now()
        if now - first.created_at > GIVE_UP:
            return Outcome(Result.FAILED, outcome.reply)
        wait = _RETRY[min(first.attempts, len(_RETRY) - 1)]
        return Outcome(Result.DEFERRED, outcome.reply, due_at=now + timedelta(seconds=wait))


def _needed(notice: NewNotice, claim: NoticeClaim) -> bool:
    """A question that was put off is not asked when it was answered meanwhile."""
    mail = claim.mails.get(notice.queue_id)
    return "put_off" not in notice.data or mail is None or any(d.state.waiting for d in mail.deliveries)


def _capability(notice: NewNotice, digest: bytes) -> Capability:
    return Capability(digest, notice.queue_id, address.key(notice.person), notice.power, notice.scope)
