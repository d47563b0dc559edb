"""Where somebody goes after signing in."""

import re

_OURS = re.compile(
    r"/(?:m|outbox|approvals)/[A-Za-z0-9_-]{1,100}/text"
    r"|/outbox(?:/preferences|/app-passwords|/second-factor)?|/approvals|/console"
)


def ours(then: str) -> str:
    """A page of ours, whatever was said."""
    return then if _OURS.fullmatch(then) else "/outbox"
