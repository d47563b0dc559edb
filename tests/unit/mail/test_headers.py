import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.mail.edits import dump, load
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
    Swap,
    Withheld,
    apply,
    signed,
    split,
)
from mailguard.mail.message import Message

PLAIN = b"From: a@corp.example\r\nTo: b@corp.example\r\nSubject: x\r\n\r\n"


def test_without_edits_the_head_is_the_same_bytes() -> None:
    assert apply(PLAIN, []) == PLAIN


def test_every_bcc_goes_in_any_case_and_folded() -> None:
    head = b"Bcc: x@y\r\nFrom: a@b\r\nBCC: p@q,\r\n r@s,\r\n\tt@u\r\nSubject: Bcc: no\r\nbcc :\r\n\r\n"
    assert apply(head, [Remove("Bcc")]) == b"From: a@b\r\nSubject: Bcc: no\r\n\r\n"


def test_every_field_that_begins_alike_goes_in_any_case_and_folded() -> None:
    head = b"X-Our-A: 1\r\n 2\r\nFrom: a@b\r\nx-our-b : 3\r\nX-Ours: stays\r\nSubject: X-Our-C: no\r\nX-OUR-: 4\r\n\r\n"
    assert apply(head, [RemoveLike("X-Our-")]) == b"From: a@b\r\nX-Ours: stays\r\nSubject: X-Our-C: no\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PLAIN, PLAIN[:-2] + b"Cc: c@d\r\n\r\n"),
        (b"Cc: a@b\r\nTo: x@y\r\n\r\n", b"Cc: a@b,\r\n c@d\r\nTo: x@y\r\n\r\n"),
        (b"cc: a@b,\r\n e@f \r\n\r\n", b"cc: a@b,\r\n e@f,\r\n c@d \r\n\r\n"),
        (b"Cc: a@b,\r\n\r\n", b"Cc: a@b,\r\n c@d\r\n\r\n"),
        (b"Cc:\r\nTo: x@y\r\n\r\n", b"Cc: c@d\r\nTo: x@y\r\n\r\n"),
        (b'Cc: "open <a@b>\r\n\r\n', b'Cc: "open <a@b>\r\nCc: c@d\r\n\r\n'),
        (b"Cc: a@b (open\r\n\r\n", b"Cc: a@b (open\r\nCc: c@d\r\n\r\n"),
        (b"Subject: no blank line", b"Subject: no blank line\r\nCc: c@d\r\n\r\n"),
        (b"", b"Cc: c@d\r\n\r\n"),
        (b"\r\n", b"Cc: c@d\r\n\r\n"),
    ],
)
def test_a_cc_is_added_where_it_will_be_read(head: bytes, expected: bytes) -> None:
    changed = apply(head, [AddCc("c@d")])
    assert changed == expected
    assert "c@d" in [mailbox.address for mailbox in Message(changed).mailboxes("cc")]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"To: a@b, c@d\r\n\r\n", b"To: c@d\r\n\r\n"),
        (b"To: c@d,\r\n A@B\r\nCc: Ann <a@b>\r\n\r\n", b"To: c@d\r\n\r\n"),
        (b"Cc: a@b,a@b,\r\n a@b\r\nX: 1\r\n\r\n", b"X: 1\r\n\r\n"),
        (b'To: team: a@b, "x" <c@d>; e@f\r\n\r\n', b'To: team: "x" <c@d>; e@f\r\n\r\n'),
        (b"To: team: a@b;\r\n\r\n", b"To: team: ;\r\n\r\n"),
        (b"To: team: c@d, a@b; , e@f\r\n\r\n", b"To: team: c@d; , e@f\r\n\r\n"),
        (b"To: x@y,\r\n\tAnn (a, b) <a@b> (c),\r\n\tq@r\r\n\r\n", b"To: x@y,\r\n\tq@r\r\n\r\n"),
        (b'To: "B, A" <a@b>, =?utf-8?q?A,_B?= <a@b>, c@d\r\n\r\n', b"To: c@d\r\n\r\n"),
        (b'To: "a"@b, c@d\r\n\r\n', b"To: c@d\r\n\r\n"),
        (b"To: a@b; c@d\r\n\r\n", b"To: c@d\r\n\r\n"),
        (b"To: x@y, a@b,\r\n\r\n", b"To: x@y,\r\n\r\n"),
        (b"From: a@b\r\nReply-To: a@b\r\nSubject: a@b\r\n\r\n", b"From: a@b\r\nReply-To: a@b\r\nSubject: a@b\r\n\r\n"),
        (b'To: "a@b" <c@d>\r\n\r\n', b'To: "a@b" <c@d>\r\n\r\n'),
    ],
)
def test_a_dropped_address_leaves_to_and_cc_with_its_name_and_comments(head: bytes, expected: bytes) -> None:
    assert apply(head, [Drop("a@b")]) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"To: a@b\r\n\r\n", b"To: x@y\r\n\r\n"),
        (b'To: c@d, "Ann, B" <A@b>,\r\n e@f\r\nCc: a@b, g@h\r\n\r\n', b"To: c@d, x@y,\r\n e@f\r\nCc: x@y, g@h\r\n\r\n"),
        ("To: Żaneta <a@b>, c@d\r\n\r\n".encode(), b"To: x@y, c@d\r\n\r\n"),
        (b"To: us: a@b, c@d;\r\n\r\n", b"To: us: x@y, c@d;\r\n\r\n"),
        (b"To: c@d\r\nSubject: a@b\r\n\r\n", b"To: c@d\r\nSubject: a@b\r\n\r\n"),
    ],
)
def test_one_address_takes_anothers_place(head: bytes, expected: bytes) -> None:
    assert apply(head, [Swap("a@b", "x@y")]) == expected
    assert load(dump([Swap("a@b", "x@y")])) == (Swap("a@b", "x@y"),)


def test_who_is_hidden_leaves_to_and_cc_too_many_at_once() -> None:
    many = [f"p{number}@client.example" for number in range(1000)]
    head = f"To: {', '.join(many)}, lee@corp.example\r\n\r\n".encode()
    assert apply(head, [Hide(each) for each in many]) == b"To: lee@corp.example\r\n\r\n"
    assert apply(head, [Hide("p0@client.example"), Withheld("cc", "x"), Drop("lee@corp.example")]) == (
        head.replace(b"p0@client.example, ", b"").replace(b", lee@corp.example", b"")
    )


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PLAIN, PLAIN.replace(b"Subject: x", b"Subject: [EXT] x")),
        (b"Subject:x\r\n\r\n", b"Subject: [EXT] x\r\n\r\n"),
        (b"Subject:\r\n\r\n", b"Subject: [EXT]\r\n\r\n"),
        (b"subject:\r\n folded\r\nTo: a@b\r\n\r\n", b"subject: [EXT]\r\n folded\r\nTo: a@b\r\n\r\n"),
        (b"To: a@b\r\n\r\n", b"To: a@b\r\nSubject: [EXT]\r\n\r\n"),
        (b"Subject: Re: [EXT] x\r\n\r\n", b"Subject: Re: [EXT] x\r\n\r\n"),
        (b"Subject: =?utf-8?q?AW:_=5BEXT=5D_x?=\r\n\r\n", b"Subject: =?utf-8?q?AW:_=5BEXT=5D_x?=\r\n\r\n"),
        (b"Subject: =?utf-8?q?=C5=BB?=\r\n\r\n", b"Subject: [EXT] =?utf-8?q?=C5=BB?=\r\n\r\n"),
        (b"Subject: %s\r\n\r\n" % (b"x" * 988), b"Subject: [EXT]\r\n %s\r\n\r\n" % (b"x" * 988)),
    ],
)
def test_the_subject_begins_with_its_prefix_once(head: bytes, expected: bytes) -> None:
    assert apply(head, [Prefix("[EXT]")]) == expected
    assert apply(expected, [Prefix("[EXT]")]) == expected


def test_a_prefix_of_other_letters_is_read_as_it_was_written() -> None:
    for subject in (b"x", b"=?utf-8?q?=C5=BB?="):
        head = apply(b"Subject: " + subject + b"\r\n\r\n", [Prefix("[zewnętrzna]")])
        assert head.isascii()
        assert Message(head).subject == "[zewnętrzna] " + ("x" if subject == b"x" else "Ż")


def test_an_added_field_is_on_top_and_plain_ascii_however_it_was_written() -> None:
    assert apply(PLAIN, [Add("X-Class", "secret")]) == b"X-Class: secret\r\n" + PLAIN
    head = apply(PLAIN, [Add("X-Class", "ściśle tajne " * 19 + "x")])
    assert head.isascii()
    assert head.endswith(PLAIN)
    assert Message(head).get("x-class") == "ściśle tajne " * 19 + "x"
    assert max(map(len, head.splitlines())) < 80


def test_an_internationalised_address_is_dropped_in_either_spelling() -> None:
    head = "To: Ż <ż@żółw.example>, c@d\r\n\r\n".encode()
    assert apply(head, [Drop("ż@xn--w-uga1v8h.example")]) == b"To: c@d\r\n\r\n"


def test_the_last_prepended_field_is_on_top_and_a_mail_without_header_gets_its_blank_line() -> None:
    edits = [Prepend("Date", "today"), Prepend("Received", "from x\r\n\tby y")]
    assert apply(PLAIN, edits) == b"Received: from x\r\n\tby y\r\nDate: today\r\n" + PLAIN
    assert apply(b"", edits) == b"Received: from x\r\n\tby y\r\nDate: today\r\n\r\n"


def test_a_head_that_ends_at_a_line_that_is_no_field_is_closed_before_it() -> None:
    raw = b"Subject: x\r\nthis is no field\r\nBcc: y@z\r\n\r\nbody\r\n"
    at = split(raw)
    assert raw[:at] == b"Subject: x\r\n"
    assert apply(raw[:at], [Prepend("Date", "today")]) + raw[at:] == (
        b"Date: today\r\nSubject: x\r\n\r\nthis is no field\r\nBcc: y@z\r\n\r\nbody\r\n"
    )


def test_a_field_goes_below_an_mbox_line() -> None:
    assert apply(b"From a@b Mon\r\nTo: c@d\r\n\r\n", [Prepend("Date", "x")]).startswith(
        b"From a@b Mon\r\nDate: x\r\nTo:"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: AddCc("a@b\r\nBcc: c@d"),
        lambda: AddCc(""),
        lambda: Drop("a\n@b"),
        lambda: Remove("B cc"),
        lambda: RemoveLike("X "),
        lambda: Prepend("X:", "y"),
        lambda: Prepend("X", "y\r\nBcc: z"),
        lambda: Prepend("X", "y\nz"),
        lambda: Prepend("X", "y\r\n"),
        lambda: Prepend("X", "y\r\n \r\n z"),
        lambda: Hide("a\r@b"),
        lambda: Add("X", "y\r\nBcc: z"),
        lambda: Add("X y", "z"),
        lambda: Prefix("a\nb"),
        lambda: Prefix(" "),
    ],
)
def test_an_edit_that_would_smuggle_a_line_cannot_be_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"header|line end"):
        make()


def test_edits_come_back_from_json() -> None:
    edits: tuple[Edit, ...] = (Prepend("Date", "x\r\n y"), Remove("Bcc"), AddCc("ż@b"), Drop('"a b"@c'))
    edits += (Hide("a@b"), Add("X-A", "ż"), Prefix("[ż]"), Withheld("cc", "a@b"), RemoveLike("X-Our-"))
    assert load(dump(edits)) == edits
    assert load("[]") == ()


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"edit": "burn"}]', '[{"edit": "drop"}]', '[{"edit":"drop","x":1}]']
)
def test_what_is_no_edit_is_a_value_error(text: str) -> None:
    if text == "{}":
        assert load(text) == ()
        return
    with pytest.raises((ValueError, json.JSONDecodeError)):
        load(text)


def test_a_dkim_signature_covers_what_its_h_tag_names() -> None:
    head = b"DKIM-Signature: v=1; a=rsa-sha256; bh=abc; h = From:To :\r\n\tSubject:cc; b=def; x=h=bcc\r\n\r\n"
    assert signed(head, "Cc")
    assert signed(head, "to")
    assert not signed(head, "Bcc")
    assert not signed(PLAIN, "From")


_NAME = st.sampled_from(["To", "Cc", "Bcc", "Subject", "X-Any", "Received", "cc", "BCC"])
_VALUE = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    st.sampled_from(["a@b", "a@b, c@d", "Ann <a@b>,\r\n c@d", "g: a@b, e@f;", '"x, y" <c@d>']),
)
_FIELDS = st.lists(st.tuples(_NAME, _VALUE), max_size=8)


@given(_FIELDS, st.booleans())
def test_what_is_not_edited_stays_byte_for_byte(given_fields: list[tuple[str, str]], blank: bool) -> None:
    lines = [f"{name}: {value}\r\n".encode("latin-1") for name, value in given_fields]
    head = b"".join(lines) + (b"\r\n" if blank else b"")
    without = b"".join(line for line in lines if not line.lower().startswith(b"bcc:")) + (b"\r\n" if blank else b"")
    assert apply(head, [Remove("Bcc")]) == without
    assert apply(head, [Drop("nobody@nowhere.example")]) == head
    top = apply(head, [Prepend("Date", "x")])
    assert top.startswith(b"Date: x\r\n" + b"".join(lines))
    others = [line for line in lines if not line.lower().startswith((b"to:", b"cc:"))]
    dropped = apply(head, [Drop("a@b")])
    position = 0
    for line in others:  # every other field is still there, whole and in order
        position = dropped.index(line, position) + len(line)
    assert "a@b" not in [mailbox.address for mailbox in Message(dropped).mailboxes("to", "cc")]


@given(st.binary(max_size=200))
def test_any_bytes_can_be_edited(head: bytes) -> None:
    at = split(head)
    edits: list[Edit] = [Prefix("[EXT]"), Add("X", "y"), Hide("e@f"), Remove("Bcc"), AddCc("c@d.example"), Drop("a@b")]
    changed = apply(head[:at], [*edits, Prepend("Date", "x")])
    assert "[EXT]" in Message(changed).subject
    assert "c@d.example" in [mailbox.address for mailbox in Message(changed).mailboxes("cc")]
    assert Message(changed + head[at:]).head_size == len(changed)
