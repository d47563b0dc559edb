"""Whom an invitation names (iMIP, RFC 6047): attendees read of each other, whoever else gets the mail."""

import re

from mailguard.mail import address, charset
from mailguard.mail.kind import calendar_method
from mailguard.mail.message import Message

_MOST = 1000
_FOLD = re.compile(r"\r?\n[ \t]")
_ATTENDEE = re.compile(
    r'^ATTENDEE(?:;[^:"\r\n]*(?:"[^"\r\n]*"[^:"\r\n]*)*)?:\s*mailto:([^\s;,]{3,320})\s*$', re.MULTILINE | re.IGNORECASE
)
_ASKING = frozenset({"REQUEST", "ADD", "CANCEL", "DECLINECOUNTER"})  # an answer names only who gives it


def invited(message: Message) -> tuple[str, ...]:
    """The attendees' address keys, each once; none in answers, and in calendars that invite nobody."""
    parts = [part for part in message.parts() if part.content_type == "text/calendar" and not part.nested]
    if not parts or calendar_method(message, parts) not in _ASKING:
        return ()
    texts = (_FOLD.sub("", charset.decode(message.decode(part), part.charset)) for part in parts)
    found = (address.key(charset.clean(said)) for text in texts for said in _ATTENDEE.findall(text) if "@" in said)
    return tuple(dict.fromkeys(found))[:_MOST]
