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


def read(domain: str, selector: str, pem: bytes) -> Key:
    """The key in a PEM file. ValueError says why it can't sign."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        private = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("the key is encrypted: store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("there is no private key in PEM in it") from None
    if isinstance(private, RSAPrivateKey):
        return _rsa(domain, selector, private)
    if isinstance(private, Ed25519PrivateKey):
        return _ed25519(domain, selector, private)
    raise ValueError("it is neither an RSA nor an Ed25519 key")


def fresh(kind: Kind, bits: int = FEWEST) -> bytes:
    """A new private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, bits)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _rsa(domain: str, selector: str, private: "RSAPrivateKey") -> Key:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    if not FEWEST <= private.key_size <= MOST:
        raise ValueError(f"the RSA key has {private.key_size} bits: {FEWEST} to {MOST} is what everybody verifies")
    padding, digest = PKCS1v15(), hashes.SHA256()
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(domain, selector, "rsa-sha256", lambda data: private.sign(data, padding, digest), _record("rsa", public))


def _ed25519(domain: str, selector: str, private: "Ed25519PrivateKey") -> Key:
    from cryptography.hazmat.primitives import serialization

    public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return Key(
        domain, selector, "ed25519-sha256", lambda data: private.sign(hashlib.sha256(data).digest()),
        _record("ed25519", public),
    )  # fmt: skip


def _record(kind: str, public: bytes) -> str:
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
