"""What mail carries on its way back to the service it came from: our proof that it was judged here.

It lets nothing pass. Mail that comes in with a stamp for exactly its own words and recipients goes round in circles,
and is refused; every other stamp means nothing. So nobody gains by forging, replaying or removing one.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from mailguard.document.units import Section
from mailguard.mail import address

FIELD = "X-Mailguard-Stamp"
RETURN = "X-Mailguard-Return"  # a secret that the provider's rule looks for and takes away
FRESH = timedelta(days=2)  # providers give up after a day: what comes later is judged as new
_AHEAD = timedelta(minutes=5)  # clocks of several nodes
_NONE = "-"  # what is no mail of the queue: a notice
_FORM = re.compile(rb"v=1;\s+id=([0-9A-Z]{1,20}|-);\s+t=([0-9]{1,11});\s+mac=([0-9a-f]{64})")


class StampSettings(Section):
    """The key of our stamps, which mail carries to a next hop with `stamp: true`."""

    key: SecretStr | None = None
    """32 random bytes or more, as text; better in a file, with key_file."""
    key_file: Path | None = None
    """File that holds the key, like `openssl rand -hex 32` makes it. Without one nothing is stamped."""
    old_key: SecretStr | None = None
    """The key of before; better in a file, with old_key_file."""
    old_key_file: Path | None = None
    """File that holds the key of before: its stamps are known for two days more."""


class BodyHash:
    """SHA-256 of a body as it is on the wire: with a line end behind its last line."""

    def __init__(self) -> None:
        self._hash, self._end = hashlib.sha256(), b"\r\n"

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        self._hash.update(piece)
        self._end = (self._end + bytes(piece[-2:]))[-2:]

    def digest(self) -> bytes:
        """The last call."""
        if self._end != b"\r\n":
            self._hash.update(b"\r\n")
        return self._hash.digest()


def body_hash(body: bytes | bytearray | memoryview) -> bytes:
    """Of a body that is there in one piece."""
    made = BodyHash()
    made.update(body)
    return made.digest()


@dataclass(frozen=True, slots=True)
class Handed:
    """What is handed over in one transaction."""

    message_id: str
    body: bytes  # its `BodyHash`
    recipients: frozenset[str]  # keys

    @classmethod
    def of(cls, message_id: str, body: bytes, recipients: Iterable[str]) -> "Handed":
        return cls(message_id, body, frozenset(map(address.key, recipients)))


class Stamps:
    """Makes them with the first key, knows those of all."""

    def __init__(self, settings: StampSettings | None = None) -> None:
        given = (settings.key, settings.old_key) if settings else ()
        self._keys = tuple(key.get_secret_value().encode() for key in given if key)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def make(self, queue_id: str, about: Handed, now: datetime) -> str:
        """A new field's value, folded. Only where there is a key."""
        name, at = queue_id or _NONE, int(now.timestamp())
        return f"v=1; id={name}; t={at};\r\n\tmac={_mac(self._keys[0], name, at, about)}"

    def known(self, stamps: Iterable[bytes], about: Handed, now: datetime) -> str:
        """The queue id in the first of these fields that is a fresh one of ours about exactly this; '' if none is."""
        for field in stamps:
            if (found := _FORM.fullmatch(field.strip())) is None:
                continue
            name, at = found[1].decode(), int(found[2])
            if not -_AHEAD.total_seconds() <= now.timestamp() - at <= FRESH.total_seconds():
                continue
            macs = [_mac(key, name, at, about).encode() for key in self._keys]
            if any(hmac.compare_digest(mac, found[3]) for mac in macs):
                return name
        return ""


def _mac(key: bytes, queue_id: str, at: int, about: Handed) -> str:
    """Each part with its length before it, so that nothing can move from one part into the next."""
    parts = [b"mailguard-stamp-1", queue_id.encode(), str(at).encode(), about.body]
    parts += [text.encode("utf-8", "surrogatepass") for text in (about.message_id, *sorted(about.recipients))]
    return hmac.new(key, b"".join(b"%d:%b" % (len(part), part) for part in parts), "sha256").hexdigest()
