import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.errors import PermanentFailure
from mailguard.mail.address import check, domain, key, parse_path, within


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("<a@b.example>", "a@b.example", ""),
        (" <a@b.example> SIZE=3 BODY=8BITMIME", "a@b.example", "SIZE=3 BODY=8BITMIME"),
        ("<> RET=HDRS", "", "RET=HDRS"),
        ("<@one.example,@two.example:a@b.example>", "a@b.example", ""),
        ('<"a>b c"@d.example> X=1', '"a>b c"@d.example', "X=1"),
        (r'<"a\"b\\"@d.example>', r'"a\"b\\"@d.example', ""),
        ("<a@[192.0.2.1]>", "a@[192.0.2.1]", ""),
        ("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", ""),
        ("<First.Last+tag@Corp.Example>", "First.Last+tag@Corp.Example", ""),
        ("<root@localhost>", "root@localhost", ""),
    ],
)
def test_a_path_gives_its_address_as_written_and_what_follows(text: str, address: str, rest: str) -> None:
    assert parse_path(text) == (address, rest)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a@b.example", "write the address in angle brackets"),
        ("", "write the address in angle brackets"),
        ("<a@b.example", "no closing >"),
        ('<"a@b.example>', "no closing >"),
        ("<a@b.example>SIZE=3", "put a space"),
        ("<<a@b.example>>", "not well-formed"),
        ("<a@b<c.example>", "not a domain name"),
        ("<a..b@c.example>", "after the user name comes @domain"),
        ("<.a@c.example>", "not well-formed"),
        ("<a b@c.example>", "after the user name comes @domain"),
        ("<@c.example>", "not well-formed"),
        ("<@one.example:>", "no address in it"),
        ("<a@>", "domain after the @ is missing"),
        ("<a>", "no @domain"),
        ("<a@b@c.example>", "not a domain name"),
        ("<a@-b.example>", "not a domain name"),
        ("<a@b..example>", "not a domain name"),
        ("<a@[1.2.3]>", "address literal"),
        ("<a@[IPv6:1::2::3]>", "address literal"),
        ("<a@[IPv6:fe80::1%eth0]>", "address literal"),
        ("<a@[1.2.3.4>", "address literal"),
        ("<a\r\nRCPT TO:<x@y>@c.example>", "control character"),
        ("<a\x00@c.example>", "control character"),
        ("<a\x7f@c.example>", "control character"),
        ("<a\t@c.example>", "control character"),
        (f"<{'a' * 65}@c.example>", "longer than 64 octets"),
        (f"<a@{'b' * 64}.example>", "DNS can hold"),
        (f"<a@{'.'.join(['bcdefgh'] * 40)}>", "longer than 256 octets"),
    ],
)
def test_a_bad_path_is_refused_with_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(PermanentFailure, match=why) as refused:
        parse_path(text)
    assert (refused.value.code, refused.value.enhanced) == (501, "5.1.3")


@pytest.mark.parametrize("text", ["<=?utf-8?q?x=0d=0aRCPT_TO=3a?=@d.example>", "<=?utf-8?q?a?=@b.example>"])
def test_an_encoded_word_in_a_path_is_only_its_letters(text: str) -> None:
    address, _ = parse_path(text)
    assert address == text[1:-1]


def test_an_encoded_word_is_no_domain() -> None:
    with pytest.raises(PermanentFailure, match="not a domain name"):
        parse_path("<u@=?utf-8?q?evil.example?=>")


def test_a_length_is_counted_in_octets() -> None:
    assert parse_path(f"<{'a' * 64}@c.example>")[0]
    with pytest.raises(PermanentFailure, match="64 octets"):
        parse_path(f"<{'ż' * 33}@c.example>", smtputf8=True)


def test_utf8_needs_smtputf8() -> None:
    assert parse_path("<żółw@żółw.example>", smtputf8=True)[0] == "żółw@żółw.example"
    with pytest.raises(PermanentFailure, match="SMTPUTF8") as refused:
        parse_path("<żółw@żółw.example>")
    assert (refused.value.code, refused.value.enhanced) == (553, "5.6.7")


@pytest.mark.parametrize("char", ["\udc80", "\x85", "\u2028", "\u00a0", "\u202e", "\u200b"])
def test_invalid_utf8_and_invisible_characters_are_refused(char: str) -> None:
    with pytest.raises(PermanentFailure) as refused:
        parse_path(f"<a{char}b@c.example>", smtputf8=True)
    assert refused.value.code == 501
    assert refused.value.line.isascii()


def test_a_bare_postmaster_is_completed_where_a_domain_is_given() -> None:
    assert parse_path("<PostMaster>", postmaster="corp.example")[0] == "PostMaster@corp.example"
    with pytest.raises(PermanentFailure, match="no @domain"):
        parse_path("<postmaster>")


@given(st.text(max_size=80), st.booleans())
def test_anything_else_is_a_permanent_failure_and_never_has_a_line_end(text: str, smtputf8: bool) -> None:
    for path in (text, f"<{text}>", f"<{text}@b.example>"):
        try:
            address, _ = parse_path(path, smtputf8=smtputf8)
        except PermanentFailure as refused:
            assert refused.line.isascii()  # noqa: PT017
        else:
            assert not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", address)
            assert parse_path(f"<{address}>", smtputf8=smtputf8) == (address, "")


_ATOM = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=10)
_QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(
    lambda text: '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
)
_HOST = st.lists(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True), min_size=1, max_size=4)


@given(st.one_of(st.lists(_ATOM, min_size=1, max_size=4).map(".".join), _QUOTED), _HOST.map(".".join))
def test_every_well_formed_address_comes_back_as_it_was_written(local: str, host: str) -> None:
    address = f"{local}@{host}"
    assert parse_path(f"<{address}> A=B") == (address, "A=B")
    assert parse_path(f"<@r.example:{address}>")[0] == address
    assert check(address) == address
    assert key(key(address)) == key(address)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@Corp.Example", "ann@corp.example"),
        ('"ann"@corp.example', "ann@corp.example"),
        (r'"a\nn"@corp.example', "ann@corp.example"),
        ("ann@żółw.example", "ann@xn--w-uga1v8h.example"),
        ("ann@ŻÓŁW.example", "ann@xn--w-uga1v8h.example"),
        ("Żaneta@corp.example", "żaneta@corp.example"),
        ("ann@corp.example.", "ann@corp.example"),
    ],
)
def test_addresses_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


def test_a_key_keeps_apart_what_is_different() -> None:
    assert key('"a b"@corp.example') != key("ab@corp.example")
    assert key("") == ""
    assert domain("") == ""
    assert domain("a@B.Example") == "b.example"


@given(st.text(max_size=60))
def test_a_key_is_made_of_anything(text: str) -> None:
    assert key(key(text)) == key(text)


@pytest.mark.parametrize(
    ("host", "pattern", "inside"),
    [
        ("corp.example", "corp.example", True),
        ("CORP.example", "corp.EXAMPLE", True),
        ("a.corp.example", "corp.example", False),
        ("a.corp.example", "*.corp.example", True),
        ("a.b.corp.example", "*.corp.example", True),
        ("corp.example", "*.corp.example", False),
        ("notcorp.example", "*.corp.example", False),
        ("notcorp.example", "corp.example", False),
        ("żółw.example", "xn--w-uga1v8h.example", True),
        ("", "corp.example", False),
        ("", "", False),
    ],
)
def test_a_domain_is_inside_only_at_its_boundary(host: str, pattern: str, inside: bool) -> None:
    assert within(host, pattern) is inside


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("maß@client.example", "mass@client.example"),
        ("kim@straße.example", "kim@strasse.example"),
        ("kim@co\u200drp.example", "kim@corp.example"),
    ],
)
def test_two_mailboxes_are_never_taken_for_one(one: str, other: str) -> None:
    assert key(one) != key(other)
