"""The certificates that a server showed in TLS, whoever signed them."""

import ssl
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509

_DER = 2  # _ssl.ENCODING_DER


def chain(connection: ssl.SSLObject | ssl.SSLSocket | None) -> list[bytes]:
    """What the server sent, its own certificate first, each as DER; nothing of it is verified here."""
    if connection is None:
        return []
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain() or ())
    inner: Any = connection._sslobj  # type: ignore[union-attr] # there, but not public, from 3.10 on
    return [one.public_bytes(_DER) for one in inner.get_unverified_chain() or ()]


def expires(der: bytes) -> datetime:
    """The end of a certificate's time."""
    end: datetime = x509.Certificate.load(der).not_valid_after
    return end.astimezone(UTC)


def public_key(der: bytes) -> bytes:
    """The subjectPublicKeyInfo of a certificate, as DER."""
    found: bytes = x509.Certificate.load(der).public_key.dump()
    return found
