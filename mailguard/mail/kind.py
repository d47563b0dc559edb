"""What kind of mail it is, told by its own headers and parts: claims, each of which anybody can type."""

import re
from dataclasses import dataclass

from mailguard.mail.caseless import Caseless
from mailguard.mail.labels import labels
from mailguard.mail.message import Message, Part

_REPLY = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|odp|aw|antw|rép|sv|ynt|rif)\s?(?:\[\d+\]|\(\d+\))?\s?:", re.IGNORECASE
)
_FORWARD = re.compile(r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|wg|pd|tr|rv)\s?:", re.IGNORECASE)
_LABEL = r"(?:strictly |company[- ])?confidential|poufn[ey]|tajne|vertraulich|confidentiel|private|prywatne"
_SUBJECT_LABEL = Caseless(rf"[\[({{<#*]\s*(?:{_LABEL})\s*[\])}}>*]?|\s*(?:{_LABEL})\s*[:|]")
_SENSITIVE = frozenset({"private", "personal", "company-confidential"})  # RFC 2156 §5.3.4
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_METHOD = re.compile(rb"^METHOD:([A-Za-z]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MailKind:
    """`auto_header` and `report` prove nothing alone: who sent it decides whether a mail is automatic.

    `calendar_method` is RFC 5546's REQUEST, REPLY, CANCEL, …; a REPLY is no invitation.
    `sensitivity` is the header's word in lower case, '' for normal. `signed` and `encrypted` speak of S/MIME and PGP.
    """

    auto_header: bool = False
    report: bool = False
    reply: bool = False
    forward: bool = False
    invitation: bool = False
    signed: bool = False
    encrypted: bool = False
    confidential: bool = False
    calendar_method: str = ""
    sensitivity: str = ""


def kind(message: Message) -> MailKind:
    """Everything at once; CannotTell as `Message.parts`."""
    parts = tuple(message.parts())
    own = [part for part in parts if not part.nested]
    method = calendar_method(message, own)
    return MailKind(
        auto_header=automatic_header(message),
        report=any("multipart/report" in part.containers[:1] for part in parts),
        reply=is_reply(message),
        forward=is_forward(message, own),
        invitation=method not in ("", "REPLY"),
        signed=is_signed(message, own),
        encrypted=is_encrypted(message, own),
        confidential=is_confidential(message),
        calendar_method=method,
        sensitivity=sensitivity(message),
    )


def automatic_header(message: Message) -> bool:
    """Auto-Submitted says so (RFC 3834 §5). Precedence and its kin are on newsletters too: they say nothing."""
    return (message.get("auto-submitted") or "no").split(";")[0].strip().lower() not in ("", "no")


def is_reply(message: Message) -> bool:
    """It names what it answers, or its subject begins with Re:, Odp:, AW:, …"""
    return bool(message.references) or _REPLY.match(message.subject) is not None


def is_forward(message: Message, parts: list[Part]) -> bool:
    """Its subject begins with Fwd:, FW:, WG:, PD:, … or a message is attached."""
    if _FORWARD.match(message.subject):
        return True
    return any(part.content_type in ("message/rfc822", "message/global") for part in parts)


def is_signed(message: Message, parts: list[Part]) -> bool:
    """With S/MIME or PGP, detached or opaque."""
    return any(
        part.content_type in _SIGNATURES
        or (part.content_type in _SMIME and part.params.get("smime-type", "").lower() == "signed-data")
        or (part.body and message.decode(part, 200).lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE-----"))
        for part in parts
    )


def is_encrypted(message: Message, parts: list[Part]) -> bool:
    """The mail itself, with S/MIME or PGP; an encrypted file is the attachment's fact."""
    return any(_encrypted(message, part) for part in parts if part.disposition != "attachment" or part.depth == 0)


def is_confidential(message: Message) -> bool:
    """Marked so: Sensitivity, a label's header, or a mark in the subject like [confidential] or `Poufne:`."""
    if sensitivity(message) in _SENSITIVE or _SUBJECT_LABEL.search(message.subject):
        return True
    return any(label.confidential for label in labels(message))


def sensitivity(message: Message) -> str:
    """RFC 2156's word: private, personal or company-confidential; '' for anything else."""
    said = (message.get("sensitivity") or "").strip().lower().replace(" ", "-")
    return said if said in _SENSITIVE else ""


def calendar_method(message: Message, parts: list[Part]) -> str:
    """What its calendar part asks for: the part's parameter, else the object's own METHOD; PUBLISH without one."""
    for part in parts:
        if part.content_type != "text/calendar":
            continue
        given = part.params.get("method", "")
        found = _METHOD.search(message.decode(part, 4096))
        return (given or (found[1].decode("ascii") if found else "PUBLISH")).upper()
    return ""


def _encrypted(message: Message, part: Part) -> bool:
    if part.content_type in _SMIME:
        said = part.params.get("smime-type", "enveloped-data").lower()
        return said not in ("signed-data", "certs-only", "compressed-data")
    if part.content_type == "application/pgp-encrypted" or "multipart/encrypted" in part.containers:
        return True
    return part.body and message.decode(part, 200).lstrip().startswith(b"-----BEGIN PGP MESSAGE-----")
