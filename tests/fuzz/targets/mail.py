"""A mail's bytes: what is read of them, and what surgery on its header leaves as it was."""

import re
from collections.abc import Iterator

from mailguard.errors import CannotTell, PermanentFailure
from mailguard.mail import address, charset, fields, headers, mailboxes
from mailguard.mail.attachments import attachments
from mailguard.mail.edits import dump, load
from mailguard.mail.headers import AddCc, Drop, Edit, Prepend, Remove
from mailguard.mail.kind import kind
from mailguard.mail.message import Message
from mailguard.mail.text import body_text, fold
from tests.fuzz.target import target

ADDED = "zoe@corp.example"
_SLOPPY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")  # never gets past the DATA reader
_HEADER_WORDS = [
    b"To: ", b"Cc: ", b"Bcc: ", b"From: ", b"Subject: ", b"bob@client.example", b"zoe@corp.example", b", ",
    b",\r\n ", b"<", b">", b'"', b"(", b")", b";", b":", b"\\", b"\r\n", b"\r\n ", b"\r\n\r\n", b"\n", b" ", b"\t",
    b"undisclosed-recipients:;", b"Staff: a@b.example, c@d.example;", b"Bob <bob@client.example>",
    b'"a, b" <c@d.example>', b"=?utf-8?q?=22?=", b"From x\r\n", b"\xc5\xbc", b"\xff", b"@",
    b"=?utf-8?b?YSwg?= <a@b.example>", b"--", b"DKIM-Signature: h=to:cc;",
]  # fmt: skip


@target(
    "headers",
    "adding, dropping and stripping keep every other byte",
    [*(bytes([number]) for number in range(8)), *_HEADER_WORDS],
)
def surgery(data: bytes) -> None:
    """The first byte says which edit, the second which of the mail's own addresses; then the mail."""
    which, whom, raw = data[:1] or b"\0", data[1:2] or b"\0", data[2:]
    before = Message(raw)
    own = sorted({box.address for box in before.mailboxes("to", "cc") if _sound(box.address)} | {"bob@client.example"})
    edits: list[Edit] = [Drop(own[whom[0] % len(own)]), AddCc(ADDED), Remove("Bcc"), Prepend("Received", "x\r\n by y")]
    edit = edits[which[0] % 4]
    head, body = raw[: before.head_size], raw[before.head_size :]
    changed = headers.apply(head, [edit])
    assert load(dump([edit])) == (edit,)
    after = Message(changed + body)
    assert after.head_size == len(changed), "the body begins where it began"
    more = isinstance(edit, AddCc | Prepend)
    assert _within(head, changed) if more else _within(changed, head), "nothing else is touched"
    touched = {Drop: ("to", "cc"), AddCc: ("cc",), Remove: ("bcc",), Prepend: ("received",)}[type(edit)]
    assert _others(changed, touched) == _others(head, touched)
    if not _SLOPPY.search(head) and _is_utf8(head):  # guessed, another charset may be another guess in what is left
        _check_people(edit, before, after)


def _check_people(edit: Edit, before: Message, after: Message) -> None:
    for name in ("from", "sender", "reply-to", "to", "cc"):
        expected = _keys(before, name)
        if isinstance(edit, Drop) and name in ("to", "cc"):
            expected = _kept(before, name, address.key(edit.address))
        if isinstance(edit, AddCc) and name == "cc":
            expected.append(address.key(edit.address))
        assert _keys(after, name) == expected
    if isinstance(edit, Remove):
        assert after.all("bcc") == []
    if isinstance(edit, Prepend):
        assert after.get("received") == "x by y"


def _keys(message: Message, name: str) -> list[str]:
    return [address.key(box.address) for box in message.mailboxes(name)]


def _kept(message: Message, name: str, gone: str) -> list[str]:
    """Who is left; whoever shares a place with somebody else, for want of a comma, stays with them."""
    shown = [mailboxes.places(charset.decode(data)) for data in message.raw_fields(name)]
    keys = [[(p.start, address.key(charset.clean(p.address))) for p in places] for places in shown]
    stay = [{start for start, key in one if key != gone} for one in keys]
    return [key for n, one in enumerate(keys) for start, key in one if key != gone or start in stay[n]]


def _others(head: bytes, touched: tuple[str, ...]) -> list[bytes]:
    found = fields.fields(head, fields.first(head), fields.head(head)[0])
    return [head[each.start : each.end].rstrip(b"\r\n") for each in found if each.name not in touched]


def _within(some: bytes, all_: bytes) -> bool:
    """Whether all bytes of one are in the other, in order."""
    rest = iter(all_)
    return all(byte in rest for byte in some)


def _is_utf8(head: bytes) -> bool:
    return not head.decode(errors="replace").count("\ufffd")


def _sound(text: str) -> bool:
    try:
        return bool(address.check(text, smtputf8=True))
    except PermanentFailure:
        return False


@target(
    "mime",
    "any bytes are read or said to be unreadable, within bounds",
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/alternative; boundary=\"c\"\r\n",
        b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
        b"Content-Type: text/plain; charset*0*=utf-8''x; charset*1=y\r\n", b"Content-Type: text/calendar\r\n",
        b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename=\"a\\\"b.zip\"\r\n", b"Content-ID: <x>\r\n",
        b"To: \"a, b\" <c@d>,\r\n", b"From: =?utf-8?b?////?= <a@b>\r\n", b"Subject: =?utf-7?q?+2AA-?=\r\n",
        b"References: <a@b> <c@d>\r\n", b"Message-ID: x\r\n", b"\r\n", b"\n", b"\r\n--b\r\n", b"\r\n--c\r\n",
        b"\r\n--b--\r\n", b"--b", b" folded\r\n", b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"/Encrypt",
        b"<div class=gmail_quote><blockquote>", b"</div>", b"On Monday 1 a@b wrote:\r\n", b"> quoted\r\n",
        b"-- \r\n", b"=\r\n", b"=3D=ZZ", b"aGVsbG8=", b"\x00\xff\xfe", b"\xc5\xbc", b"Auto-Submitted: ",
        b"List-Id: ", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n", b"SUMMARY:x\r\n", b"<blockquote type=cite>",
        b"<pre>", b"<br>", b"&#0;", b"charset=", b"hz-gb-2312", b"iso-2022-jp", b"utf-16", b"application/pkcs7-mime",
        b"application/zip", b"winmail.dat",
    ],
)  # fmt: skip
def mime(data: bytes) -> None:
    message = Message(data)
    told = list(_said(message))
    try:
        told += [message.subject, *(each.name for each in attachments(message))]
        kind(message)
        for part in message.parts():
            assert 0 <= part.start <= part.end <= len(data)
            assert len(message.decode(part, 10)) <= 10
            assert message.decode(part, 1 << 20).startswith(message.decode(part, 10))
        told += _texts(message)
    except CannotTell as why:
        assert str(why)
    for each in told:
        each.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", each)


def _texts(message: Message) -> list[str]:
    text = body_text(message)
    assert "\n" not in fold(text.new)
    return [text.new, text.quoted, text.signature]


def _said(message: Message) -> Iterator[str]:
    yield from (message.message_id, *message.references, *message.all("from"))
    for box in message.mailboxes("from", "to", "cc"):
        yield from (box.name, box.address)
