"""The header of a mail as it left, for its sender's Sent folder."""

from dataclasses import replace

from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.headers import Drop
from mailguard.records import Delivery, Mail, State
from mailguard.sent_copies import as_sent
from mailguard.testing import MONDAY

ANN, KIM, MO = "ann@corp.example", "kim@client.example", "mo@rival.example"
HEAD = f"To: {KIM}\r\nMessage-ID: <1@c>\r\n\r\n".encode()
MAIL = Mail(
    "QUEUE1", Envelope(ANN, (Recipient(KIM), Recipient(MO))), Identity(ANN, Proof.LOGIN, "ann"), 99, b"", MONDAY,
    (Drop(MO),), (Delivery(Recipient(KIM), "", State.SENT), Delivery(Recipient(MO), "", State.CANCELLED)),
    (), (), (), "",
)  # fmt: skip


def test_it_says_who_got_it_and_who_did_not() -> None:
    assert as_sent(HEAD, MAIL) == (
        b"X-Mailguard-As-Sent: QUEUE1\r\n"
        b"X-Mailguard-Sent-To: kim@client.example\r\n"
        b"X-Mailguard-Not-Sent-To: mo@rival.example\r\n"
        b"To: kim@client.example\r\nMessage-ID: <1@c>\r\n\r\n"
    )


def test_copies_that_rules_added_are_not_told_and_a_thousand_recipients_are_folded() -> None:
    many = tuple(Delivery(Recipient(f"someone{n}@client.example"), "", State.SENT) for n in range(1000))
    added = Delivery(Recipient("assistant@corp.example"), "", State.SENT, added=True)
    made = as_sent(HEAD, replace(MAIL, deliveries=(*many, added)))
    assert b"assistant@" not in made
    assert b"Not-Sent-To" not in made
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))
    assert made.count(b"someone") == 1000
