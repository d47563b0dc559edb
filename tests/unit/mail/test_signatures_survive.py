"""A DKIM signature made before the relay verifies after the edits every mail gets."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailguard.mail.headers import AddCc, Edit, Prepend, Remove, apply, signed, split

BODY = b"Hello,\r\n\r\n  two  blanks \r\n\r\n\r\n"
HEAD = b"From: a@corp.example\r\nTO:  b@c.example,\r\n\td@e.example \r\nSubject:folded\r\n  twice\r\nBcc: x@y\r\n\r\n"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(key: rsa.RSAPrivateKey, mail: bytes) -> bytes:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    covered = [b"from", b"to", b"subject", b"cc"]
    canonical = (b"simple", b"simple")  # not one byte may change
    line: bytes = dkim.sign(mail, b"s", b"corp.example", secret, include_headers=covered, canonicalize=canonical)
    return line + mail


def verifies(key: rsa.RSAPrivateKey, mail: bytes) -> bool:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return bool(dkim.verify(mail, dnsfunc=lambda name, timeout=5: record))


def edited(mail: bytes, *edits: Edit) -> bytes:
    at = split(mail)
    return apply(mail[:at], edits) + mail[at:]


def test_received_and_the_removed_bcc_leave_the_signature_valid(key: rsa.RSAPrivateKey) -> None:
    mail = edited(sign(key, HEAD + BODY), Remove("Bcc"), Prepend("Received", "from x\r\n\tby y; today"))
    assert b"Bcc" not in mail
    assert verifies(key, mail)


def test_an_added_cc_breaks_a_signature_that_covers_it_and_signed_says_so(key: rsa.RSAPrivateKey) -> None:
    mail = sign(key, HEAD + BODY)
    assert signed(mail[: split(mail)], "Cc")
    assert not verifies(key, edited(mail, AddCc("z@corp.example")))
