"""Who may send as whom, and who is behind a mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Identity, Proof
from mailguard.mail.message import Message
from mailguard.notices import reply
from mailguard.smtpd import policy
from mailguard.smtpd.auth import User
from mailguard.smtpd.policy import Policy, owner, permits
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


VERP = Policy(internal, "mailguard@corp.example", ("news@corp.example", "<>"), ("{local}+*", "prvs=*={local}"))


@pytest.mark.parametrize(
    ("sender", "whose"),
    [
        ("news+bob=client.example@corp.example", "news@corp.example"),
        ("News+Bob=Client.Example@CORP.example", "news@corp.example"),
        ("prvs=0123abcdef=news@corp.example", "news@corp.example"),
        ("news@corp.example", "news@corp.example"),
    ],
)
def test_a_sender_that_a_program_made_of_an_address_is_that_addresses(sender: str, whose: str) -> None:
    VERP.check_envelope(None, sender)
    VERP.check_envelope(User("list", ("news@corp.example",)), sender)
    assert owner(("news@corp.example",), sender, VERP.verp) == whose
    assert who(User("list", ("news@corp.example",)), "From: news@corp.example", sender=sender, policy=VERP) == Identity(
        "news@corp.example", Proof.LOGIN, "list"
    )


@pytest.mark.parametrize(
    "sender",
    [
        "news+@corp.example", "+x@corp.example", "newsx+a@corp.example", "xnews+a@corp.example", "news.a@corp.example",
        "news+a@sub.corp.example", "news+a@client.example", "ceo+news@corp.example", "prvs=1=ceo@corp.example",
        "ceo@corp.example",
    ],
)  # fmt: skip
def test_a_sender_that_was_not_made_of_it_is_somebody_elses(sender: str) -> None:
    for user in (None, User("list", ("news@corp.example",))):
        with pytest.raises(PermanentFailure, match=r"may not send as|nobody may send as"):
            VERP.check_envelope(user, sender)


def test_without_a_pattern_and_in_the_header_a_sender_is_only_itself() -> None:
    user = User("list", ("news@corp.example",))
    with pytest.raises(PermanentFailure):
        POLICY.check_envelope(user, "news+a@corp.example")
    with pytest.raises(PermanentFailure, match="may not write From"):
        who(user, "From: news+a@corp.example", sender="news+a@corp.example", policy=VERP)


def test_addresses_of_our_own_notices_are_nobodys_to_make() -> None:
    ours = reply.address("mailguard@corp.example", "t" * 43)
    greedy = User("x", ("mailguard@corp.example", "*@corp.example"))
    with pytest.raises(PermanentFailure, match="reserved"):
        VERP.check_envelope(greedy, ours)


def test_without_a_login_the_one_who_resent_a_mail_is_who_sent_it() -> None:
    """RFC 5322 §3.6.6: the last one stands first, and the authors stay."""
    lines = ("Resent-From: office@corp.example", "Resent-From: bob@corp.example", "From: ann@corp.example")
    assert who(None, *lines).address == "office@corp.example"
    strangers = Policy(internal, "mailguard@corp.example", ("*@client.example", "news@corp.example"), ("{local}+*",))
    assert who(None, "From: kim@client.example", sender="news+kim@corp.example", policy=strangers) == Identity(
        "news@corp.example", Proof.NETWORK
    )
    assert who(ANN, "Resent-From: office@corp.example", "From: ann@corp.example").address == "ann@corp.example"


# --- a shortcut past addresses a reader may show --------------------------------------------------------------------
_word = st.from_regex(r"[A-Za-z0-9\-]{1,8}", fullmatch=True)
_mailbox = st.from_regex(
    r"[A-Za-z0-9_+\-]{1,8}(\.[A-Za-z0-9_+\-]{1,4})?@[A-Za-z0-9\-]{1,8}(\.[A-Za-z\-]{1,4}){0,2}", fullmatch=True
)


@given(
    st.lists(_word, max_size=4), _mailbox, st.sampled_from(["", "  ", "\r\n ", "\t"]), st.sampled_from(policy._NAMES)
)
def test_what_is_taken_for_plain_shows_no_other_address(words: list[str], box: str, gap: str, name: str) -> None:
    for text in (f"{''.join(f'{word} ' for word in words)}<{box}>", box):
        message = Message(f"{name}: {gap}{text}{gap}\r\n\r\n".encode())
        assert policy._PLAIN.fullmatch(message.raw_fields(name)[0])
        assert policy._seen(message, [name]) <= {each.address for each in message.mailboxes(name)}
