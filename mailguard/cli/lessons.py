"""Past mail judged by what is remembered of the mails before it, sender by sender, a few senders at a time."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mailguard.history.doubt import doubts
from mailguard.history.ledger import Ledger
from mailguard.history.signs import Outgoing
from mailguard.history.trees import shipped
from mailguard.records import Habits, Remembered
from mailguard.store.verbs.questions import Questions

_AT_HAND = 10  # senders, about 1 MB each
_NOTHING = 1 << 62  # behind every copy: what was sent and got isn't asked for again


@dataclass
class _Sender:
    """What is remembered joins the ledger when its time has come: mail of later says nothing about mail of before."""

    sent: deque[Remembered]
    got: deque[Remembered]
    ledger: Ledger = field(default_factory=Ledger)

    def until(self, at: float) -> Ledger:
        while self.sent and self.sent[0].at <= at:
            self.ledger.add_sent(self.sent.popleft())
        while self.got and self.got[0].at <= at:
            self.ledger.add_got(self.got.popleft())
        self.ledger = self.ledger.trimmed
        return self.ledger


class Lessons:
    """Mails of one sender come in the order in which they were written."""

    def __init__(self, look: Questions) -> None:
        self._look = look
        self._senders: OrderedDict[str, _Sender] = OrderedDict()

    async def judged(self, mails: Sequence[Outgoing]) -> list[Remembered]:
        """Each as it is to be remembered."""
        known = {sender: await self._known(sender, mails) for sender in dict.fromkeys(mail.sender for mail in mails)}
        return [self._judge(mail, *known[mail.sender]) for mail in mails]

    async def _known(self, sender: str, mails: Iterable[Outgoing]) -> tuple[_Sender, Habits]:
        if sender not in self._senders:
            found = await self._look.habits(sender, ())
            self._senders[sender] = _Sender(deque(found.sent), deque(found.got))
        self._senders.move_to_end(sender)
        one = self._senders[sender]
        while len(self._senders) > _AT_HAND:
            self._senders.popitem(last=False)
        addresses = {to for mail in mails if mail.sender == sender for to in mail.recipients}
        return one, await self._look.habits(sender, addresses, _NOTHING)

    def _judge(self, mail: Outgoing, sender: _Sender, habits: Habits) -> Remembered:
        ledger = sender.until(mail.at)
        found = doubts(ledger, habits.background, mail, shipped(), 0.0) or {}
        one = mail.remembered({to: doubt.score for to, doubt in found.items()})
        ledger.add_sent(one)
        return one
