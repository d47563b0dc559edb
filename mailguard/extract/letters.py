"""Mail inside a mail: attached messages, and what is signed in the form that hides it (S/MIME signed-data)."""

from __future__ import annotations

from asn1crypto import cms

from mailguard.errors import CannotTell
from mailguard.extract.work import Damaged, Locked, Work
from mailguard.locale import saying
from mailguard.locale.sayings import told
from mailguard.mail.message import Message, Part
from mailguard.mail.text import body_text
from mailguard.records.content import Where

_HEADER = ("from", "to", "cc", "bcc", "subject", "keywords", "comments", "organization")
_COMPRESSED, _SIGNED, _DATA = "compressed_data", "signed_data", "data"


def message(work: Work, data: bytes) -> None:
    """Header, text and files of a message; of messages attached to it as well."""
    try:
        letter = Message(data)
        for name in _HEADER:
            for value in letter.all(name):
                work.line(value, Where.HEADER)
        text = body_text(letter)
        work.line(text.new)
        work.line(text.quoted, Where.QUOTED)
        work.line(text.signature, Where.QUOTED)
        work.end()
        for part in letter.parts():
            if not part.body and not part.nested:
                work.inside(part.filename or _called(part), letter.decode(part, work.member), part.content_type)
    except CannotTell as error:
        raise Damaged(told(error)) from None


def _called(part: Part) -> str:
    return "message.eml" if part.content_type.startswith("message/") else part.content_type.replace("/", ".")


def smime(work: Work, data: bytes) -> None:
    """What is signed can be read without any key; what is enveloped cannot. Detached signatures hold nothing."""
    try:
        found = cms.ContentInfo.load(data, strict=False)
        kind = found["content_type"].native
        if kind not in (_SIGNED, _COMPRESSED, _DATA):
            raise Locked
        if kind == _SIGNED:
            inner = found["content"]["encap_content_info"]["content"]
            signed = inner.native if inner else None
        else:
            signed = found["content"].decompressed if kind == _COMPRESSED else found["content"].native
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged(saying("its signature cannot be read ({error})", error=type(error).__name__)) from None
    if isinstance(signed, bytes):
        work.spend(len(signed))
        message(work, signed)
