"""Which domains sign, and with what."""

import re
from pathlib import Path

from pydantic import field_validator

from mailguard.document.units import Section
from mailguard.mail.address import a_label

_LABELS = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")


class DkimKey(Section):
    """One key. Mail gets a signature from each key of its From's domain."""

    domain: str
    """The domain in From that it signs for, with its sub-domains that have no key of their own."""
    selector: str
    """The name it stands under in DNS: SELECTOR._domainkey.DOMAIN."""
    key_file: Path
    """PEM file with the private key, RSA of 2048 bits or more, or Ed25519; read again by `mailguard reload`."""

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        name = a_label(value)
        if "." not in name or not _LABELS.fullmatch(name):
            raise ValueError(f"{value!r} is not a domain: write what stands behind the @, like corp.example")
        return name

    @field_validator("selector")
    @classmethod
    def _selector(cls, value: str) -> str:
        if not _LABELS.fullmatch(value.lower()):
            raise ValueError(f"{value!r} is not a selector: write letters, digits, - and dots, like mg2026")
        return value.lower()
