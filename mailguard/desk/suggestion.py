"""Who was probably meant instead of a recipient: named on the page, and put in their place by a signed-in sender."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING

from mailguard.clock import Clock
from mailguard.desk import checks
from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.locale import N_
from mailguard.log import Log
from mailguard.mail import headers
from mailguard.mail.address import key
from mailguard.records import Action, Decision, Ending, HoldKind, Mail, NewMail, Power
from mailguard.store.base import Store

if TYPE_CHECKING:
    from mailguard.desk.desk import Desk

Again = Callable[[Mail, str, str, tuple[headers.Edit, ...]], Awaitable[NewMail]]
_UNCLEAR = (HoldKind.UNDECIDED, HoldKind.DAMAGED)


class Suggestions:
    """For the sender alone, and only what was computed when the mail came in: a press can't name an address."""

    def __init__(self, desk: "Desk", store: Store, clock: Clock, log: Log, again: Again | None) -> None:
        self._desk, self._store, self._clock, self._log, self._again = desk, store, clock, log, again

    async def of(self, mail: Mail, power: Power) -> Mapping[str, str]:
        """Of marked recipients (keys) who still wait, whom the sender probably meant."""
        marked = {key(d.address) for d in mail.deliveries if d.flagged and d.state.waiting and not d.added}
        if power is not Power.SENDER or not marked:
            return {}
        kept = await self._store.kept_of(mail.queue_id)
        there = {key(d.address) for d in mail.deliveries}
        meant = kept.past.meant if kept and kept.past else {}
        return {wrong: right for wrong, right in meant.items() if wrong in marked and key(right) not in there}

    def swappable(self, view: View) -> bool:
        """Whether this person may put them in: who only holds a link never adds a recipient."""
        known = self._again is not None and view.actor.via == "outbox" and "drop" in view.allowed
        return known and bool(view.meant) and not any(h.kind in _UNCLEAR for h in view.mail.open_holds)

    async def swap(self, view: View, recipients: Collection[str], seen: str) -> Decision:
        """Who was meant instead of the ticked one. It is judged like a mail that comes in, and goes on waiting."""
        checks.need(view, "swap")
        self._desk.seen.check(view, seen)
        ticked = [key(one) for one in recipients]
        if len(ticked) != 1 or self._again is None:
            raise NotConfirmed(N_("Tick whom to replace."))
        wrong, right = ticked[0], view.meant.get(ticked[0], "")
        if not right:
            raise NotConfirmed(N_("One of the ticked recipients is not waiting any more. Look again, then press."))
        head = await self._desk.head(view.mail)
        if headers.signed(head, "to") or headers.signed(head, "cc"):
            raise NotAllowed(N_("This mail is signed by its mail program: its recipients can't be replaced."))
        address = next(d.address for d in view.recipients if key(d.address) == wrong)
        edits = (headers.Swap(address, right),)
        judged = await self._again(view.mail, wrong, right, edits)
        if judged.verdict.action is Action.REJECT:
            raise NotAllowed(N_("Your organization's rules do not let this mail go to {address}."), address=right)
        decision = await self._store.swap(judged, wrong, right, by=view.actor, now=self._clock.now(), edits=edits)
        if decision.ending is Ending.DONE:
            self._log.replaced(view.mail.queue_id, (wrong, right), view.actor)
            self._desk.wake()
        return decision
