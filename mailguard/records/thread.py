"""What is remembered of a conversation, and of the texts of earlier mails."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Thread:
    """The conversation a mail goes on with, as far as its mails passed through here. Addresses are keys."""

    members: frozenset[str] = frozenset()  # everyone on it so far
    named: frozenset[str] = frozenset()  # those of them the others may be told of: never somebody in Bcc
    confidential: bool = False  # an earlier mail of it was marked so, or a rule tagged it `confidential`
    taken_off: frozenset[str] = frozenset()  # a person dropped them from a mail of it, and nothing went there since
    unanswered: Mapping[str, int] = field(
        default_factory=dict
    )  # address -> the sender's mails since anybody else wrote


@dataclass(frozen=True, slots=True)
class Heard:
    """An earlier text with some of the asked passages, and who outside got it; nobody: it stayed inside."""

    thread: int
    addresses: frozenset[str]
    named: frozenset[str]  # without Bcc
    passages: frozenset[int]  # of those asked for
    kept: int  # how many are kept of it


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail of the same sender that has not left."""

    queue_id: str
    subject: str
    recipients: frozenset[str]  # of those asked for: they still wait for it
    own: tuple[int, ...]  # `mail.sketch.Sketch.own`
