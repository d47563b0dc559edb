"""What kind of mail a message says it is. A header is a claim: who may believe it is decided elsewhere."""

import re
from dataclasses import dataclass

from mailguard.mail.message import Message

_REPLY = re.compile(r"\s*(re|aw|antw|odp|sv|vs|ref|r)(\[\d+\])?\s*:", re.IGNORECASE)
_FORWARD = re.compile(r"\s*(fw|fwd|wg|pd|tr|rv|doorst|vb)(\[\d+\])?\s*:", re.IGNORECASE)
_CONFIDENTIAL = re.compile(
    r"\[\s*(strictly\s+)?(confidential|poufne|vertraulich|confidentiel|confidencial)\s*\]", re.IGNORECASE
)
_PRIVATE = frozenset({"private", "personal", "company-confidential"})  # RFC 2156 §5.3.4
_LABELS = ("x-confidentiality", "x-classification", "classification", "x-titus-classification", "x-sensitivity-label")
_MARKED = re.compile(
    r"confidential|poufne|vertraulich|confidentiel|secret|tajne|restricted|internal only", re.IGNORECASE
)
_ENCRYPTED = frozenset({"multipart/encrypted", "application/pgp-encrypted"})
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})


@dataclass(frozen=True, slots=True)
class MailKind:
    """`auto_header`: Auto-Submitted says so (RFC 3834); `report`: a DSN, MDN or other multipart/report."""

    auto_header: bool
    report: bool
    reply: bool
    forward: bool
    invitation: bool
    signed: bool
    encrypted: bool
    confidential: bool


def kind(message: Message) -> MailKind:
    """Read off the header and the shape; CannotTell when the message has too many parts."""
    content = _content(message)
    smime = content[0] in _SMIME
    opaque = smime and "signed-data" in content[1]
    forward = bool(_FORWARD.match(message.subject)) or _encloses(message)
    return MailKind(
        auto_header=(message.get("auto-submitted") or "no").split(";")[0].strip().lower() != "no",
        report=content[0] == "multipart/report",
        reply=not forward and (bool(message.references) or bool(_REPLY.match(message.subject))),
        forward=forward,
        invitation=any(part.content_type == "text/calendar" for part in message.parts()),
        signed=content[0] == "multipart/signed" or opaque,
        encrypted=content[0] in _ENCRYPTED or (smime and not opaque),
        confidential=sensitivity(message) in _PRIVATE
        or bool(_CONFIDENTIAL.search(message.subject))
        or _labelled(message),
    )


def sensitivity(message: Message) -> str:
    """The Sensitivity header in lower case (RFC 2156): private, personal, company-confidential, or ''."""
    return (message.get("sensitivity") or "").strip().lower()


def _content(message: Message) -> tuple[str, str]:
    """The outermost content type and its parameters, in lower case."""
    name, _, parameters = (message.get("content-type") or "text/plain").lower().partition(";")
    return name.strip(), parameters


def _encloses(message: Message) -> bool:
    return any(part.content_type == "message/rfc822" for part in message.parts()) and not message.references


def _labelled(message: Message) -> bool:
    return any(_MARKED.search(value) for name in _LABELS for value in message.all(name))
