"""Who may send as whom, and who is behind a mail."""

import pytest

from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Identity, Proof
from mailguard.mail.message import Message
from mailguard.smtpd import User
from mailguard.smtpd.policy import Policy, permits
from tests.unit.smtpd.conftest import internal

ANN = User("ann", ("ann@corp.example", "office@corp.example"))
SCANNER = User("scanner", ("*@corp.example",))
POLICY = Policy(internal, "mailguard@corp.example")


def who(user: User | None, *lines: str, sender: str = "ann@corp.example", policy: Policy = POLICY) -> Identity:
    message = Message("\r\n".join((*lines, "", "text\r\n")).encode())
    return policy.identity(user, sender, message)


def refused(user: User | None, *lines: str, sender: str = "ann@corp.example") -> str:
    with pytest.raises(PermanentFailure) as caught:
        who(user, *lines, sender=sender)
    assert caught.value.line.startswith("550 5.7.1 ")
    return caught.value.text


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ("ann@corp.example", "ann@corp.example", True),
        ("ann@corp.example", "Ann@CORP.example", True),
        ("ann@corp.example", "annie@corp.example", False),
        ("*@corp.example", "who@corp.example", True),
        ("*@corp.example", "who@notcorp.example", False),
        ("*@corp.example", "who@sub.corp.example", False),
        ("*@*.corp.example", "who@sub.corp.example", True),
        ("*@*.corp.example", "who@corp.example", False),
        ("*@bücher.example", "who@XN--bcher-kva.example", True),
        ("straße@corp.example", "STRASSE@corp.example", False),
        ("<>", "<>", True),
    ],
)
def test_patterns(pattern: str, address: str, expected: bool) -> None:
    assert permits((pattern,), address) is expected


@pytest.mark.parametrize(
    "headers",
    [
        ["From: Ann <ann@corp.example>"],
        ["from: =?utf-8?q?Ann?= <ANN@Corp.Example>"],
        ["From: ann@corp.example, office@corp.example", "Sender: office@corp.example"],
        ["From: Us: ann@corp.example, office@corp.example;"],
        ["From: ann@corp.example (the boss is ceo@corp.example)"],
        ["From: ann@corp.example", "From: office@corp.example"],
        ['From: "office@corp.example" <ann@corp.example>'],
        ['From: "ann@home.example" <ann@corp.example>'],  # nobody of ours
    ],
)
def test_a_login_may_use_its_own_addresses(headers: list[str]) -> None:
    assert who(ANN, *headers) == Identity("ann@corp.example", Proof.LOGIN, "ann")


@pytest.mark.parametrize(
    "headers",
    [
        ["From: ceo@corp.example"],
        ["From: ann@corp.example, ceo@corp.example"],
        ["From: ann@corp.example", "From: ceo@corp.example"],
        ["From: ann@corp.example", "Sender: ceo@corp.example"],
        ["From: Us: ann@corp.example, ceo@corp.example;"],
        ["From: ann@corp.example.evil.example"],
        ["From: ann@corp.example\r\n ,ceo@corp.example"],
        ["FROM: ceo@corp.example"],
        ["From : ceo@corp.example", "From: ann@corp.example"],
        ["From: ann@corp.example", "Resent-From: ceo@corp.example"],
        ["From: ann@corp.example", "Resent-Sender: ceo@corp.example"],
        ['From: "ceo@corp.example" <ann@corp.example>'],
        ["From: ceo@corp.example <ann@corp.example>"],
        ["From: =?utf-8?q?ceo=40corp.example=2C_Boss?= <ann@corp.example>"],
        ["From: ann@corp.example (ceo@corp.example)"],
        ["From: ceo@corp.example: ann@corp.example;"],
    ],
)
def test_any_other_author_or_sender_is_refused_with_the_address(headers: list[str]) -> None:
    text = refused(ANN, *headers)
    assert "ann may not write" in text
    assert "send_as" in text


@pytest.mark.parametrize(
    "headers", [["To: bob@client.example"], ["From:"], ["From: undisclosed:;"], ["From: <>"], ["From: root"]]
)
def test_a_mail_without_an_author_is_refused_in_clear_words(headers: list[str]) -> None:
    assert "no From header with an address" in refused(ANN, *headers)
    assert "no From header with an address" in refused(None, *headers)


def test_an_author_behind_a_broken_line_of_the_header_is_refused() -> None:
    """Some readers skip the line and show the second."""
    text = refused(ANN, "From: ann@corp.example", "no field", "From: ceo@corp.example")
    assert "take that line away" in text


def test_one_empty_from_beside_a_good_one_is_refused() -> None:
    refused(ANN, "From: ann@corp.example", "From: the boss")


def test_the_envelope_of_a_login() -> None:
    POLICY.check_envelope(ANN, "office@corp.example")
    POLICY.check_envelope(ANN, "")
    with pytest.raises(PermanentFailure, match="ann may not send as ceo@"):
        POLICY.check_envelope(ANN, "ceo@corp.example")


def test_a_null_sender_of_a_login_needs_a_permitted_author() -> None:
    assert who(ANN, "From: office@corp.example", sender="").address == "ann@corp.example"
    refused(ANN, "From: ceo@corp.example", sender="")


def test_whoever_acts_is_the_login_not_the_author() -> None:
    assert who(ANN, "From: office@corp.example").address == "ann@corp.example"
    whole = User("office@corp.example", ("ann@corp.example", "office@corp.example"))
    assert who(whole, "From: ann@corp.example").address == "office@corp.example"
    assert who(SCANNER, "From: third.floor@corp.example") == Identity(
        "third.floor@corp.example", Proof.LOGIN, "scanner"
    )


def test_a_trusted_network_may_send_as_the_organization() -> None:
    assert who(None, "From: erp@corp.example", sender="erp@corp.example") == Identity("erp@corp.example", Proof.NETWORK)
    POLICY.check_envelope(None, "erp@corp.example")
    with pytest.raises(PermanentFailure, match="nobody may send as eve@"):
        POLICY.check_envelope(None, "eve@evil.example")
    refused(None, "From: eve@evil.example")


def test_a_bounce_from_a_trusted_network_is_nobodys_unless_its_author_is_ours() -> None:
    POLICY.check_envelope(None, "")
    with pytest.raises(PermanentFailure, match=r"write From MAILER-DAEMON@elsewhere\.example"):
        who(None, "From: MAILER-DAEMON@elsewhere.example\r\nAuto-Submitted: auto-replied", sender="")
    assert who(None, "To: x@client.example", sender="") == Identity("", Proof.NETWORK)
    assert who(None, "From: postmaster@corp.example", sender="").address == "postmaster@corp.example"


def test_a_list_of_senders_replaces_the_default() -> None:
    policy = Policy(internal, "mailguard@corp.example", ("erp@corp.example", "*@partner.example"))
    policy.check_envelope(None, "x@partner.example")
    assert (
        who(None, "From: x@partner.example", sender="x@partner.example", policy=policy).address == "x@partner.example"
    )
    for sender in ("ann@corp.example", ""):
        with pytest.raises(PermanentFailure):
            policy.check_envelope(None, sender)
    Policy(internal, "mailguard@corp.example", ("<>",)).check_envelope(None, "")


@pytest.mark.parametrize("user", [SCANNER, None])
def test_nobody_sends_as_the_notices(user: User | None) -> None:
    with pytest.raises(PermanentFailure, match="reserved"):
        POLICY.check_envelope(user, "MailGuard@corp.example")
    assert "reserved" in refused(user, "From: =?utf-8?b?bWc=?= <mailguard@CORP.example>", sender="erp@corp.example")
    assert "reserved" in refused(
        user, "From: erp@corp.example", "Sender: mailguard@corp.example", sender="erp@corp.example"
    )
    assert "reserved" in refused(user, "From: mailguard@corp.example", sender="")


@pytest.mark.parametrize(
    "header",
    ["From: <ceo@corp.example\\<ann@corp.example>", "From: <@ceo@corp.example:ann@corp.example>",
     "From: Boss ceo@corp.example <ann@corp.example>"],
)  # fmt: skip
def test_broken_syntax_hides_nobody(header: str) -> None:
    """Each reader mends it in its own way; each shows one of these addresses."""
    assert "ceo@corp.example" in refused(ANN, header)
