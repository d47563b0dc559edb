"""Certificates that a domain's own DNS vouches for: TLSA records of mail servers (RFC 7672)."""

import hashlib
import hmac
import ssl
from collections.abc import Iterable

from mailguard.courier.certificate import public_key
from mailguard.courier.lookup import Tlsa

ANCHOR, SERVER = 2, 3  # DANE-TA: who signed it; DANE-EE: the server's own
_WHOLE, _KEY = 0, 1  # selectors
_HOW = {0: None, 1: hashlib.sha256, 2: hashlib.sha512}  # matching types; 0 is the thing itself


def usable(records: Iterable[Tlsa]) -> list[Tlsa]:
    """Those that say something about SMTP: usages 0 and 1 are for browsers (RFC 7672 §3.1.3)."""
    kinds = {
        (usage, selector, matching) for usage in (ANCHOR, SERVER) for selector in (_WHOLE, _KEY) for matching in _HOW
    }
    return [one for one in records if (one.usage, one.selector, one.matching) in kinds and one.data]


def is_server(records: Iterable[Tlsa], chain: list[bytes]) -> bool:
    """Whether the server's own certificate is vouched for. Its name and dates don't count (RFC 7672 §3.1.1)."""
    return bool(chain) and any(one.usage == SERVER and _matches(one, chain[0]) for one in records)


def anchors(records: Iterable[Tlsa], chain: list[bytes]) -> list[bytes]:
    """Certificates, as DER, that the server's must be signed by: shown by it, or whole in a record."""
    wanted = [one for one in records if one.usage == ANCHOR]
    shown = [der for der in chain[1:] if any(_matches(one, der) for one in wanted)]
    return shown + [one.data for one in wanted if (one.selector, one.matching) == (_WHOLE, 0)]


def context(trusted: list[bytes]) -> ssl.SSLContext:
    """Nothing else is trusted than these and what they signed; the name must be right. ValueError: no certificate."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an anchor need not be a root
    try:
        for der in trusted:
            found.load_verify_locations(cadata=der)
    except ssl.SSLError as error:
        raise ValueError(str(error)) from error
    return found


def _matches(record: Tlsa, der: bytes) -> bool:
    try:
        part = der if record.selector == _WHOLE else public_key(der)
    except (ValueError, TypeError, KeyError):  # no certificate that asn1crypto could read
        return False
    made = _HOW[record.matching]
    return hmac.compare_digest(made(part).digest() if made else part, record.data)
