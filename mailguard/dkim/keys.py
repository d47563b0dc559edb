"""Private keys, and what DNS says of them (RFC 6376 §3.6, RFC 8463 §4)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Kind = Literal["rsa", "ed25519"]
FEWEST, MOST = 2048, 4096  # bits of an RSA key: what everybody verifies, and nobody breaks (RFC 8301 §3.2)
_STRING = 255  # octets in one string of a TXT record


@dataclass(frozen=True, slots=True)
class Key:
    """`sign` makes the signature of data; `record` is what stands in DNS at `place`."""

    domain: str
    selector: str
    algorithm: str
    sign: Callable[[bytes], bytes]
    record: str

    @property
    def place(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file."""
        parts = [self.record[at : at + _STRING] for at in range(0, len(self.record), _STRING)]
        return f"{self.place}. IN TXT ( " + " ".join(f'"{part}"' for part in parts) + " )"


@dataclass(frozen=True, slots=True)
class Public:
    """What DNS tells of; `record` as we would write it there."""

    kind: Kind
    bits: int
    record: str


def read(domain: str, selector: str, pem: bytes) -> Key:
    """The key in a PEM file. ValueError says why it can't sign."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    private = _private(pem)
    told = _public(private.public_key())
    if not isinstance(private, RSAPrivateKey):
        return Key(
            domain, selector, "ed25519-sha256", lambda data: private.sign(hashlib.sha256(data).digest()), told.record
        )
    if not FEWEST <= told.bits <= MOST:
        raise ValueError(f"the RSA key has {told.bits} bits: {FEWEST} to {MOST} is what everybody verifies")
    padding, digest = PKCS1v15(), hashes.SHA256()
    return Key(domain, selector, "rsa-sha256", lambda data: private.sign(data, padding, digest), told.record)


def public_of(pem: bytes) -> Public:
    """What is to be told of the key in a PEM file. ValueError says why it is none."""
    return _public(_private(pem).public_key())


def public(kind: str, data: bytes) -> Public:
    """What a record tells of by k= and p=. ValueError: no key that can be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        told = _public(Ed25519PublicKey.from_public_bytes(data) if kind == "ed25519" else load_der_public_key(data))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if told.kind != kind:
        raise ValueError(f"k={kind} of another key")
    return told


def fresh(kind: Kind, bits: int = FEWEST) -> bytes:
    """A new private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, bits)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _private(pem: bytes) -> "RSAPrivateKey | Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("the key is encrypted: store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("there is no private key in PEM in it") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("it is neither an RSA nor an Ed25519 key")  # noqa: TRY004 - as all that is no such key
    return private


def _public(key: object) -> Public:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return Public("rsa", key.key_size, _record("rsa", key.public_bytes(serialization.Encoding.DER, form)))
    if isinstance(key, Ed25519PublicKey):
        return Public("ed25519", 256, _record("ed25519", key.public_bytes_raw()))
    raise ValueError("it is neither an RSA nor an Ed25519 key")


def _record(kind: Kind, public: bytes) -> str:
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
