"""When two transactions bring one mail, and when what they bring only looks alike."""

import pytest

from mailguard.mail.likeness import likeness
from mailguard.mail.message import Message

MAIL = (
    b"Received: from a\r\nFrom: Ann <ann@corp.example>\r\nTo: kim@client.example,\r\n mo@rival.example\r\n"
    b"Subject: Quote\r\nContent-Type: text/plain\r\n\r\nHello Kim,\r\n\r\nthe quote.\r\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Received: from a\r\n", b"Received: from b\r\nX-MS-Exchange-Id: 7\r\nDKIM-Signature: v=1; b=x\r\n"),
        (b",\r\n mo@", b", mo@"),
        (b"Hello Kim,\r\n", b"Hello  Kim, \t\r\n"),
        (b"quote.\r\n", b"quote.\r\n\r\n\r\n"),
        (b"quote.\r\n", b"quote."),
        (b"From:", b"from:"),
    ],
)
def test_what_each_transaction_has_of_its_own_makes_no_difference(old: bytes, new: bytes) -> None:
    assert likeness(Message(MAIL.replace(old, new))) == likeness(Message(MAIL))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"the quote", b"the other quote"),
        (b"Hello Kim", b"HelloKim"),
        (b"Subject: Quote", b"Subject: Quot"),
        (b"mo@rival", b"zoe@rival"),
        (b"text/plain", b"text/html"),
        (b"Subject:", b"Cc: lee@corp.example\r\nSubject:"),
        (b"Subject:", b"Reply-To: eve@evil.example\r\nSubject:"),
        (b"Ann <ann", b"Bob <ann"),
        (b"\r\n\r\nHello", b"\r\nTo: eve@evil.example\r\n\r\nHello"),
        (b"Hello Kim,\r\n\r\n", b"Hello Kim,\r\n"),
    ],
)
def test_whatever_its_reader_sees_makes_it_another_mail(old: bytes, new: bytes) -> None:
    assert old in MAIL
    assert likeness(Message(MAIL.replace(old, new))) != likeness(Message(MAIL))
