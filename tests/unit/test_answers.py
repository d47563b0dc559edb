"""What is read out of an answer: only the plain first line its author wrote."""

import pytest

from mailguard import tokens
from mailguard.answers.answers import by_itself
from mailguard.answers.wish import Verb, Wish, read
from mailguard.mail.envelope import Envelope
from mailguard.mail.message import Message
from mailguard.mail.text import body_text
from mailguard.notices import reply
from mailguard.testing import make_message

KIM = "kim@client.example"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("stop", Wish(Verb.STOP)),
        ("\n  STOP!\n", Wish(Verb.STOP)),
        ("Zatrzymaj.", Wish(Verb.STOP)),
        ("stopp", Wish(Verb.STOP)),
        ("„wstrzymaj”", Wish(Verb.STOP)),
        ("Stop\n\nthat went to the wrong Kim", Wish(Verb.STOP)),
        ("send", Wish(Verb.SEND)),
        ("Wyślij", Wish(Verb.SEND)),
        ("WYSLIJ", Wish(Verb.SEND)),
        ("freigeben", Wish(Verb.SEND)),
        (f"drop {KIM}", Wish(Verb.DROP, (KIM,))),
        (f"Drop <{KIM}>, mo@rival.example", Wish(Verb.DROP, (KIM, "mo@rival.example"))),
        (f"usuń {KIM}", Wish(Verb.DROP, (KIM,))),
        (f"entfernen {KIM}.", Wish(Verb.DROP, (KIM,))),
    ],
)
def test_a_plain_first_line_is_a_wish(text: str, wish: Wish) -> None:
    assert read(text) == wish


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "stopping by tomorrow?",
        "stop sending me these",
        "Send me the file please",
        "send\n\nno, wait",
        "drop",
        f"drop {KIM}\nand nobody else",
        "please stop",
        "send" + " " * 500 + "x",
        "Hello\nstop",
    ],
)
def test_what_is_not_plain_is_no_wish(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ("stop\r\n\r\nOn Mon, 23 Nov 2026, mailguard wrote:\r\n> Held: not sent yet\r\n", Wish(Verb.STOP)),
        ("> stop\r\n", None),
        ("On Mon, 23 Nov 2026 at 10:00, mailguard <m@corp.example> wrote:\r\n> send\r\n", None),
        ("-- \r\nstop\r\n", None),
        ("send\r\n\r\nSent from my iPhone\r\n", Wish(Verb.SEND)),
        ("send\r\n\r\nSent from my iPhone\r\n\r\n> stop\r\n", Wish(Verb.SEND)),
        ("-----Original Message-----\r\nFrom: mailguard\r\nSubject: Held\r\n\r\nstop\r\n", None),
    ],
)
def test_only_the_authors_own_words_count(body: str, wish: Wish | None) -> None:
    raw = make_message("ann@corp.example", "m@corp.example", body=body, In_Reply_To="<n@corp.example>")
    assert read(body_text(Message(raw)).new) == wish


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner-email=ann@corp.example"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"List_Id": "<all.corp.example>"},
        {"Content_Type": "multipart/report; report-type=disposition-notification; boundary=x"},
    ],
)
def test_what_a_program_wrote_is_no_answer(header: dict[str, str]) -> None:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in header.items())
    raw = f"From: ann@corp.example\r\n{head}\r\nstop\r\n".encode()
    assert by_itself(Envelope("ann@corp.example", ()), Message(raw))
    plain = Message(b"From: ann@corp.example\r\nAuto-Submitted: no\r\n\r\nstop\r\n")
    assert not by_itself(Envelope("ann@corp.example", ()), plain)
    assert by_itself(Envelope("", ()), plain)


def test_the_token_is_in_the_address_and_survives_its_case() -> None:
    sender, token = "mailguard@corp.example", tokens.new_answer()
    assert reply.token(sender, reply.address(sender, token).upper()) == token
    assert reply.token(sender, sender) == ""
    assert reply.token(sender, "mailguards@corp.example") is None
    assert reply.token(sender, f"mailguard+{token}@other.example") is None
    assert len(reply.address(sender, token).partition("@")[0]) <= 64


def test_a_links_token_is_no_answers_token() -> None:
    token = tokens.new_answer()
    assert tokens.answer_digest(token) != tokens.digest(token)
