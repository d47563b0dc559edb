"""A firm's remembered mail in memory, learnt mail by mail: for looking back at what was sent."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping

from mailguard.history.ledger import Ledger
from mailguard.records.habits import Background, Remembered

KNOWN = 200  # latest mails to one address, by which everybody here is asked about it


class Firm:
    """`inside` tells whose received mail is known: only what colleagues wrote passes through here."""

    def __init__(self, inside: Callable[[str], bool]) -> None:
        self._inside = inside
        self._ledgers: defaultdict[str, Ledger] = defaultdict(Ledger)
        self._to: defaultdict[str, deque[tuple[str, float]]] = defaultdict(lambda: deque(maxlen=KNOWN))

    def ledger(self, person: str) -> Ledger:
        return self._ledgers[person]

    def background(self, addresses: Iterable[str]) -> Mapping[str, Background]:
        found: dict[str, Background] = {}
        for key in addresses:
            if mails := self._to.get(key):
                found[key] = Background(Counter(sender for sender, _ in mails), mails[-1][1])
        return found

    def learn(self, mail: Remembered) -> None:
        ledger = self._ledgers[mail.sender]
        ledger.add_sent(mail)
        self._ledgers[mail.sender] = ledger.trimmed
        for key in mail.recipients:
            self._to[key].append((mail.sender, mail.at))
            if key != mail.sender and self._inside(key):
                self._ledgers[key].add_got(mail)
                self._ledgers[key] = self._ledgers[key].trimmed
