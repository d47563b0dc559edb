"""What two copies of one mail have in common, however they travelled: what their reader sees, and nothing else."""

import re
from hashlib import sha256

from mailguard.mail.message import Message

# Trace fields, signatures and marks of a mail system are each copy's own; these say the same in all of them.
_SEEN = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "content-type", "content-transfer-encoding")
_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_RUN = re.compile(rb"[ \t]+")
_FOLDS = re.compile(rb"\s+")


def likeness(message: Message) -> bytes:
    """SHA-256 of the fields that a reader sees, unfolded, and of the body as DKIM relaxes it (RFC 6376 §3.4.4)."""
    found = sha256()
    for name in _SEEN:
        for value in message.raw_fields(name):
            found.update(name.encode() + b":" + _FOLDS.sub(b" ", value).strip() + b"\n")
    body = bytes(message.raw[message.head_size :])
    found.update(b"\n" + _RUN.sub(b" ", _AT_END.sub(b"", body)).rstrip(b"\r\n"))
    return found.digest()
