"""What is remembered of who writes to whom: addresses, times, and hashes of words. Never a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """One mail that was sent."""

    sender: str  # keys, all of them
    at: float  # seconds since 1970
    recipients: tuple[str, ...]
    cc: frozenset[str] = frozenset()
    thread: int = 0  # a hash of its subject without Re: and Fwd:; 0: it has none
    words: tuple[int, ...] = ()  # hashes; the greeting's name comes first, as a word of its own
    scores: Mapping[str, float] = field(default_factory=dict)  # how recipients scored when it was judged
    number: int = 0  # given by the store: copies of one mail that were sent later are the same mail

    @property
    def score(self) -> float | None:
        """Of who surprised most and got it all the same; None: it was not judged."""
        return max((self.scores[key] for key in self.recipients if key in self.scores), default=None)


@dataclass(frozen=True, slots=True)
class PastMail:
    """A mail that was sent some time ago and is to be remembered. It is known again by its Message-ID, or its bytes."""

    mail: Remembered
    message_id: str = ""
    digest: bytes = b""  # SHA-256 of it
    number: int = 0  # in the store, of a mail that was sent from here


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an archive was read, to go on from there."""

    name: str
    value: Mapping[str, int]
    at: datetime


@dataclass(frozen=True, slots=True)
class Background:
    """What everybody here wrote to one address, as far back as is looked."""

    senders: Mapping[str, int] = field(default_factory=dict)  # sender -> mails
    last: float = 0.0  # seconds since 1970; 0: nobody ever did

    @property
    def mails(self) -> int:
        return sum(self.senders.values())


@dataclass(frozen=True, slots=True)
class Habits:
    """One person's remembered mail, oldest first, and how well known each asked address is here."""

    sent: Sequence[Remembered] = ()
    got: Sequence[Remembered] = ()
    background: Mapping[str, Background] = field(default_factory=dict)
    seen: int = 0  # the latest copy, to ask for what came after
    erasures: int = 0  # of anybody, so far: what was read before the last one may be of somebody who is forgotten


@dataclass(frozen=True, slots=True)
class Doubt:
    """How much one recipient surprises."""

    score: float  # log-odds that it is a slip, of mails of which every second has one
    chance: float  # the same from 0 to 1: to compare, not to believe
    rarity: float  # the share of this sender's mails in which somebody surprises as much
    why: str = ""  # one sentence of evidence; '' when it does not surprise enough to be asked about
    meant: str = ""  # the address that was probably meant instead; '' when nobody stands out
