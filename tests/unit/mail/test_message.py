import base64
import quopri
import tracemalloc

import pytest

from mailguard.errors import CannotTell
from mailguard.mail.message import Mailbox, Message, Part


def mail(head: str, body: str = "") -> Message:
    return Message((head + "\r\n\r\n" + body).replace("\r\n", "\n").replace("\n", "\r\n").encode())


def only(message: Message) -> Part:
    (part,) = message.parts()
    return part


# --- the header ----------------------------------------------------------------------------------------------


def test_a_field_is_unfolded_decoded_and_on_one_line() -> None:
    message = mail("Subject: =?utf-8?q?Za=C5=BC?=\n =?utf-8?b?w7PFgsSH?= and\n\tmore\nX: 1")
    assert message.subject == "Zażółć and\tmore".replace("\t", " ")
    assert message.get("SUBJECT") == message.subject
    assert message.get("none") is None


def test_a_character_split_between_two_encoded_words_is_put_together() -> None:
    assert mail("Subject: =?utf-8?b?xQ==?= =?utf-8?b?vA==?=!").subject == "ż!"


@pytest.mark.parametrize("hidden", ["=0D=0ABcc:_x", "=00=1B[31m", "=C2=9B31m", "=E2=80=A8"])
def test_no_control_character_comes_out_of_an_encoded_word(hidden: str) -> None:
    subject = mail(f"Subject: a=?utf-8?q?{hidden}?=b").subject
    assert subject.isprintable()


@pytest.mark.parametrize(
    "word", ["=?utf-8?b?x?=", "=?nonsense?q?abc?=", "=?utf-7?q?+2AA-?=", "=?hex?q?41?=", "=?utf-8?q?"]
)
def test_a_malformed_encoded_word_stays_readable(word: str) -> None:
    subject = mail(f"Subject: before {word} after").subject
    assert subject.startswith("before")
    subject.encode()  # no surrogates: the store would refuse them


def test_a_header_in_raw_utf8_or_latin1_is_read() -> None:
    assert Message("Subject: żółw\r\n\r\n".encode()).subject == "żółw"
    assert Message("Subject: Tür\r\n\r\n".encode("latin-1")).subject == "Tür"


def test_repeated_fields_are_all_given() -> None:
    message = mail("Received: one\nX: y\nReceived: two\n  three")
    assert message.all("received") == ["one", "two  three"]
    assert message.raw_fields("received") == [b" one\r\n", b" two\r\n  three\r\n"]


@pytest.mark.parametrize(
    ("raw", "head_size"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\r\n", 6),
        (b"A: b", 4),
        (b"", 0),
        (b"\r\nbody", 2),
        (b"no header at all\r\n\r\nB: c\r\n", 0),
        (b"A: b\r\nno field\r\nBcc: c\r\n\r\n", 6),
        (b"A: b\r\n \r\n c\r\n\r\nbody", 15),
        (b">From x y\r\nA: b\r\n\r\n", 19),
    ],
)
def test_the_body_starts_where_every_mta_starts_it(raw: bytes, head_size: int) -> None:
    assert Message(raw).head_size == head_size


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"", 0),
        (b"\r\nX: y\r\n", 0),
        (b"A: b\r\n", 1),
        (b"A: b\r\n\tc\r\n d\r\nE:\r\n\r\nF: g\r\n", 2),
        (b"A:\nB:\n\n c", 2),
    ],
)
def test_fields_are_counted_without_reading_them(raw: bytes, count: int) -> None:
    assert Message(raw).field_count == count


def test_the_message_id_and_the_thread() -> None:
    message = mail("Message-ID: <1@a> (x)\nIn-Reply-To: <2@a>\nReferences: <3@a>\n <2@a>\n\t<4@a>")
    assert message.message_id == "<1@a>"
    assert message.references == ("<2@a>", "<3@a>", "<4@a>")
    assert mail("Message-ID: 1@a").message_id == "<1@a>"
    assert mail("X: y").message_id == ""
    assert mail("X: y").references == ()


def test_the_mail_it_answers_is_that_of_in_reply_to_else_the_last_reference() -> None:
    assert mail("In-Reply-To: <2@a> (of Monday)\r\nReferences: <1@a> <2@a>\r\n <3@a>").parent == "<2@a>"
    assert mail("References: <1@a> <2@a>\r\n <3@a>").parent == "<3@a>"
    assert mail("In-Reply-To: your mail of Monday\r\nReferences: <1@a>").parent == "<1@a>"
    assert mail("X: y").parent == ""


# --- addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b", [("", "a@b")]),
        ('"Last, First" <a@b>, c@d', [("Last, First", "a@b"), ("", "c@d")]),
        ("=?utf-8?q?Last,_First?= <a@b>", [("Last, First", "a@b")]),
        ("=?utf-8?q?Doe=2C_=C5=BB?= <a@b>, x@y", [("Doe, Ż", "a@b"), ("", "x@y")]),
        ("Team: a@b, Ann <c@d>; , e@f", [("", "a@b"), ("Ann", "c@d"), ("", "e@f")]),
        ("undisclosed-recipients:;", []),
        ("a@b (Ann (the boss, really))", [("Ann (the boss, really)", "a@b")]),
        ("Ann (x, y) <a@b>", [("Ann", "a@b")]),
        ('"a@b" <c@d>', [("a@b", "c@d")]),
        ('"say \\"hi\\", you" <a@b>', [('say "hi", you', "a@b")]),
        ("a@b; c@d", [("", "a@b"), ("", "c@d")]),
        ("a@b c@d", [("", "a@b"), ("", "c@d")]),
        ("<a@b> <c@d>", [("", "a@b"), ("", "c@d")]),
        ("<@x,@y:a@b>", [("", "a@b")]),
        ("a . b @ c . d", [("", "a.b@c.d")]),
        ('"a b"@c', [("", '"a b"@c')]),
        ('Ann <"a,b"@c>', [("Ann", '"a,b"@c')]),
        ("a@[1.2.3.4], b@[IPv6:::1]", [("", "a@[1.2.3.4]"), ("", "b@[IPv6:::1]")]),
        ('"open <a@b>, c@d', [('"open', "a@b"), ("", "c@d")]),
        ("(open a@b, c@d", [("", "a@b"), ("", "c@d")]),
        ("Ann <a@b, c@d", [("", "<a@b"), ("", "c@d")]),
        ("nobody", [("", "nobody")]),
        (",, ,", []),
        ("", []),
        ("ż@żółw.example", [("", "ż@żółw.example")]),
    ],
)
def test_address_lists_as_they_are_really_sent(value: str, expected: list[tuple[str, str]]) -> None:
    assert mail(f"To: {value}").mailboxes("to") == tuple(Mailbox(*each) for each in expected)


def test_both_of_two_from_fields_are_seen() -> None:
    message = mail("From: a@b\nTo: x@y\nFROM: c@d\nSender: e@f")
    assert [each.address for each in message.mailboxes("from", "sender")] == ["a@b", "c@d", "e@f"]


def test_a_display_name_never_carries_a_line_end() -> None:
    (mailbox,) = mail("From: =?utf-8?q?x=0d=0aBcc:_y?= <a@b>").mailboxes("from")
    assert mailbox.name.isprintable()


@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_eight_thousand_addresses_take_milliseconds() -> None:
    head = b"To: " + b",\r\n ".join(b'"User, %d" <user%d@example.com>' % (n, n) for n in range(8000)) + b"\r\n\r\n"
    assert len(Message(head).mailboxes("to")) == 8000


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        '\\"',
        "<",
        '<\\"',
        "(",
        "[",
        "=?a?q?",
        "a:",
        ";",
        "<@",
        "@",
        '"\\',
        "(\\",
        ",",
        " ",
        "\t@\t",
        "x  ",
        "x\t\t@",
    ],
)
@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_a_hostile_address_list_takes_linear_time(piece: str) -> None:
    head = f"To: x {piece * (100_000 // len(piece))} a@b\r\n\r\n".encode()
    Message(head).mailboxes("to")


# --- parts ---------------------------------------------------------------------------------------------------


def test_a_simple_mail_is_one_part() -> None:
    message = mail("Subject: x", "hello\n")
    part = only(message)
    assert (part.content_type, part.encoding, part.body) == ("text/plain", "7bit", True)
    assert message.decode(part) == b"hello\r\n"


TREE = """\
preamble
--out
Content-Type: multipart/alternative; boundary="in"

--in

plain
--in
Content-Type: text/html; charset="utf-8"

<p>html</p>
--in--

--out
Content-Type: application/pdf; name="x.pdf"
Content-Disposition: attachment; filename="x.pdf"
Content-Transfer-Encoding: base64
Content-ID: <id@x>

JVBERg==

--out--
epilogue
"""


def test_the_tree_is_walked_to_its_leaves() -> None:
    message = mail('Content-Type: multipart/mixed; boundary="out"', TREE)
    plain, html, pdf = message.parts()
    assert [part.content_type for part in (plain, html, pdf)] == ["text/plain", "text/html", "application/pdf"]
    assert message.decode(plain) == b"plain"
    assert (plain.alternative, html.alternative, pdf.alternative) == (1, 1, 0)
    assert (html.charset, html.depth, pdf.depth) == ("utf-8", 2, 1)
    assert (pdf.filename, pdf.disposition, pdf.content_id, pdf.body) == ("x.pdf", "attachment", "id@x", False)
    assert message.decode(pdf) == b"%PDF"


def test_an_attached_message_is_given_and_walked() -> None:
    inner = f'Subject: inner\nContent-Type: multipart/mixed; boundary="out"\n\n{TREE}'
    message = mail(
        'Content-Type: multipart/mixed; boundary="o2"', f"--o2\nContent-Type: message/rfc822\n\n{inner}\n--o2--"
    )
    attached, *leaves = message.parts()
    assert (attached.content_type, attached.nested) == ("message/rfc822", 0)
    assert [(part.content_type, part.nested) for part in leaves] == [
        ("text/plain", 1), ("text/html", 1), ("application/pdf", 1)
    ]  # fmt: skip


def test_parts_of_a_digest_are_messages() -> None:
    message = mail("Content-Type: multipart/digest; boundary=b", "--b\n\nSubject: inner\n\nhello\n--b--")
    assert [part.content_type for part in message.parts()] == ["message/rfc822", "text/plain"]


@pytest.mark.parametrize(
    ("head", "body", "texts"),
    [
        ("Content-Type: multipart/mixed; boundary=b", "--b\n\none\n--b\n\ntwo", [b"one", b"two"]),
        ("Content-Type: multipart/mixed; boundary=b", "--b\n\none\n--b--\nepilogue", [b"one"]),
        ("Content-Type: multipart/mixed; boundary=b", "--bb\n\nno\n--b  \n\none\n--b--", [b"one"]),
        ("Content-Type: multipart/mixed; boundary=b", "--b\n--b\n--b--", [b"", b""]),
        ("Content-Type: multipart/mixed", "--b\n\none\n--b--", [b"--b\r\n\r\none\r\n--b--"]),
        ('Content-Type: multipart/mixed; boundary=""', "text", [b"text"]),
        ("Content-Type: multipart/mixed; boundary=b", "nothing of it", [b"nothing of it"]),
        ("Content-Type: multipart/mixed; boundary=b (why not)", "--b\n\none\n--b--", [b"one"]),
        ("Content-Type: ; boundary=b", "text", [b"text"]),
        ("Content-Type: text", "text", [b"text"]),
        ("Content-Type: \x01/\x02; x", "text", [b"text"]),
    ],
)
def test_malformed_multiparts_still_give_their_text(head: str, body: str, texts: list[bytes]) -> None:
    message = mail(head, body)
    assert [message.decode(part) for part in message.parts()] == texts
    assert all(part.content_type == "text/plain" for part in message.parts())


def nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))


def test_list_elements_with_nothing_in_them_are_passed_over_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("mailguard.mail.mailboxes._Reader.element")  # what reads them one by one
    boxes = Message(b"To: ,,\r\n , ,a@b, ,\t,\r\n c@d\r\n\r\n").mailboxes("to")
    assert [box.address for box in boxes] == ["a@b", "c@d"]


@pytest.mark.parametrize(
    "raw",
    [
        nested(1000),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 200_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 1000,
        b"X: " + b"y" * (3 << 20) + b"\r\n\r\n",
    ],
)
@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_what_is_too_deep_or_too_many_is_cannot_tell_and_fast(raw: bytes) -> None:
    with pytest.raises(CannotTell):
        list(Message(raw).parts())


@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_a_large_mail_is_walked_fast_and_without_a_copy() -> None:
    blob = base64.encodebytes(bytes(range(256)) * 14_600).replace(b"\n", b"\r\n")
    head = b'Subject: x\r\nContent-Type: multipart/mixed; boundary="bound"\r\n\r\n--bound\r\n\r\nhi\r\n--bound\r\n'
    raw = head + b"Content-Transfer-Encoding: base64\r\nContent-Type: application/zip\r\n\r\n" + blob + b"--bound--\r\n"
    assert len(raw) > 5_000_000
    list(Message(raw).parts())
    message = Message(raw)
    assert len(list(message.parts())) == 2
    tracemalloc.start()
    list(Message(memoryview(raw)).parts())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert Message(raw).raw is raw


@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_a_mail_of_one_endless_line_takes_linear_time() -> None:
    list(Message(b"x" * 5_000_000).parts())
    list(Message(b"A: b\r\n\r\n" + b"--" * 2_000_000).parts())
    list(Message(b"A: b\r\n" * 300_000).parts())


# --- names and encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ('Content-Type: a/b; name="plain.pdf"', "plain.pdf"),
        ("Content-Type: a/b; name=My Report (2).pdf", "My Report (2).pdf"),
        ("Content-Disposition: attachment;\n filename*=UTF-8''%C5%BC%C3%B3%C5%82w.pdf", "żółw.pdf"),
        ("Content-Disposition: attachment; filename*0*=utf-8''%C5%BC; filename*1=o.p; filename*2=df", "żo.pdf"),
        ("Content-Disposition: attachment; filename*0=a; filename*1=b.pdf", "ab.pdf"),
        ("Content-Disposition: attachment; filename=x.pdf; filename*=utf-8''y.pdf", "y.pdf"),
        ('Content-Disposition: attachment; filename="=?utf-8?b?xbwucGRm?="', "ż.pdf"),
        ('Content-Disposition: attachment; filename="=?iso-8859-2?q?=BF.pdf?="', "ż.pdf"),
        ('Content-Disposition: attachment; filename="ż.pdf"', "ż.pdf"),
        ('Content-Disposition: attachment; filename="C:\\\\dir\\\\x.pdf"', "x.pdf"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', "passwd"),
        ('Content-Disposition: attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ("Content-Disposition: attachment; filename*=utf-8''a%0D%0Ab%1B.pdf", "a  b.pdf"),
        ("Content-Disposition: attachment; filename*=nonsense''%C5%BC.pdf", "ż.pdf"),
        ('Content-Disposition: attachment; filename="open.pdf', "open.pdf"),
        ("Content-Disposition: attachment", ""),
    ],
)
def test_file_names_in_every_way_they_are_written(fields: str, name: str) -> None:
    assert only(mail(fields, "x")).filename == name


@pytest.mark.parametrize(
    ("encoding", "body", "decoded"),
    [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("BASE64", b"aGVsbG8", b"hello"),
        ("base64", b"aGVs!bG8*=", b"hello"),
        ("base64", b"aGVsbG8=aGVsbG8=", b"hellohello"),
        ("base64", b"aGVsbG8=A", b"hello"),
        ("base64", b"====", b""),
        ("quoted-printable", b"a=3Db=\r\nc=ZZ", b"a=bc=ZZ"),
        ("quoted-printable; x", b"=C5=BC", "ż".encode()),
        ("8bit", "ż".encode(), "ż".encode()),
        ("binary", b"\x00\x01", b"\x00\x01"),
        ("x-uuencode", b"begin 644 x", b"begin 644 x"),
        ("", b"as is", b"as is"),
    ],
)
def test_transfer_encodings(encoding: str, body: bytes, decoded: bytes) -> None:
    message = Message(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body)
    assert message.decode(only(message)) == decoded


def _as_it_is(content: bytes) -> bytes:
    return content


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 100, 100_000, 299_999, 300_000, 1 << 20])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_no_more_than_the_limit_is_decoded(encoding: str, limit: int) -> None:
    content = bytes(range(48, 108)) * 5000
    encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring, "8bit": _as_it_is}[encoding]
    message = Message(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + encode(content))
    assert message.decode(only(message), limit) == content[:limit]


@pytest.mark.parametrize(
    ("raw", "torn"),
    [
        (b"From: a@corp.example\r\n\r\nHello: there\r\n", False),
        (b"From: a@corp.example\r\nHello there\r\n", False),
        (b"From: a@corp.example\r\ngarbage\r\nBcc: secret@corp.example\r\n\r\nhi\r\n", True),
        (b"From: a@corp.example\r\nB\xc3\xa7c: x\r\nBcc: secret@corp.example\r\n\r\nhi\r\n", True),
        (b"From: a@corp.example\r\ngarbage\r\n\r\nNote: text\r\n", False),
        (b"", False),
    ],
)
def test_a_header_that_goes_on_behind_a_line_that_is_no_field_is_torn(raw: bytes, torn: bool) -> None:
    assert bool(Message(raw).torn) is torn


def test_of_several_subjects_all_are_heard() -> None:
    assert Message(b"Subject: hi\r\nSubject: Confidential plans\r\n\r\n").subject == "hi Confidential plans"


def test_a_from_with_a_blank_before_its_colon_is_a_field_and_no_mbox_line() -> None:
    """Many readers show it as the author."""
    message = Message(b"From : boss@corp.example\r\nFrom: ann@corp.example\r\n\r\nhi\r\n")
    assert [box.address for box in message.mailboxes("from")] == ["boss@corp.example", "ann@corp.example"]
