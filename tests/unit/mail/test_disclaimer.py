"""A disclaimer stands once in each alternative of a mail's text, and nothing else of the mail is another."""

import base64
import email
import email.policy
import quopri
import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.message import Message as Parsed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail import headers, splice
from mailguard.mail.disclaimer import Disclaimer, NotPossible, as_html, disclaim, said_already
from mailguard.mail.edits import dump, load
from mailguard.mail.headers import Edit
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.mail.text import body_text

WORDS = Disclaimer("Corp Example, Warsaw", as_html("Corp Example, Warsaw"))
POLISH = Disclaimer("Spółka Przykład, Łódź — żółć", as_html("Spółka Przykład, Łódź — żółć"))


def rendered(raw: bytes, edits: Sequence[Edit], size: int = 1 << 20) -> bytes:
    """As the courier gives it to the next hop, in pieces of this size."""
    cut = headers.split(raw)
    splicer = splice.Splicer(edits, cut)
    pieces = [piece for at in range(cut, len(raw), size) for piece in splicer.feed(memoryview(raw)[at : at + size])]
    out = headers.apply(raw[:cut], edits) + b"".join([*pieces, splicer.end()])
    assert len(out) == len(headers.apply(raw[:cut], edits)) + len(raw) - cut + splice.growth(edits)
    return out


def with_words(raw: bytes, *words: Disclaimer) -> bytes:
    edits = disclaim(Message(raw), words or (WORDS,))
    assert load(dump(edits)) == tuple(edits)
    return rendered(raw, edits)


def mail(body: bytes, *fields: str) -> bytes:
    return "".join(f"{field}\r\n" for field in ("From: a@corp.example", *fields)).encode() + b"\r\n" + body


def leaves(raw: bytes) -> list[Parsed]:
    return [part for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def text(part: Parsed) -> str:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data.decode(part.get_content_charset("us-ascii"))


# --- single parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (mail(b"Hi\r\n"), mail(b"Hi\r\n\r\nCorp Example, Warsaw\r\n")),
        (mail(b"Hi"), mail(b"Hi\r\n\r\nCorp Example, Warsaw\r\n")),
        (mail(b""), mail(b"\r\nCorp Example, Warsaw\r\n")),
        (mail(b"Hi\r\n-- \r\nAnn\r\n"), mail(b"Hi\r\n-- \r\nAnn\r\n\r\nCorp Example, Warsaw\r\n")),
        (
            mail(b"<html><body><p>Hi</p></BODY></html>\r\n", "Content-Type: text/html"),
            mail(
                b"<html><body><p>Hi</p>\r\n<p>Corp Example, Warsaw</p>\r\n</BODY></html>\r\n", "Content-Type: text/html"
            ),
        ),
        (
            mail(b"<p>Hi</p><!-- </body> -->", "Content-Type: text/html"),
            mail(b"<p>Hi</p><!-- </body> -->\r\n<p>Corp Example, Warsaw</p>\r\n", "Content-Type: text/html"),
        ),
    ],
)
def test_it_stands_below_the_text(raw: bytes, left: bytes) -> None:
    assert with_words(raw) == left


def test_it_can_stand_above_and_several_can_stand_together() -> None:
    top = Disclaimer("EXTERNAL", as_html("EXTERNAL"), "start")
    raw = mail(b"Hi\r\n")
    assert with_words(raw, WORDS, top) == mail(b"EXTERNAL\r\n\r\nHi\r\n\r\nCorp Example, Warsaw\r\n")
    page = mail(b"<!-- <body> --><body lang=en>Hi</body>", "Content-Type: text/html")
    assert b"<body lang=en>\r\n<p>EXTERNAL</p>\r\nHi\r\n<p>Corp" in with_words(page, top, WORDS)
    two = with_words(raw, WORDS, Disclaimer("Second", as_html("Second")))
    assert two == mail(b"Hi\r\n\r\nCorp Example, Warsaw\r\n\r\nSecond\r\n")


@pytest.mark.parametrize("length", range(8))
@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_base64_is_encoded_anew_from_its_last_line_on(length: int, end: bytes) -> None:
    said = b"x" * 570 + b"y" * length
    coded = base64.encodebytes(said).replace(b"\n", b"\r\n").removesuffix(b"\r\n") + end
    raw = mail(coded, "Content-Transfer-Encoding: base64")
    left = with_words(raw)
    (part,) = leaves(left)
    assert part.get_payload(decode=True) == said + b"\r\n\r\nCorp Example, Warsaw\r\n"
    assert left.startswith(raw[: len(raw) - 100])
    assert max(map(len, left.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("said", [b"caf=C3=A9\r\n", b"soft=\r\n", b"no end", b"tail=20\r\n", b""])
def test_quoted_printable_keeps_every_line(said: bytes) -> None:
    fields = ("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable")
    left = with_words(mail(said, *fields), POLISH)
    assert left.startswith(mail(said, *fields))
    before, after = quopri.decodestring(said), leaves(left)[0].get_payload(decode=True)
    assert after == before + (b"" if before[-1:] in (b"", b"\n") else b"\r\n") + f"\r\n{POLISH.text}\r\n".encode()


def test_in_the_middle_of_a_quoted_printable_line_of_html() -> None:
    said = b'<html lang=3D"pl"><body>za=C5=BC=C3=B3=C5=82=C4=87</body></ht=\r\nml>\r\n'
    fields = ("Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: quoted-printable")
    left = with_words(mail(said, *fields), POLISH)
    decoded = text(leaves(left)[0])
    assert decoded.startswith('<html lang="pl"><body>zażółć\r\n<p>Sp&#243;&#322;ka')
    assert decoded.endswith("</p>\r\n</body></html>\r\n")
    assert max(map(len, left.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    ("said", "charset", "encoding"),
    [
        ("Hello", "us-ascii", "7bit"),
        ("Hello", None, "7bit"),
        ("Hello", "utf-8", "7bit"),
        ("Bien sûr", "iso-8859-1", "8bit"),
        ("Bien sûr €", "windows-1252", "8bit"),
        ("Zażółć gęślą jaźń", "iso-8859-2", "8bit"),  # has no dash
        ("Zażółć gęślą jaźń", "windows-1250", "8bit"),
        ("こんにちは", "iso-2022-jp", "7bit"),
        ("こんにちは", "shift_jis", "base64"),
        ("Zażółć", "utf-16", "base64"),
        ("Zażółć", "utf-7", "7bit"),
    ],
)
def test_a_charset_that_cannot_say_it_becomes_utf_8(said: str, charset: str | None, encoding: str) -> None:
    data = (said + "\r\n").encode(charset or "us-ascii")
    data = base64.encodebytes(data).replace(b"\n", b"\r\n") if encoding == "base64" else data
    kind = f'Content-Type: text/plain; Charset = "{charset}"; x=y' if charset else "X-Other: x"
    raw = mail(data, "MIME-Version: 1.0", kind, f"Content-Transfer-Encoding: {encoding}", "Subject: last")
    left = with_words(raw, POLISH)
    (part,) = leaves(left)
    assert text(part) == f"{said}\r\n\r\n{POLISH.text}\r\n"
    assert part["Subject"] == "last"
    assert left.count(b"Content-Type:") == left.count(b"MIME-Version") == 1
    if charset:
        assert part.get_param("x") == "y"
    if part["Content-Transfer-Encoding"] != "8bit":
        assert left.isascii()


def test_flowed_text_gets_short_lines_that_do_not_flow() -> None:
    long = "From time to time > a word, " * 10
    raw = mail(b"Hi \r\nthere \r\n", "Content-Type: text/plain; format=flowed")
    left = with_words(raw, Disclaimer(f"{long}\n\n> quoted\n--\nFrom x", as_html("x")))
    lines = left[len(raw) :].decode().split("\r\n")
    assert lines[0] == ""
    assert all(len(line) <= 77 and not line.endswith(" ") for line in lines)
    assert {" > quoted", " --", " From x"} <= set(lines)
    assert not [line for line in lines if line.startswith((">", "From ", "--"))]


def test_words_without_blanks_do_not_make_a_line_too_long() -> None:
    left = with_words(mail(b"Hi\r\n", "Content-Type: text/plain; charset=utf-8"), Disclaimer("長" * 1000, as_html("x")))
    assert max(map(len, left.split(b"\r\n"))) <= 998


# --- several parts --------------------------------------------------------------------------------------------------

MIXED = """\
From: a@corp.example
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=Corp

preamble
--Corp
Content-Type: multipart/alternative; boundary=In

--In
Content-Type: text/plain; charset=us-ascii

Hello
--In
Content-Type: multipart/related; boundary=Rel

--Rel
Content-Type: text/html; charset=us-ascii
Content-Transfer-Encoding: 7bit

<html><body>Hello<img src="cid:x"></body></html>
--Rel
Content-Type: image/png
Content-ID: <x>
Content-Transfer-Encoding: base64

iVBORw0K
--Rel--
--In
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
END:VCALENDAR
--In--
--Corp
Content-Type: text/plain; name=notes.txt
Content-Disposition: attachment; filename=notes.txt

These are notes.
--Corp
Content-Type: message/rfc822

Subject: inner

An older mail.
--Corp--
epilogue
""".replace("\n", "\r\n").encode()


def test_only_the_alternatives_of_the_text_gain_it() -> None:
    before, after = leaves(MIXED), leaves(with_words(MIXED, POLISH))
    changed = [new.get_content_type() for old, new in zip(before, after, strict=True) if bytes(old) != bytes(new)]
    assert changed == ["text/plain", "text/html"]
    assert text(after[0]) == f"Hello\r\n\r\n{POLISH.text}\r\n"
    assert after[0].get_content_charset() == "utf-8"
    assert "Sp&#243;&#322;ka" in text(after[1])
    assert with_words(MIXED).endswith(b"\r\n--Corp--\r\nepilogue\r\n")


def test_a_line_that_looks_like_a_border_is_none() -> None:
    words = Disclaimer("--Corp--\n--In", "<pre>\n--Corp--\n</pre>")
    after = leaves(with_words(MIXED, words))
    assert [part.get_content_type() for part in after] == [part.get_content_type() for part in leaves(MIXED)]
    assert " --Corp--" in text(after[0])
    coded = MIXED.replace(
        b"charset=us-ascii\r\n\r\n", b"charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    assert text(leaves(with_words(coded, words))[0]).endswith(" --Corp--\r\n --In\r\n")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (mail(b"%PDF", "Content-Type: application/pdf"), "it has no text"),
        (mail(b"x", "Content-Type: text/plain", "Content-Disposition: attachment"), "it has no text"),
        (mail(b"x", 'Content-Type: text/plain; name="notes.txt"'), "it has no text"),
        (mail(b"BEGIN:VCALENDAR\r\n", "Content-Type: text/calendar"), "it has no text"),
        (mail(b"x", "Content-Transfer-Encoding: uuencode"), "in an encoding that is not known"),
        (mail(b"x" * ((1 << 20) + 1)), "longer than 1 MB"),
        (mail(b"\xb3 \xff", "Content-Type: text/plain"), "not in the charset it names"),
        (mail(b"\xb3", "Content-Type: text/plain; charset=x-own"), "charset x-own is not known"),
        (mail("<p>".encode("utf-16"), "Content-Type: text/html; charset=utf-16"), "its HTML is in the charset utf-16"),
        (mail(b"no header\r\n").replace(b"\r\n\r\n", b"\r\n"), "malformed"),
        (mail(b"--x\r\n" * 10_002, "Content-Type: multipart/mixed; boundary=x"), "boundary lines"),
    ],
)
def test_a_mail_that_goes_without(raw: bytes, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        disclaim(Message(raw), [POLISH])


# --- once -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "already"),
    [
        (b"Hi\r\n\r\nCorp Example, Warsaw\r\n", True),
        (b"Yes.\r\n\r\nOn Monday Ann wrote:\r\n> Hi\r\n>\r\n> Corp Example,\r\n> Warsaw\r\n", True),
        (b"Yes.\r\n\r\n> > CORP  example,\r\n>> Warsaw\r\n", True),
        (b"Hi from Corp Example in Warsaw\r\n", False),
        (b"", False),
    ],
)
def test_a_mail_that_says_so_already(body: bytes, already: bool) -> None:
    assert said_already(body_text(Message(mail(body))), WORDS) is already
    left = body_text(Message(with_words(mail(body))))
    assert said_already(left, WORDS)


def test_words_in_the_html_only_count() -> None:
    words = Disclaimer("see our page", "<p><b>Corp</b> Example &amp; Sons</p>")
    page = mail(b"<p>Corp <i>Example</i> &#38; Sons</p>", "Content-Type: text/html")
    assert said_already(Reading(Message(page)).text, words)


# --- whatever the mail ----------------------------------------------------------------------------------------------

letters = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" \n.-="), max_size=300)
SAID = st.one_of(letters, st.text(st.sampled_from("ab \n"), max_size=2000))


@st.composite
def texts(draw: st.DrawFn, subtype: str) -> EmailMessage:
    said = draw(SAID)
    charset = draw(st.sampled_from(["utf-8", "us-ascii", "iso-8859-2", "windows-1252", "iso-2022-jp"]))
    said = said.encode(charset, "ignore").decode(charset)
    part = EmailMessage()
    whole = f"<html><body>{said}</body></html>" if subtype == "html" and draw(st.booleans()) else said
    coding = draw(st.sampled_from(["base64", "quoted-printable"] + (["7bit"] if whole.isascii() else ["8bit"])))
    if charset == "iso-2022-jp" and not whole.isascii():
        coding = "base64"
    part.set_content(whole, subtype=subtype, charset=charset, cte=coding)
    return part


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    body: EmailMessage = draw(texts("plain") | texts("html"))
    shape = draw(st.sampled_from(["single", "alternative", "related", "mixed", "everything"]))
    if shape in ("alternative", "everything"):
        body = draw(texts("plain"))
        page = draw(texts("html"))
        if shape == "everything":
            page.add_related(draw(st.binary(max_size=99)), "image", "png", cid="<x>")
        body.make_alternative()
        body.attach(page)
    if shape == "related":
        body.add_related(draw(st.binary(max_size=99)), "image", "png", cid="<x>")
    if shape in ("mixed", "everything"):
        body.add_attachment(draw(st.binary(max_size=99)), "application", "pdf", filename="a.pdf")
        body.add_attachment("Corp notes", filename="n.txt")
    body["Subject"] = "x"
    for number, part in enumerate(body.walk()):
        if part.is_multipart():
            part.set_boundary(f"Corp{number}")
    return body.as_bytes(policy=email.policy.SMTP)


@settings(max_examples=150, deadline=None)
@given(raw=mails(), words=st.sampled_from([WORDS, POLISH]), top=st.booleans(), size=st.sampled_from([7, 1 << 20]))
def test_whatever_the_mail_its_text_says_it_once_and_the_rest_is_the_same(
    raw: bytes, words: Disclaimer, top: bool, size: int
) -> None:
    words = Disclaimer(words.text, words.html, "start" if top else "end")
    edits = disclaim(Message(raw), [words])
    left = rendered(raw, edits, size)
    before, after = leaves(raw), leaves(left)
    changed = 0
    for old, new in zip(before, after, strict=True):
        if bytes(old) == bytes(new):
            continue
        changed += 1
        page = new.get_content_type() == "text/html"
        said = words.html.encode("ascii", "xmlcharrefreplace").decode() if page else words.text
        assert new.get_content_disposition() != "attachment"
        assert text(new).count(said) == 1
        assert re.sub(r"\s", "", text(new).replace(said, "")) == re.sub(r"\s", "", text(old))
    kinds = {part.get_content_type() for part in before if part.get_content_disposition() != "attachment"}
    assert changed == len(kinds & {"text/plain", "text/html"})
