"""How often a mail went through a mailguard, by what its Received fields say."""

from datetime import UTC, datetime

import pytest

from mailguard.intake.arrange import edits
from mailguard.intake.loops import rounds
from mailguard.mail import headers
from mailguard.mail.envelope import Identity, Proof, Session
from mailguard.mail.message import Message

MAIL = b"From: ann@corp.example\r\nSubject: Hello\r\n\r\nHello\r\n"
ELSEWHERE = b"Received: from a.example by b.example (Postfix) with ESMTPS id 1; Mon, 30 Nov 2026 08:00:00 +0000\r\n"


def through(raw: bytes, hostname: str) -> bytes:
    """As a mailguard of this name passes it on."""
    session = Session("1", Identity("ann@corp.example", Proof.CONNECTOR), "2001:db8::1", "out.example", "ESMTPS", "")
    made = edits(Message(raw), session, hostname, "0TSZXW0K1ABCD", datetime(2026, 11, 30, 8, tzinfo=UTC))
    cut = headers.split(raw)
    return headers.apply(raw[:cut], made) + raw[cut:]


def test_every_mailguard_counts_whatever_its_name() -> None:
    raw = MAIL
    for count, name in enumerate(("mail.corp.example", "mail.corp.example", "mail.rival.example")):
        assert rounds(Message(raw)) == count
        raw = ELSEWHERE + through(raw, name)
    assert rounds(Message(raw)) == 3


@pytest.mark.parametrize(
    ("received", "count"),
    [
        (b"from x ([192.0.2.1]) by mail.corp.example (mailguard) with ESMTPS id 0TSZXW0K1ABCD; now", 1),
        (b"from x\r\n by\r\n mail.corp.example\r\n (mailguard)\r\n with ESMTPS; now", 1),  # folded anew by a provider
        (b"from mail.corp.example (mailguard) by b.example with ESMTPS; now", 0),
        (b"from x by b.example (Postfix) with ESMTPS id 1; (mailguard) now", 0),
        (b"from x by mailguard.corp.example (Postfix) with ESMTPS id 1; now", 0),
        (b"by (mailguard)", 0),
        (b"", 0),
    ],
)
def test_only_who_received_it_counts(received: bytes, count: int) -> None:
    assert rounds(Message(b"Received: " + received + b"\r\n" + MAIL)) == count
