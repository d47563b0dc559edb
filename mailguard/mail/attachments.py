"""What is attached: name, kind and size, told without decoding more than the first and last bytes."""

from dataclasses import dataclass

from mailguard.mail import kinds, transfer
from mailguard.mail.message import Message, Part

_FIRST = 4096
_LAST = 32 * 1024


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
    return tuple(_attachment(message, part) for part in message.parts() if not part.body)


def _attachment(message: Message, part: Part) -> Attachment:
    raw, where = message.raw, (part.start, part.end, part.encoding)
    first = transfer.decode(raw, *where, _FIRST)
    found = kinds.kinds(part.filename, part.content_type, first)
    last = transfer.tail(raw, *where, _LAST) if found & {"archive", "pdf"} else b""
    encrypted = kinds.encrypted(part.filename, part.content_type, part.params, first, last)
    return Attachment(
        name=part.filename or _name(message, part),
        content_type=part.content_type,
        size=transfer.size(raw, *where),
        inline=_inline(message, part, found),
        encrypted=encrypted,
        kinds=found | {"encrypted"} if encrypted else found,
    )


def _name(message: Message, part: Part) -> str:
    """An attached message is called by its subject."""
    if not part.content_type.startswith("message/"):
        return ""
    head = Message(transfer.decode(message.raw, part.start, part.end, part.encoding, 64 * 1024))
    return head.subject


def _inline(message: Message, part: Part, found: frozenset[str]) -> bool:
    if found & {"signature", "calendar"} and part.disposition != "attachment":
        return True
    if part.content_type in (
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    ):
        return True
    if "image" not in found:
        return False
    if part.disposition == "attachment":  # Outlook says so of pictures in the text, too
        return part.content_id != "" and _shown(message, part.content_id)
    return part.disposition == "inline" or part.content_id != ""


def _shown(message: Message, content_id: str) -> bool:
    wanted = f"cid:{content_id}".encode("utf-8", "replace")
    return any(
        wanted in message.decode(part) for part in message.parts() if part.body and part.content_type == "text/html"
    )
