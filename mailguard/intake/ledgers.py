"""How much each recipient of a mail surprises: ledgers of senders, kept at hand and brought up to date mail by mail."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from mailguard.errors import CannotTell
from mailguard.history.doubt import MOST, doubts
from mailguard.history.ledger import SENT, Ledger
from mailguard.history.said import Said, said
from mailguard.history.settings import HistorySettings
from mailguard.history.signs import Outgoing
from mailguard.history.trees import Model, shipped
from mailguard.intake.facts import split_recipients
from mailguard.intake.letter import Letter
from mailguard.mail.envelope import Envelope
from mailguard.mail.reading import Reading
from mailguard.records import Doubt, Habits, Remembered
from mailguard.store.base import Store

AT_HAND = 100  # senders, about 1 MB each


@dataclass(slots=True)
class _Known:
    ledger: Ledger
    seen: int
    numbers: set[int]  # mails in the ledger
    erasures: int


class Ledgers:
    """One for the service. Whatever it does not have at hand it reads, so it may be as small as memory is."""

    def __init__(self, store: Store, settings: HistorySettings, model: Model | None = None) -> None:
        self._store, self._settings, self._model = store, settings, model or shipped()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def doubts(self, letter: Letter) -> dict[str, Doubt] | None:
        """Of each recipient; None: there is not enough history to tell."""
        mail = _outgoing(letter)
        known = self._known.get(letter.sender)
        habits = await self._store.habits(letter.sender, mail.recipients, known.seen if known else 0)
        if known is None or not _follows(known, habits):
            if known is not None:
                habits = await self._store.habits(letter.sender, mail.recipients)
            known = await asyncio.to_thread(_read, habits, self._model)
        else:
            known = _updated(known, habits)
        self._keep(letter.sender, known)
        if not self._enough(known.ledger, mail.at):
            return None
        found = doubts(known.ledger, habits.background, mail, self._model, self._settings.unexpected.alarms)
        return None if found is None else dict(found)

    def forget(self) -> None:
        """Have nothing at hand: somebody was forgotten."""
        self._known.clear()

    def _enough(self, ledger: Ledger, now: float) -> bool:
        learn = self._settings.learn
        if len(ledger.sent) < min(learn.mails, SENT) or not ledger.sent:
            return False
        return now - ledger.sent[0].at >= timedelta(days=learn.days).total_seconds()

    def _keep(self, person: str, known: _Known) -> None:
        self._known[person] = known
        self._known.move_to_end(person)
        while len(self._known) > AT_HAND:
            self._known.popitem(last=False)


def remembered(letter: Letter, found: dict[str, float]) -> Remembered | None:
    """What is learnt of this mail once it is sent; `found`: how its recipients scored. None: of a round mail nothing.

    That goes to an address book, of which one sender's latest mails would fill the memory.
    """
    mail = _outgoing(letter)
    return mail.remembered(found) if len(mail.recipients) <= MOST else None


def outgoing(reading: Reading, envelope: Envelope, sender: str, at: float) -> Outgoing:
    """A mail as the model looks at it; `sender` is a key. CannotTell when its header can't be made out."""
    to, cc, bcc = split_recipients(reading.message, envelope)
    return Outgoing(sender, at, to, cc, bcc, _said(reading))


def _outgoing(letter: Letter) -> Outgoing:
    return outgoing(letter.reading, letter.envelope, letter.sender, letter.now.timestamp())


def _said(reading: Reading) -> Said:
    """Of a text that nobody can read, the subject."""
    try:
        text = reading.text
    except CannotTell:
        return said(reading.message.subject, "", "")
    return said(reading.message.subject, text.new, text.quoted)


def _read(habits: Habits, model: Model) -> _Known:
    numbers = {mail.number for mail in (*habits.sent, *habits.got)}
    ledger = Ledger(habits.sent, habits.got)
    ledger.surprises.learn(model.usual)
    return _Known(ledger, habits.seen, numbers, habits.erasures)


def _follows(known: _Known, habits: Habits) -> bool:
    """Whether all that is new are mails behind those in the ledger: no more copies of one that is there, none older.

    And whether nobody was forgotten meanwhile, who may be in it.
    """
    if known.erasures != habits.erasures:
        return False
    return _later(habits.sent, known.ledger.sent, known.numbers) and _later(habits.got, known.ledger.got, known.numbers)


def _later(new: Sequence[Remembered], have: Sequence[Remembered], numbers: set[int]) -> bool:
    last = have[-1].at if have else 0.0
    return all(mail.at >= last and mail.number not in numbers for mail in new)


def _updated(known: _Known, habits: Habits) -> _Known:
    for mail in habits.sent:
        known.ledger.add_sent(mail)
    for mail in habits.got:
        known.ledger.add_got(mail)
    numbers = known.numbers | {mail.number for mail in (*habits.sent, *habits.got)}
    return _Known(known.ledger.trimmed, habits.seen, numbers, habits.erasures)
