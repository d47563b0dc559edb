"""What is attached: name, kind and size, told without decoding more than the first and last bytes."""

from dataclasses import dataclass

from mailguard.mail import transfer
from mailguard.mail.message import Message


@dataclass(frozen=True, slots=True)
class Attachment:
    """`size` in decoded bytes. `inline`: shown within the text, or a signature: nobody attached it by hand."""

    name: str
    content_type: str
    size: int
    inline: bool
    encrypted: bool = False
    kinds: frozenset[str] = frozenset()


def attachments(message: Message) -> tuple[Attachment, ...]:
    """Every part that is not the mail's own text; those of attached messages too. CannotTell as `parts`."""
    return tuple(
        Attachment(
            part.filename,
            part.content_type,
            transfer.size(message.raw, part.start, part.end, part.encoding),
            part.disposition == "inline",
        )
        for part in message.parts()
        if part.filename or part.disposition == "attachment"
    )
