"""What a store promises. Each verb is one transaction, with its audit event and the notices it causes.

`now` is always passed in. One contract suite (tests/store) runs against every implementation.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailguard.mail.envelope import Envelope
from mailguard.mail.headers import Edit
from mailguard.records import (
    Actor,
    Claim,
    Curb,
    Decision,
    Event,
    Heard,
    Hold,
    Kept,
    Mail,
    NewMail,
    NewNotice,
    Outcome,
    Past,
    Receipt,
    RuleHit,
    RuleTally,
    State,
    Thread,
    Waiting,
)
from mailguard.store.audit import AuditStore
from mailguard.store.habits import HabitStore
from mailguard.store.journals import JournalStore
from mailguard.store.legal import LegalStore
from mailguard.store.nodes import NodeStore
from mailguard.store.notices import NoticeStore
from mailguard.store.retention import Retention
from mailguard.store.search import SearchStore
from mailguard.store.sent_copies import SentCopyStore
from mailguard.store.sign_in import SignInStore


@dataclass(frozen=True, slots=True)
class Filter:
    """What `find` looks for; all given parts must hold. `answers` is whoever is asked about it."""

    state: State | None = None
    waiting: bool = False  # held or queued
    sender: str = ""  # the identity's address
    answers: str = ""
    approver: str = ""  # waits for this person's approval
    recipient: str = ""
    rule: str = ""
    approval: bool = False  # somebody's approval is missing
    before: datetime | None = None  # received before
    limit: int = 1000
    after: str = ""  # queue id to page on from (newest first)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A hold that ended because nobody answered, that was reminded of, or about which others are asked now."""

    queue_id: str
    rule: str
    outcome: str  # send | return | discard | reminded | escalated


@dataclass(frozen=True, slots=True)
class Load:
    """What one login has unfinished: mails, and their bytes."""

    mails: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The queue in numbers: deliveries by state, the oldest waiting one by state, late notices."""

    deliveries: Mapping[State, int]
    oldest: Mapping[State, datetime]
    notices_undelivered: int  # older than five minutes and not gone
    journals_undelivered: int = 0  # the same of what an archive is told


class Store(
    AuditStore, NoticeStore, JournalStore, LegalStore, SearchStore, SignInStore, HabitStore, NodeStore, SentCopyStore,
    Protocol,
):  # fmt: skip
    """Durable memory of mail and what was decided about it.

    Errors: StoreFull (no room), TemporaryFailure (busy, closing), StoreBroken (stop the service).
    """

    async def open(self) -> None:
        """Create or migrate the schema and take the lock; ConfigError says what to do when that can't be."""
        ...

    async def close(self) -> None: ...

    # a store that may be a copy
    @property
    def paused(self) -> str:
        """Why nothing may leave from here, '' when it may; until `resume`. `claim` gives nothing while so.

        Since `open`: what waits here may have left already, in a copy or an earlier state. Then `claim_notices` and
        `expire` do nothing either, and nothing is ever due. Since `pause`: only mail waits, people are told.
        """
        ...

    async def resume(self, *, by: Actor, now: datetime) -> bool:
        """A person lets what waits leave, and vouches for a store that was in doubt. False when nothing was paused."""
        ...

    # mail in
    async def put(self, mail: NewMail, now: datetime) -> str:
        """Durable when it returns: the 250 depends on it.

        Not '': nothing was put, because this is a fork of the mail with this queue id, which came first (`join`).
        """
        ...

    async def join(self, mail: NewMail, envelope: Envelope, digest: bytes, now: datetime, *, revision: int) -> Decision:
        """The recipients of a fork become its first's, judged all together as `mail` (its queue id is the first's).
        `digest`: SHA-256 of the fork's own bytes, for `receipts`.

        DONE: they wait as it does, or have been on it. ALREADY: it was taken back, and so are they. TOO_LATE: it has
        left, or nobody knows yet what it is; UNKNOWN: there is no such mail any more; then nothing was done.
        MailChanged: it waits, but not as `revision`.
        """
        ...

    async def decide(self, mail: NewMail, now: datetime) -> Decision:
        """Replace the verdict, holds, deliveries, edits and notices of a mail put as UNDECIDED, once."""
        ...

    # mail out
    async def claim(
        self,
        worker: str,
        now: datetime,
        *,
        lease: timedelta,
        limit: int,
        per_destination: int,
        skip: Mapping[str, int],
    ) -> list[Claim]:
        """Due deliveries, oldest first, as claims; attempts are counted and state is `sending` when it returns.

        At most `per_destination` claims a destination, less the number already busy in `skip`.
        """
        ...

    async def claim_interrupted(self, worker: str, now: datetime, *, lease: timedelta) -> list[Claim]:
        """One due claim that an end of the process cut off before, or none: to be carried with nothing beside it."""
        ...

    async def renew(self, claim: Claim, now: datetime, lease: timedelta) -> None: ...

    async def settle(
        self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail] = (),
        *, as_sent: bool = False,
    ) -> None:  # fmt: skip
        """Write each claimed delivery's outcome (by id) and the reports in one commit. Raises ClaimLost.

        `as_sent`: once all of it has ended, its sender is told what left, where somebody was taken off.

        A SENT delivery of kind MAIL that was not `added` is learnt into the sender's past in the same commit.
        """
        ...

    async def quarantine(self, claim: Claim, hold: Hold, now: datetime) -> None:
        """Set a claimed mail aside (damaged, poison): its waiting and claimed deliveries become held."""
        ...

    async def reclaim(self, now: datetime, *, everything: bool = False) -> int:
        """Give back deliveries whose lease ran out. Three times → held.

        `everything`, at start: all that is `sending`, notices and journals too.
        """
        ...

    async def next_due(self, after: datetime | None = None) -> datetime | None:
        """The first instant (later than `after`) at which claim, expire, a reminder or a notice has something to do."""
        ...

    # people
    async def send_now(
        self, queue_id: str, *, by: Actor, now: datetime, scope: Collection[str] = (),
        notices: Sequence[NewNotice] = (), said: str = "", revision: int | None = None,
    ) -> Decision:  # fmt: skip
        """The sender's release: resolve the holds the sender may (not approvers', UNDECIDED or DAMAGED), drop delays.

        `said` is why, in that person's words; kept with the event. MailChanged: it waits, but not as `revision`.

        A mail that is only delayed leaves at once (its client's FUTURERELEASE too); after a hold the rules' delays
        are dropped and the client's time stays. `scope` (keys): only these recipients' copies.
        """
        ...

    async def approve(
        self, queue_id: str, *, by: Actor, person: str, now: datetime, notices: Sequence[NewNotice] = (),
        anyones: bool = False, said: str = "", revision: int | None = None,
    ) -> Decision:  # fmt: skip
        """Count `person`'s approval on the holds that name them; resolve those that have enough. The rest as above.

        `anyones`: also on holds that name others; one person's approval is never two.
        """
        ...

    async def stop(
        self, queue_id: str, *, by: Actor, hold: Hold, now: datetime, notices: Sequence[NewNotice] = ()
    ) -> Decision:
        """Make the wait a hold (`hold.scope` limits it). ALREADY when such a hold is open."""
        ...

    async def cancel(
        self, queue_id: str, *, by: Actor, now: datetime, reason: str = "cancelled", notices: Sequence[NewNotice] = ()
    ) -> Decision:
        """End every waiting delivery. TOO_LATE when none waits any more."""
        ...

    async def drop(
        self, queue_id: str, addresses: Collection[str], *, by: Actor, now: datetime, edit_headers: bool,
        if_last: Sequence[NewNotice] = (),
    ) -> Decision:  # fmt: skip
        """End these recipients' (keys) waiting deliveries; with `edit_headers` they leave To and Cc of the rest.

        `if_last`: the notices of a mail that nobody is left to get.
        """
        ...

    async def hide(
        self, queue_id: str, addresses: Collection[str], *, by: Actor, now: datetime, edits: Sequence[Edit]
    ) -> Decision:
        """These recipients' (keys) waiting copies become Bcc: the others do not see them. `edits` do it in the mail."""
        ...

    async def note(
        self, queue_id: str, event: str, *, by: Actor, now: datetime, data: Mapping[str, str],
        notices: Sequence[NewNotice] = (),
    ) -> Decision:  # fmt: skip
        """Something a person did that changes nothing in the mail: one line of its history."""
        ...

    async def extend(self, queue_id: str, *, by: Actor, until: datetime, now: datetime) -> Decision:
        """Move the expiry of the open holds to a later instant."""
        ...

    async def requeue(self, queue_id: str, *, by: Actor, now: datetime) -> Decision:
        """Try the queued deliveries now, and give their retry clock a fresh start; POISON holds are resolved."""
        ...

    async def bounce(
        self,
        queue_id: str,
        failed: Collection[int],
        *,
        reply: str,
        by: Actor,
        now: datetime,
        reports: Sequence[NewMail] = (),
    ) -> Decision:
        """Give up these deliveries (ids): failed, with the reports about them. TOO_LATE when others wait by now."""
        ...

    async def curb(self, curb: Curb, *, by: Actor, now: datetime, alerts: Sequence[NewNotice] = ()) -> list[str]:
        """Hold what the curb covers of all unfinished mail, and ask its approvers; the queue ids that changed.

        A copy that is on its way is held should it come back. Applying the same curb again changes nothing.
        """
        ...

    async def swap(
        self, mail: NewMail, wrong: str, right: str, *, by: Actor, now: datetime, edits: Sequence[Edit]
    ) -> Decision:
        """`right` instead of `wrong` (keys), who still waits: a new version, judged as `mail`. Holds stay."""
        ...

    async def expire(self, now: datetime) -> list[Expiry]:
        """End the holds whose time is up as `on_expiry` says, ask others, remind; notices commit with it."""
        ...

    # what outlives the process
    async def remember(
        self, name: str, value: Mapping[str, Any] | None, *, event: str, by: Actor, now: datetime,
        notices: Sequence[NewNotice] = (),
    ) -> None:  # fmt: skip
        """Keep a small JSON value under `name`, with this event in the audit and these notices.

        None: forget it. Where nothing is kept under the name, there is no event and no notice either.
        """
        ...

    async def recall(self, names: str) -> dict[str, dict[str, Any]]:
        """What is kept under the names that this pattern (with `*`) fits."""
        ...

    # looking
    async def get(self, queue_id: str) -> Mail | None: ...

    def body(self, queue_id: str) -> AsyncGenerator[bytes, None]:
        """The message as received, in chunks; nothing when it was purged.

        It ends early where bytes are missing, which are damaged or were purged meanwhile: who needs all of it compares
        with `Mail.size`.
        """
        ...

    async def find(self, what: Filter) -> list[Mail]: ...

    async def assisted(self, person: str, limit: int) -> Mapping[str, frozenset[str]]:
        """Unfinished mails that this assistant was told of, newest first, with the executives' copies (keys)."""
        ...

    async def receipts(self, since: datetime, most: int) -> list[Receipt]:
        """Mail accepted since then, the oldest first; of more than `most`, the latest."""
        ...

    async def events(self, queue_id: str) -> list[Event]: ...

    async def facts_for(self, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
        """The sender's past with these addresses (keys), and the members of the thread these ids belong to."""
        ...

    async def written_by(self, sender: str) -> Mapping[str, int]:
        """Every address (key) this sender wrote to, with the mails to it; of very many, some."""
        ...

    async def written_domains(self) -> Mapping[str, int]:
        """Every registered domain that anybody wrote to, with the copies to it. Reads the whole past: ask rarely."""
        ...

    async def thread(
        self, sender: str, addresses: Collection[str], message_ids: Collection[str], parent: str
    ) -> Thread | None:
        """The conversation of these ids; `parent` is the one answered. None when none of its mails was seen."""
        ...

    async def heard(self, passages: Collection[int]) -> tuple[Heard, ...]:
        """Who got any of these passages (`mail.sketch`) in mail that was sent."""
        ...

    async def waiting(self, sender: str, addresses: Collection[str]) -> tuple[Waiting, ...]:
        """The sender's mails with a sketch that any of these addresses waits for, the latest first."""
        ...

    async def files_sent(self, digests: Collection[bytes]) -> Mapping[bytes, frozenset[str]]:
        """Of these files (SHA-256) those that were sent before, with the domains outside they went to."""
        ...

    def kept(self, since: datetime, until: datetime) -> AsyncGenerator[tuple[Mail, Kept], None]:
        """The mails accepted in this time of which facts are kept, in the order they came."""
        ...

    async def tallies(self, since: datetime) -> list[RuleTally]:
        """Each rule that matched a mail accepted since then, in numbers, by its id. Reads all of that mail: ask rarely.

        Older than `Retention.decisions` nothing is known.
        """
        ...

    async def matches(self, rule: str, since: datetime) -> list[RuleHit]:
        """The mails accepted since then that this rule matched, in whichever mode, the latest first."""
        ...

    async def counts(self, now: datetime) -> Counts: ...

    async def load(self, login: str) -> Load:
        """What of this login's mail has not ended; '' is all that came without a login."""
        ...

    async def logins(self) -> list[str]:
        """Every login with unfinished mail."""
        ...

    # keeping house
    async def purge(self, now: datetime, keep: Retention) -> int:
        """Delete what is past its time and under no legal hold, so that its bytes are gone from the files.

        How many mails lost their body.
        """
        ...

    @property
    def reserve_spent(self) -> bool:
        """Whether the room kept for a full disk is not there: what was accepted used it, or it never was free."""
        ...

    async def free_bytes(self) -> int | None:
        """Free space where the store writes; None when it can't be known."""
        ...
