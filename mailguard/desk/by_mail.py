"""What an answer to a notice may do: as its link could, without a page to tick on."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from mailguard.desk.errors import NotConfirmed
from mailguard.desk.look import View
from mailguard.errors import MailguardError
from mailguard.mail.address import key
from mailguard.mail.envelope import Identity, Proof
from mailguard.people import People
from mailguard.records import Decision, Ending, Power, Requires
from mailguard.store.base import Store

if TYPE_CHECKING:
    from mailguard.desk.desk import Desk


class Unmet(MailguardError):
    """Nothing was done. `why`: power, page, login or who (`said`: what was written)."""

    def __init__(self, why: str, said: str = "") -> None:
        super().__init__(why)
        self.why, self.said = why, said


class ByMail:
    """An answer acts only for the person its notice went to, and only on that notice's mail."""

    def __init__(self, desk: "Desk", store: Store, people: Callable[[], People]) -> None:
        self._desk, self._store, self._people = desk, store, people

    async def view(self, digest: bytes, identity: Identity) -> View | None:
        """The mail that this answer is about; None for a token nobody knows, and for another person's."""
        capability = await self._store.capability(digest)
        people = self._people()
        if capability is None or people.canonical(identity.address) != people.canonical(capability.person):
            return None
        mail = await self._store.get(capability.queue_id)
        if mail is None or mail.purged:
            return None
        return await self._desk.view_of(mail, capability.person, capability.power, "mail", capability.scope)

    async def stop(self, view: View) -> Decision:
        """Held, whoever holds it already."""
        if "stop" in view.allowed:
            return await self._desk.stop(view)
        gone = any(d.state.left for d in view.recipients) and not any(d.state.waiting for d in view.recipients)
        return Decision(Ending.TOO_LATE if gone else Ending.ALREADY)

    async def send(self, view: View, identity: Identity) -> Decision:
        """Only what every rule that asks this person lets go by mail; raises Unmet."""
        if "send" not in view.allowed:
            return _unsent(view)
        mine = [h for h in view.mail.open_holds if bool(h.approvers) is (view.power is Power.APPROVER)]
        if view.power is Power.ASSISTANT or not mine or not all(hold.by_mail for hold in mine):
            raise Unmet("page")
        if view.requires is not Requires.LINK and identity.proof is not Proof.LOGIN:
            raise Unmet("login")
        try:
            return await self._desk.let_go(view)
        except NotConfirmed:  # it changed this very moment
            raise Unmet("page") from None

    async def drop(self, view: View, who: Collection[str]) -> tuple[Decision, tuple[str, ...]]:
        """These get nothing; with their addresses as the mail has them. Raises Unmet."""
        if view.power is not Power.SENDER:
            raise Unmet("power")
        waiting = {key(d.address): d.address for d in view.recipients if d.state.waiting}
        if not waiting:
            return await self.stop(view), ()
        if unknown := [one for one in who if key(one) not in waiting]:
            raise Unmet("who", unknown[0])
        keys = dict.fromkeys(map(key, who))
        return await self._desk.take_out(view.mail, keys, view.actor), tuple(waiting[one] for one in keys)


def _unsent(view: View) -> Decision:
    """Why letting go is not offered: nothing waits, this person's word was given, or it is others' to give."""
    mine = key(view.person)
    if any(d.state.waiting for d in view.recipients):
        if any(mine in map(key, hold.approved_by) for hold in view.mail.holds):
            return Decision(Ending.ALREADY)
        raise Unmet("power")
    return Decision(Ending.ALREADY if any(d.state.left for d in view.recipients) else Ending.TOO_LATE)
