"""Whatever bytes come, the mail's view of them is an answer or CannotTell, and what comes out can be stored."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.errors import CannotTell
from mailguard.mail.attachments import attachments
from mailguard.mail.kind import kind
from mailguard.mail.message import Message
from mailguard.mail.text import body_text, fold

_PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/alternative; boundary=\"c\"\r\n",
        b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
        b"Content-Type: text/plain; charset*0*=utf-8''x; charset*1=y\r\n", b"Content-Type: text/calendar\r\n",
        b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename=\"a\\\"b.zip\"\r\n", b"Content-ID: <x>\r\n",
        b"To: \"a, b\" <c@d>,\r\n",
        b"From: =?utf-8?b?////?= <a@b>\r\n", b"Subject: =?utf-7?q?+2AA-?=\r\n", b"References: <a@b> <c@d>\r\n",
        b"\r\n", b"\n", b"\r\n--b\r\n", b"\r\n--c\r\n", b"\r\n--b--\r\n", b"--b", b" folded\r\n",
        b"PK\x03\x04", b"%PDF-", b"To: a\x00b@c\x9bd\r\n",
        b"<div class=gmail_quote><blockquote>", b"</div>", b"On Monday 1 a@b wrote:\r\n", b"> quoted\r\n",
        b"-- \r\n", b"=\r\n",
        b"=3D=ZZ", b"aGVsbG8=", b"\x00\xff\xfe", b"\xc5\xbc",
    ]
)  # fmt: skip
_MAILS = st.lists(st.one_of(_PIECES, st.binary(max_size=12)), max_size=40).map(b"".join)


@settings(max_examples=400)
@given(_MAILS)
def test_any_bytes_give_an_answer_or_cannot_tell(raw: bytes) -> None:
    message = Message(raw)
    told = [message.subject, message.message_id, *message.references, *message.all("from")]
    for mailbox in message.mailboxes("from", "to", "cc"):
        told += [mailbox.name, mailbox.address]
    try:
        text = body_text(message)
        told += [text.new, text.quoted, text.signature, *(each.name for each in attachments(message))]
        kind(message)
        for part in message.parts():
            assert 0 <= message.head_size <= part.start <= part.end <= len(raw) or part.depth == 0
            assert len(message.decode(part, 10)) <= 10
    except CannotTell:
        return
    for each in told:
        each.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", each)


@settings(max_examples=200)
@given(_MAILS)
def test_the_view_is_the_same_for_every_kind_of_buffer(raw: bytes) -> None:
    seen = [Message(each) for each in (raw, bytearray(raw), memoryview(raw), memoryview(b"x" + raw)[1:])]
    assert len({(message.subject, message.head_size, message.mailboxes("to")) for message in seen}) == 1


@given(st.text(max_size=100))
def test_folding_twice_is_folding_once_for_ascii_and_never_fails(text: str) -> None:
    assert "\n" not in fold(text)
    if text.isascii():
        assert fold(fold(text)) == fold(text)
