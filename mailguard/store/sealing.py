"""Bodies encrypted at rest: each mail has a key of its own, and that is stored only under a key from outside.

AES-256-GCM (NIST SP 800-38D). A mail's key encrypts its pieces once, each with its number as the nonce, so no nonce
comes twice; which mail and which piece they are is authenticated with them. Another key from outside means new wraps,
a few bytes a mail, and no body is written again.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mailguard.errors import ConfigError, StoreBroken, TemporaryFailure

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12  # bytes
_KEY = 32
_RANDOM = 0x80  # begins the nonces that are drawn, which no number of a piece does
_HOW = "write 32 random bytes in base64 into it: openssl rand -base64 32"


class Seal:
    """What one mail's pieces and words are stored with. Without a key they stay as they are."""

    def __init__(self, queue_id: str, key: bytes | None = None) -> None:
        self._queue_id = queue_id
        self._aes = None if key is None else _aes(key)

    def piece(self, number: int, data: bytes | memoryview) -> bytes | memoryview:
        """The piece as it is stored."""
        if self._aes is None:
            return data
        return self._aes.encrypt(number.to_bytes(_NONCE), data, self._about(f"piece {number}"))

    def open_piece(self, number: int, data: Any) -> bytes | None:
        """None when it is not what was stored there."""
        if not isinstance(data, bytes):
            return None
        return data if self._aes is None else _opened(
            self._aes, number.to_bytes(_NONCE), data, self._about(f"piece {number}")
        )  # fmt: skip

    def words(self, text: str) -> str:
        """A text as it is stored."""
        if self._aes is None:
            return text
        nonce = bytes([_RANDOM | secrets.randbelow(_RANDOM)]) + secrets.token_bytes(_NONCE - 1)
        return _text(nonce + self._aes.encrypt(nonce, text.encode(), self._about("words")))

    def open_words(self, text: str) -> str:
        """Raises StoreBroken when it is not what was stored."""
        if self._aes is None:
            return text
        data = _bytes(text)
        found = _opened(self._aes, data[:_NONCE], data[_NONCE:], self._about("words"))
        if found is None:
            raise StoreBroken("stored words can't be decrypted: the database is damaged")
        return found.decode()

    def _about(self, what: str) -> bytes:
        return f"mailguard {self._queue_id} {what}".encode()


class Keyring:
    """The keys from outside: `current` is for mail to come, all are for mail that is there.

    Raises ConfigError when one is no key.
    """

    def __init__(self, current: str = "", old: Iterable[str] = ()) -> None:
        keys = [_read(text) for text in (current, *old) if text]
        self._keys = {_name(key): _aes(key) for key in keys}
        self.missed: set[str] = set()  # what was asked for and is not here: another node has it
        self.current = _name(_read(current)) if current else ""

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __contains__(self, key_id: str) -> bool:
        return not key_id or key_id in self._keys

    def fresh(self, queue_id: str) -> tuple[str, str, Seal]:
        """For a new mail: which key its own is wrapped with, that wrap, and what it is stored with."""
        if not self.current:
            return "", "", Seal(queue_id)
        key = secrets.token_bytes(_KEY)
        return self.current, self._wrap(queue_id, key), Seal(queue_id, key)

    def seal(self, queue_id: str, key_id: str, wrap: str) -> Seal:
        """What a mail is stored with. A key that is not here raises TemporaryFailure, a damaged wrap tells no piece."""
        return Seal(queue_id, self._unwrap(queue_id, key_id, wrap) if key_id else None)

    def rewrap(self, queue_id: str, key_id: str, wrap: str) -> tuple[str, str]:
        """The same mail's key under the current one."""
        return self.current, self._wrap(queue_id, self._unwrap(queue_id, key_id, wrap))

    def _wrap(self, queue_id: str, key: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE)
        return _text(nonce + self._keys[self.current].encrypt(nonce, key, _owner(queue_id)))

    def _unwrap(self, queue_id: str, key_id: str, wrap: str) -> bytes:
        if key_id not in self._keys:
            self.missed.add(key_id)
            raise TemporaryFailure(f"a mail is encrypted with key {key_id}, which `encryption` does not name")
        data = _bytes(wrap)
        key = _opened(self._keys[key_id], data[:_NONCE], data[_NONCE:], _owner(queue_id))
        # With a key that nothing was encrypted with every piece is damaged, and the mail is set aside.
        return secrets.token_bytes(_KEY) if key is None else key


def _read(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise ConfigError(f"a key_file of `encryption` does not hold a key: {_HOW}")
    return key


def _name(key: bytes) -> str:
    """What the database knows a key by, which tells nothing of it."""
    return hashlib.sha256(b"mailguard key " + key).hexdigest()[:16]


def _aes(key: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        raise ConfigError(
            "`encryption` needs cryptography, which is not installed: pip install 'mailguard[encryption]'"
        ) from error
    return AESGCM(key)


def _opened(aes: "AESGCM", nonce: bytes, data: bytes, about: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return aes.decrypt(nonce, data, about)
    except (InvalidTag, ValueError):  # ValueError: too short for a nonce
        return None


def _owner(queue_id: str) -> bytes:
    return f"mailguard key of {queue_id}".encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


PLAIN = Keyring()
