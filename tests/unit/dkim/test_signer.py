"""Which mail is signed by whom, and that what others add or change afterwards is noticed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.dkim.canon import BodyHash
from mailguard.dkim.keys import Key, read
from mailguard.dkim.signer import Signer
from tests.conftest import need
from tests.unit.dkim.verifier import ED25519, OF_CORP, RSA, opendkim, verdicts

NOW = datetime(2025, 11, 28, 12, tzinfo=UTC)  # past: verifiers look at their own clock
HEAD = (
    b"Received: from x\r\n\tby y; today\r\nFrom: Ann <ann@corp.example>\r\n"
    b"To: kim@client.example,\r\n\tmo@rival.example\r\nSubject:  two   blanks\r\n"
    b"Date: Fri, 28 Nov 2025 12:00:00 +0000\r\nMessage-ID: <1@corp.example>\r\n\r\n"
)
BODY = b"Hello, \t\r\n\r\n.dots\r\n\r\n\r\n"


def signed(head: bytes = HEAD, body: bytes = BODY, known: tuple[Key, ...] = OF_CORP) -> bytes:
    signer, seen = Signer(known), BodyHash()
    seen.update(body)
    return signer.sign(head, signer.keys(head), seen.digest(), NOW) + body


def test_each_key_of_a_domain_makes_a_signature_that_dkimpy_finds_valid() -> None:
    mail = signed()
    assert verdicts(mail) == [True, True]
    assert mail.endswith(HEAD + BODY)
    assert b"t=1764331200;" in mail


@pytest.mark.clients("opendkim")
def test_opendkim_finds_them_valid_and_a_changed_mail_not(tmp_path: Path) -> None:
    program = need("opendkim")
    assert opendkim(program, tmp_path, signed()) == ["pass rsa-sha256", "pass ed25519-sha256"]
    assert opendkim(program, tmp_path, signed() + b"more\r\n") == ["fail rsa-sha256", "fail ed25519-sha256"]


def test_no_line_is_longer_than_mail_is_written() -> None:
    top = signed()[: -len(HEAD + BODY)]
    assert max(map(len, top.split(b"\r\n"))) <= 78
    assert top.count(b"DKIM-Signature:") == 2


@pytest.mark.parametrize(
    "added",
    [
        b"From: boss@corp.example", b"Subject: Pay at once", b"To: a@b.example", b"Cc: a@b.example",
        b"Reply-To: mo@rival.example", b"Content-Type: text/html", b"Content-Transfer-Encoding: base64",
        b"Date: Sun, 29 Nov 2026 12:00:00 +0000", b"Message-ID: <2@x.example>", b"MIME-Version: 1.0",
        b"In-Reply-To: <2@x.example>", b"References: <2@x.example>",
    ],
)  # fmt: skip
def test_what_readers_are_shown_can_not_be_added_above_or_below(added: bytes) -> None:
    mail = signed()
    assert verdicts(added + b"\r\n" + mail) == [False, False]
    assert verdicts(mail.replace(b"Message-ID:", added + b"\r\nMessage-ID:", 1)) == [False, False]


@pytest.mark.parametrize("added", [b"Received: by z", b"List-Id: <l.x.example>", b"X-Spam: no", b"Sender: l@x.example"])
def test_what_relays_and_lists_add_breaks_nothing(added: bytes) -> None:
    assert verdicts(added + b"\r\n" + signed()) == [True, True]


def test_blanks_and_folds_may_change_on_the_way() -> None:
    mail = signed().replace(b"two   blanks", b"two\r\n\tblanks").replace(b", \t\r\n", b",\r\n")
    assert verdicts(mail + b"\r\n\r\n") == [True, True]
    assert verdicts(mail.replace(b"two", b"three")) == [False, False]


def test_several_fields_of_a_name_are_all_signed() -> None:
    head = HEAD.replace(b"Subject:", b"Resent-To: a@b.example\r\nResent-To: c@d.example\r\nSubject:")
    assert verdicts(signed(head)) == [True, True]
    assert verdicts(signed(head).replace(b"a@b.example", b"x@b.example")) == [False, False]
    assert verdicts(signed(head).replace(b"c@d.example", b"x@d.example")) == [False, False]


@pytest.mark.parametrize(
    ("said", "domain"),
    [
        (b"ann@corp.example", "corp.example"), (b"Ann <ANN@Corp.Example>", "corp.example"),
        (b"ann@shop.corp.example", "shop.corp.example"), (b"ann@x.lab.corp.example", "corp.example"),
        ("ann@żółw.example".encode(), "xn--w-uga1v8h.example"),
        (b"ann@corp.example, bob@corp.example", "corp.example"), (b"ann@corp.example, x@client.example", ""),
        (b"kim@client.example", ""), (b"ann@notcorp.example", ""), (b"ann", ""), (b"", ""), (b"ann@[127.0.0.1]", ""),
        (b"ann@corp.example\r\nFrom: bob@corp.example", ""),
        (b'"ann@corp.example" <mo@rival.example>', ""),
    ],
)  # fmt: skip
def test_who_signs_is_told_by_from(said: bytes, domain: str) -> None:
    known = [read(name, "s", ED25519) for name in ("corp.example", "shop.corp.example", "xn--w-uga1v8h.example")]
    found = Signer(known).keys(b"From: " + said + b"\r\nSender: ann@corp.example\r\n\r\n")
    assert [key.domain for key in found] == ([domain] if domain else [])


def test_without_keys_nothing_is_signed() -> None:
    assert not Signer()
    assert list(Signer().keys(HEAD)) == []


names = st.sampled_from(
    [b"To", b"Cc", b"Subject", b"Sender", b"List-Id", b"References", b"Content-Type", b"X-A", b"TO"]
)
values = st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n ", b"\r\n\t", b"\xff", b":", b"b=", b";"]), max_size=6)
lines = st.tuples(names, values.map(b"".join).filter(lambda value: not value.rstrip(b" \t").endswith(b"\r\n")))


@given(st.lists(lines, max_size=8), st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"x", b"\xff"]), max_size=8))
def test_any_mail_that_is_signed_is_valid(head: list[tuple[bytes, bytes]], body: list[bytes]) -> None:
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in head)
    sent = b"".join(body)
    mail = signed(b"From: ann@corp.example\r\n" + fields + b"\r\n", sent, (read("corp.example", "rsa1", RSA),))
    assert verdicts(mail if sent.endswith(b"\r\n") or not sent else mail + b"\r\n") == [True]
