"""What is attached: name, kind and size, told without decoding more than the first and last bytes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailguard.mail import kinds, transfer
from mailguard.mail.message import Message, Part

SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_CARDS = ("text/vcard", "text/x-vcard", "text/directory")
_SMALL, _SMALL_IMAGE = 1024, 64 * 1024  # bytes
_LIGHT = frozenset({"image", "audio", "video", "signature"})
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
    nested: int = 0  # inside how many attached messages

    @property
    def opaque(self) -> bool:
        """Whether there is nothing in it to look into: pictures and signatures within the text.

        What is in an attached message belongs to that message.
        """
        return self.nested > 0 or (self.inline and not self.kinds.isdisjoint(_LIGHT))


def attachments(message: Message) -> tuple[Attachment, ...]:
    """Every part that is not the mail's own text; those of attached messages too. CannotTell as `parts`."""
    return tuple(attachment for _, attachment in files(message))


def files(message: Message) -> Iterator[tuple[Part, Attachment]]:
    """The same, each with where it is in the mail."""
    return ((part, _attachment(message, part)) for part in message.parts() if not part.body)


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
        kinds=_kinds(part, found, encrypted=encrypted),
        nested=part.nested,
    )


def digests(message: Message, attached: Iterable[Attachment]) -> tuple[bytes, ...]:
    """SHA-256 of each of its `attachments`, decoded; b"" for what says nothing of whom it is meant for.

    Those are pictures in the text, calendars, signatures, visiting cards, small images and very small files.
    """
    parts = (part for part in message.parts() if not part.body)
    return tuple(_digest(message, part, attachment) for part, attachment in zip(parts, attached, strict=True))


def _digest(message: Message, part: Part, attachment: Attachment) -> bytes:
    small = _SMALL_IMAGE if "image" in attachment.kinds else _SMALL
    if attachment.inline or attachment.nested or attachment.size < small or part.content_type in _CARDS:
        return b""
    if not attachment.kinds.isdisjoint({"calendar", "signature"}):
        return b""
    seen = hashlib.sha256()
    for piece in transfer.pieces(message.raw, part.start, part.end, part.encoding):
        seen.update(piece)
    return seen.digest()


def _kinds(part: Part, found: frozenset[str], *, encrypted: bool) -> frozenset[str]:
    if encrypted:
        return found | {"encrypted"}
    return (found - {"encrypted"} or frozenset({"other"})) if part.content_type in SMIME else found  # only signed


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
