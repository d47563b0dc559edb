"""What a store promises. Each verb is one transaction, with its audit event and the notices it causes.

`now` is always passed in. One contract suite (tests/store) runs against every implementation.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailguard.records import (
    Actor,
    Capability,
    Claim,
    Curb,
    Decision,
    Event,
    Hold,
    Mail,
    NewMail,
    NewNotice,
    NoticeClaim,
    Outcome,
    Past,
    Receipt,
    State,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What `find` looks for; all given parts must hold. `answers` is whoever is asked about it."""

    state: State | None = None
    waiting: bool = False  # held or queued
    sender: str = ""  # the identity's address
    answers: str = ""
    recipient: str = ""
    rule: str = ""
    before: datetime | None = None  # received before
    limit: int = 1000
    after: str = ""  # queue id to page on from (newest first)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A hold that ended because nobody answered, or that was reminded of."""

    queue_id: str
    rule: str
    outcome: str  # send | return | discard | reminded


@dataclass(frozen=True, slots=True)
class Load:
    """What one login has unfinished: mails, and their bytes."""

    mails: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, counted from the end of the last recipient."""

    bodies: timedelta
    decisions: timedelta
    facts: timedelta


@dataclass(frozen=True, slots=True)
class Counts:
    """The queue in numbers: deliveries by state, the oldest waiting one by state, late notices."""

    deliveries: Mapping[State, int]
    oldest: Mapping[State, datetime]
    notices_undelivered: int  # older than five minutes and not gone


class Store(Protocol):
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
        """Why nothing may leave from here, '' when it may; from `open` until `resume`.

        What waits here may have left already: a copy, or an earlier state. While so, `claim`, `claim_notices` and
        `expire` do nothing and nothing is ever due; all else goes on.
        """
        ...

    async def resume(self, *, by: Actor, now: datetime) -> bool:
        """A person vouches for what waits: it leaves from here. False when nothing was paused."""
        ...

    # mail in
    async def put(self, mail: NewMail, now: datetime) -> None:
        """Durable when it returns: the 250 depends on it."""
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
        self, claim: Claim, outcomes: Mapping[int, Outcome], now: datetime, reports: Sequence[NewMail] = ()
    ) -> None:
        """Write each claimed delivery's outcome (by id) and the reports in one commit. Raises ClaimLost.

        A SENT delivery of kind MAIL that was not `added` is learnt into the sender's past in the same commit.
        """
        ...

    async def quarantine(self, claim: Claim, hold: Hold, now: datetime) -> None:
        """Set a claimed mail aside (damaged, poison): its waiting and claimed deliveries become held."""
        ...

    async def reclaim(self, now: datetime, *, everything: bool = False) -> int:
        """Give back deliveries whose lease ran out. Three times → held.

        `everything`, at start: all that is `sending`, notices too.
        """
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """The next instant at which claim, expire, a reminder or a notice has something to do."""
        ...

    # people
    async def send_now(
        self, queue_id: str, *, by: Actor, now: datetime, scope: Collection[str] = (), notices: Sequence[NewNotice] = ()
    ) -> Decision:
        """The sender's release: resolve the holds the sender may (not approvers', UNDECIDED or DAMAGED), drop delays.

        A mail that is only delayed leaves at once (its client's FUTURERELEASE too); after a hold the rules' delays
        are dropped and the client's time stays. `scope` (keys): only these recipients' copies.
        """
        ...

    async def approve(
        self, queue_id: str, *, by: Actor, person: str, now: datetime, notices: Sequence[NewNotice] = ()
    ) -> Decision:
        """Count `person`'s approval on the holds that name them; resolve those that have enough."""
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
        self,
        queue_id: str,
        addresses: Collection[str],
        *,
        by: Actor,
        now: datetime,
        edit_headers: bool,
        if_last: Sequence[NewNotice] = (),
    ) -> Decision:
        """End these recipients' (keys) waiting deliveries; with `edit_headers` they leave To and Cc of the rest.

        `if_last`: the notices of a mail that nobody is left to get.
        """
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

    async def expire(self, now: datetime) -> list[Expiry]:
        """End the holds whose time is up as `on_expiry` says, remind at half time; notices commit with it."""
        ...

    # notices and links
    async def notify(self, notices: Sequence[NewNotice], now: datetime) -> None: ...

    async def claim_notices(
        self, now: datetime, *, lease: timedelta, limit: int, digest_over: int, digest_within: timedelta
    ) -> list[NoticeClaim]:
        """Due notices; more than `digest_over` to one person within `digest_within` are gathered into one claim."""
        ...

    async def settle_notice(self, claim: NoticeClaim, outcome: Outcome, now: datetime) -> None:
        """DEFERRED goes again at `outcome.due_at`; FAILED stays countable; ClaimLost as for mail."""
        ...

    async def grant(self, capabilities: Sequence[Capability], now: datetime) -> None: ...

    async def capability(self, digest: bytes) -> Capability | None: ...

    async def set_code(self, subject: str, digest: bytes, expires_at: datetime, now: datetime) -> bool:
        """Store a one-time code's digest for `subject`, replacing an earlier one. False: too many asked for lately."""
        ...

    async def use_code(self, subject: str, digest: bytes, now: datetime) -> bool:
        """True once for the right code; five wrong tries or its time end it."""
        ...

    async def open_login(self, digest: bytes, person: str, expires_at: datetime) -> None: ...

    async def login(self, digest: bytes, now: datetime) -> str | None:
        """The address that a web session (its cookie's digest) belongs to."""
        ...

    async def close_login(self, digest: bytes) -> None: ...

    # what outlives the process
    async def remember(
        self,
        name: str,
        value: Mapping[str, Any] | None,
        *,
        event: str,
        by: Actor,
        now: datetime,
        notices: Sequence[NewNotice] = (),
    ) -> None:
        """Keep a small JSON value under `name` (None: forget it), with this event in the audit and these notices."""
        ...

    async def recall(self, names: str) -> dict[str, dict[str, Any]]:
        """What is kept under the names that this pattern (with `*`) fits."""
        ...

    # looking
    async def get(self, queue_id: str) -> Mail | None: ...

    def body(self, queue_id: str) -> AsyncIterator[bytes]:
        """The message as received, in chunks; nothing when it was purged."""
        ...

    async def find(self, what: Filter) -> list[Mail]: ...

    async def receipts(self, since: datetime, most: int) -> list[Receipt]:
        """Mail accepted since then, the oldest first; of more than `most`, the latest."""
        ...

    async def events(self, queue_id: str) -> list[Event]: ...

    async def facts_for(self, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
        """The sender's past with these addresses (keys), and the members of the thread these ids belong to."""
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
        """Delete what is past its time, so that its bytes are gone from the files. How many mails lost their body."""
        ...

    async def free_bytes(self) -> int | None:
        """Free space where the store writes; None when it can't be known."""
        ...
