"""A mail that waits, judged once more as it would be with another recipient in the place of one it has."""

from dataclasses import replace
from hashlib import sha256

from mailguard.clock import Clock
from mailguard.intake.judge import Judge
from mailguard.intake.letter import Letter
from mailguard.mail import headers
from mailguard.mail.address import key
from mailguard.mail.envelope import Recipient, Session
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.records import Mail, NewMail, Spool, State
from mailguard.store.base import Store


class Again:
    """Nothing is stored by it."""

    def __init__(self, store: Store, judge: Judge, clock: Clock) -> None:
        self._store, self._judge, self._clock = store, judge, clock

    async def __call__(self, mail: Mail, wrong: str, right: str, edits: tuple[headers.Edit, ...]) -> NewMail:
        """`edits` put the other address into the header."""
        whole = b"".join([chunk async for chunk in self._store.body(mail.queue_id)])
        gone = {key(d.address) for d in mail.deliveries if d.state is State.CANCELLED or d.added} | {wrong}
        kept = tuple(d.recipient for d in mail.deliveries if key(d.address) not in gone)
        made = [edit for edit in mail.edits if isinstance(edit, headers.Drop | headers.Hide | headers.Swap)]
        at = headers.split(whole)
        raw = headers.apply(whole[:at], [*made, *edits]) + whole[at:]
        letter = Letter(
            mail.queue_id, replace(mail.envelope, recipients=(*kept, Recipient(right))),
            Spool(raw, sha256(raw).digest()), Session("", mail.identity, "", listener=""), Reading(Message(raw)),
            self._clock.now(),
        )  # fmt: skip
        return await self._judge.mail(letter)
