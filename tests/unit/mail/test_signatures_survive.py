"""A DKIM signature made before the relay verifies after the edits every mail gets; after others, or it was said so."""

import base64
from collections.abc import Sequence

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from mailguard.mail.headers import (
    Add,
    AddCc,
    Drop,
    Edit,
    Hide,
    Prefix,
    Prepend,
    Remove,
    RemoveLike,
    Splice,
    Swap,
    Withheld,
    apply,
    signed,
    split,
)

BODY = b"Hello,\r\n\r\n  two  blanks \r\n\r\n\r\n"
HEAD = b"From: a@corp.example\r\nTO:  b@c.example,\r\n\td@e.example \r\nSubject:folded\r\n  twice\r\nBcc: x@y\r\n\r\n"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(
    key: rsa.RSAPrivateKey,
    mail: bytes,
    covered: Sequence[bytes] = (b"from", b"to", b"subject", b"cc"),
    way: bytes = b"simple",  # not one byte may change
) -> bytes:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    line: bytes = dkim.sign(mail, b"s", b"corp.example", secret, include_headers=list(covered), canonicalize=(way, way))
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


names = st.sampled_from([b"To", b"Cc", b"Bcc", b"Received", b"Subject", b"Reply-To", b"X-Spam", b"cc", b"TO"])
values = st.lists(
    st.sampled_from(
        [b"bob@client.example", b"Bob <bob@client.example>", b"zoe@corp.example", b"undisclosed-recipients:;", b",",
         b", ", b",\r\n\t", b"\r\n ", b" ", b"  ", b'"a, b" <c@d.example>', b"Staff: a@b.example, c@d.example;", b"(",
         b'"', b"Za\xc5\xbc\xc3\xb3", b"\xff", b"=?utf-8?q?x=2C?=", b"x" * 70]
    ),
    max_size=6,
).map(b"".join)  # fmt: skip
heads = st.lists(st.tuples(names, values.filter(lambda value: not value.endswith(b"\r\n "))), max_size=8)
edits = st.lists(
    st.sampled_from(
        [Drop("bob@client.example"), Drop("c@d.example"), Drop("zoe@corp.example"), AddCc("zoe@corp.example"),
         Remove("Bcc"), Remove("X-Spam"), Prepend("Received", "from x\r\n\tby y; today"), Prepend("X-Held", "yes"),
         Hide("bob@client.example"), Prefix("[EXT]"), Add("X-Held", "no"), Withheld("cc", "x")]
    ),
    max_size=4,
)  # fmt: skip


@given(
    head=heads,
    covered=st.lists(st.sampled_from([b"to", b"cc", b"subject", b"reply-to", b"x-spam", b"x-held"]), unique=True),
    body=st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"Hello", b".", b"\xff\x00"]), max_size=8).map(b"".join),
    way=st.sampled_from([b"simple", b"relaxed"]),
    wanted=edits,
)
def test_whatever_is_edited_a_signature_is_valid_or_covers_what_was_touched(
    key: rsa.RSAPrivateKey,
    head: list[tuple[bytes, bytes]],
    covered: list[bytes],
    body: bytes,
    way: bytes,
    wanted: list[Edit],
) -> None:
    lines = [b"From: ann@corp.example", *(name + b": " + value for name, value in head)]
    mail = sign(key, b"\r\n".join(lines) + b"\r\n\r\n" + body, [b"from", *covered], way)
    assert verifies(key, mail)
    top = mail[: split(mail)]
    said = any(signed(top, name) for edit in wanted for name in _touched(edit))
    assert said or verifies(key, edited(mail, *wanted))


def _touched(edit: Edit) -> tuple[str, ...]:
    match edit:
        case Drop() | Hide() | Swap():
            return ("to", "cc")
        case AddCc():
            return ("cc",)
        case Prefix():
            return ("subject",)
        case RemoveLike():
            return (edit.prefix,)
        case Withheld() | Splice():
            return ()
        case _:
            return (edit.name,)
