"""One mailbox, spelt in several ways: what a domain makes of dots, and of what follows a plus, in its addresses.

For comparing only. Two spellings on an envelope stay two recipients: whether they are one is for their server to say.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mailguard.document.units import Section
from mailguard.mail.address import a_label
from mailguard.people.fields import DomainPattern

Care = Literal["matter", "ignore"]


class Spelling(Section):
    """How the addresses of one domain are compared. Capitals never matter."""

    dots: Care = "matter"
    """ignore: a.nn@ is ann@."""
    plus: Care = "matter"
    """ignore: ann+shop@ is ann@."""
    same_as: DomainPattern | None = Field(None, examples=["corp.example"])
    """Another domain whose mailboxes these are: ann@corp.de is ann@corp.example."""


_TAGS = Spelling(plus="ignore")
_GMAIL = Spelling(dots="ignore", plus="ignore", same_as="gmail.com")
_PROTON = Spelling(dots="ignore", plus="ignore")
# As these providers document it; a domain that they host for a firm is the firm's to describe.
KNOWN: Mapping[str, Spelling] = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GMAIL),
    **dict.fromkeys(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), _PROTON),
    **dict.fromkeys(("outlook.com", "outlook.de", "outlook.fr", "hotmail.com", "live.com", "msn.com"), _TAGS),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com", "fastmail.com", "fastmail.fm"), _TAGS),
}


class Spellings:
    """What is known of all domains; `told` is the organization's word, which counts before ours."""

    def __init__(self, told: Mapping[str, Spelling]) -> None:
        exact = {a_label(name): spelling for name, spelling in told.items() if not name.startswith("*.")}
        self._exact = {**KNOWN, **exact}
        self._endings = [("." + a_label(name[2:]), one) for name, one in told.items() if name.startswith("*.")]

    def of(self, host: str) -> Spelling | None:
        """What this domain (an A-label) makes of its addresses; None: every letter counts."""
        found = self._exact.get(host)
        return found or next((one for ending, one in self._endings if host.endswith(ending)), None)

    def mailbox(self, key: str) -> str:
        """The one spelling of the mailbox this address key is for."""
        local, _, host = key.rpartition("@")
        spelling = self.of(host)
        if spelling is None or local.startswith('"'):
            return key
        if spelling.plus == "ignore":
            local = local.partition("+")[0] or local
        if spelling.dots == "ignore":
            local = local.replace(".", "") or local
        return f"{local}@{a_label(spelling.same_as) if spelling.same_as else host}"
