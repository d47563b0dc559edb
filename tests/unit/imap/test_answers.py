"""What IMAP servers say, read: literals in the middle, quotes, parts in parts, and what is no answer at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.errors import CannotTell
from mailguard.imap.answers import Line, Value, answers, fetched
from mailguard.imap.names import quoted, shown, wired
from mailguard.imap.structure import alone, text_part
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading


def structure(text: bytes) -> Value:
    (said,) = answers([text])
    return said[0]


PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 40 2 NIL NIL NIL NIL)'
HTML = b'("TEXT" "HTML" ("CHARSET" "utf-8") NIL NIL "BASE64" 40 2 NIL NIL NIL NIL)'
PDF = b'("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 400 NIL ("ATTACHMENT" NIL) NIL NIL)'
NOTE = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 40 2 NIL ("ATTACHMENT" ("FILENAME" "a.txt")) NIL NIL)'
PASSED_ON = b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 400 ("env") ' + PLAIN + b" 20 NIL NIL NIL NIL)"


def many(*parts: bytes, kind: bytes = b"MIXED") -> bytes:
    return b"(" + b"".join(parts) + b' "' + kind + b'" NIL NIL NIL NIL)'


def test_literals_stand_where_they_were() -> None:
    lines: list[Line | None] = [
        (b"1 (UID 5 BODY[HEADER]<0> {11}", b"From: a) (\r\n"),
        (b' BODYSTRUCTURE ("TEXT" NIL) BODY[1]<0> {2}', b"hi"),
        b")",
        b'2 (UID 6 BODY[HEADER]<0> "x\\"y")',
        None,
    ]
    first, second = fetched(lines)
    assert first == {
        b"UID": b"5",
        b"BODY[HEADER]": b"From: a) (\r\n",
        b"BODYSTRUCTURE": [b"TEXT", None],
        b"BODY[1]": b"hi",
    }
    assert second == {b"UID": b"6", b"BODY[HEADER]": b'x"y'}


@pytest.mark.parametrize("line", [b"(", b"(()", b")", b'("', b"(" * 1000 + b")" * 1000])
def test_what_is_no_answer_is_left_out(line: bytes) -> None:
    with pytest.raises(ValueError, match="an answer"):
        list(answers([line]))
    assert list(fetched([line, b"2 (UID 6)"])) == [{}, {b"UID": b"6"}]


@given(st.binary(max_size=60))
def test_no_line_breaks_it(line: bytes) -> None:
    for said in fetched([line]):
        text_part(said.get(b"BODYSTRUCTURE"))


@pytest.mark.parametrize(
    ("said", "section"),
    [
        (PLAIN, "1"),
        (HTML, "1"),
        (many(HTML, PLAIN, kind=b"ALTERNATIVE"), "2"),
        (many(PDF, many(PLAIN, HTML, kind=b"ALTERNATIVE")), "2.1"),
        (many(NOTE, HTML), "2"),
        (many(PDF, many(many(HTML, kind=b"RELATED"))), "2.1.1"),
    ],
)
def test_the_text_is_found(said: bytes, section: str) -> None:
    part = text_part(structure(said))
    assert part is not None
    assert part.section == section


@pytest.mark.parametrize("said", [PDF, NOTE, many(PDF, PASSED_ON), b"NIL", b"(())", b'("TEXT")', many(many())])
def test_there_may_be_no_text(said: bytes) -> None:
    assert text_part(structure(said)) is None


def test_a_mail_of_its_text_alone_is_read_as_the_whole() -> None:
    head = (
        b"From: ann@corp.example\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\nMIME-Version: 1.0\r\n"
        b"Subject: Plan\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    part = text_part(structure(many(PLAIN, PDF)))
    message = Message(alone(head, part, b"Gr=C3=BC=C3=9Fe an Kim\r\n"))
    assert Reading(message).text.new.strip() == "Grüße an Kim"
    assert (message.subject, message.get("from")) == ("Plan", "ann@corp.example")


def test_pieces_that_were_cut_off_are_read_as_far_as_they_go() -> None:
    part = text_part(structure(HTML))
    raw = alone(b"From: ann@corp.example\r\nSubject: Plan\r\nTo: lee@corp", part, b"PHA+SGVsbG8gS2lt\r\nPC9w")
    message = Message(raw)
    assert message.get("to") is None, "half an address is none"
    assert "Hello Kim" in Reading(message).text.new


def test_what_no_part_says_is_not_believed() -> None:
    said = b'("TEXT" "PLAIN" ("CHARSET" "x\\"; y\r\nBcc: a@b.example") NIL NIL "7BIT\r\nTo: c@d.example" 4 2)'
    message = Message(alone(b"Subject: Plan\r\n\r\n", text_part(structure(said)), b"hi"))
    assert message.names == {"subject", "mime-version", "content-type"}


@given(st.text(max_size=30))
def test_names_of_folders_come_back(name: str) -> None:
    try:
        name.encode("utf-16")
    except UnicodeEncodeError:
        return
    assert shown(wired(name)) == name
    assert wired(name).isascii()


def test_a_name_is_one_argument() -> None:
    assert quoted('a"b\\') == '"a\\"b\\\\"'
    assert wired("Gesendet & Ü") == "Gesendet &- &ANw-"
    with pytest.raises(ValueError, match="a line end"):
        quoted("a\r\nx LOGOUT")


def test_a_torn_base64_raises_nothing_else_than_what_is_known() -> None:
    part = text_part(structure(HTML))
    with suppress(CannotTell):
        Reading(Message(alone(b"Subject: x\r\n\r\n", part, b"=====\xff"))).text  # noqa: B018
