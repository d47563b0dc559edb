"""What a rule could ask of a past mail, without anything it says: kept to try other rules on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailguard.mail.attachments import Attachment
from mailguard.mail.kind import MailKind
from mailguard.records.known import Need, Reach
from mailguard.records.past import Past
from mailguard.records.thread import Thread


@dataclass(frozen=True, slots=True)
class Kept:
    """Beside what every stored mail has. Addresses are keys; what stands at its default takes no room.

    `yes` and `no` are the answers of the conditions that were asked, by their mark (`Leaf.mark`): of the true ones with
    the recipients they were about. They stand in where a condition asks for what is not kept: texts, mostly.
    """

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    written_as: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()  # names in the header
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # fields of `mail` that mark it, word for word
    refers: bool = False  # it names an earlier mail
    kind: MailKind = field(default_factory=MailKind)
    calendar_reply: bool = False
    files: tuple[Attachment, ...] = ()
    asked: tuple[Need, ...] = ()  # what was fetched; of it these are kept:
    past: Past | None = None
    reach: Reach | None = None
    thread: Thread | None = None
    spelt_otherwise: tuple[str, ...] = ()  # recipients the sender knew by another address
    yes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no: tuple[str, ...] = ()
