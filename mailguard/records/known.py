"""What rules may want to know beyond the mail itself: fetched once a rule asks for it, and not before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailguard.locale.sayings import Said
from mailguard.records.content import Content
from mailguard.records.past import Familiar, Past
from mailguard.records.thread import Heard, Thread, Waiting


class Need(StrEnum):
    """Something to fetch; its value is the field of `Known` it fills."""

    PAST = "past"
    FAMILIAR = "familiar"
    REACH = "reach"
    THREAD = "thread"
    HEARD = "heard"
    WAITING = "waiting"
    CONTENTS = "contents"
    SENT_FILES = "sent_files"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the recipients' domains take mail, as far as DNS said in time."""

    bad: Mapping[str, Said] = field(default_factory=dict)  # domain -> one sentence why nothing arrives there
    silent: frozenset[str] = frozenset()  # domains DNS did not speak about


@dataclass(frozen=True, slots=True)
class Known:
    """What was fetched. None: nobody has asked for it yet, or it could not be found out."""

    past: Past | None = None
    familiar: Familiar | None = None
    reach: Reach | None = None
    thread: Thread | None = None  # also None when no mail of it passed through here
    heard: tuple[Heard, ...] | None = None  # where the text this mail quotes was before
    waiting: tuple[Waiting, ...] | None = None  # to any of the same recipients
    contents: tuple[Content | None, ...] | None = None  # of each attachment, in their order; None: nothing to look into
    sent_files: Mapping[bytes, frozenset[str]] | None = None  # the file's SHA-256 -> domains outside that it went to
    late: Mapping[Need, float] = field(default_factory=dict)  # what was not there after so many seconds
