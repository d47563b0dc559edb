import base64
import io
import zipfile

import pytest

from mailguard.mail.attachments import Attachment, attachments
from mailguard.mail.message import Message


def attach(content: bytes, head: str) -> Attachment:
    coded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    body = b"--b\r\n\r\ntext\r\n--b\r\nContent-Transfer-Encoding: base64\r\n" + head.encode() + b"\r\n\r\n" + coded
    (found,) = attachments(Message(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body + b"--b--\r\n"))
    return found


def file(content: bytes, name: str, content_type: str = "application/octet-stream") -> Attachment:
    return attach(content, f'Content-Type: {content_type}\r\nContent-Disposition: attachment; filename="{name}"')


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return out.getvalue()


def locked(content: bytes) -> bytes:
    """With the encryption bit of every entry set, as a password sets it."""
    data = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def test_name_type_and_size_of_an_attachment() -> None:
    found = file(b"%PDF-1.7 " + bytes(100_000), "offer.pdf", "application/pdf")
    assert (found.name, found.content_type, found.size) == ("offer.pdf", "application/pdf", 100_009)
    assert (found.inline, found.encrypted, found.kinds) == (False, False, frozenset({"pdf"}))


@pytest.mark.parametrize("length", [*range(12), 57, 76, 77, 10_000])
def test_the_size_is_that_of_the_decoded_bytes(length: int) -> None:
    assert file(b"x" * length, "x.bin").size == length


def test_the_size_of_other_encodings() -> None:
    head = b"Content-Disposition: attachment; filename=x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    (found,) = attachments(Message(head + b"a=3Db=\r\nc\r\n"))
    assert found.size == len(b"a=bc\r\n")


@pytest.mark.parametrize(
    ("name", "content_type", "content", "kind"),
    [
        ("x.docx", "application/octet-stream", zipped("[Content_Types].xml"), "office"),
        ("x", "application/octet-stream", zipped("[Content_Types].xml"), "office"),
        ("x.odt", "application/octet-stream", zipped("mimetype"), "office"),
        ("x", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"?", "office"),
        ("x.doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
        ("x", "application/octet-stream", b"%PDF-1.4", "pdf"),
        ("x.zip", "application/zip", zipped("a.txt"), "archive"),
        ("x", "application/octet-stream", b"Rar!\x1a\x07\x01\x00", "archive"),
        ("photo.jpg", "image/jpeg", b"MZ\x90\x00", "executable"),
        ("x.EXE", "application/octet-stream", b"", "executable"),
        ("x.js", "text/plain", b"", "executable"),
        ("x.jpg", "application/octet-stream", b"", "image"),
        ("x", "audio/mpeg", b"", "audio"),
        ("x.mp4", "application/octet-stream", b"", "video"),
        ("x.csv", "application/octet-stream", b"a,b", "text"),
        ("x.ics", "application/octet-stream", b"", "calendar"),
        ("x.p7s", "application/octet-stream", b"", "signature"),
        ("x.gpg", "application/octet-stream", b"", "encrypted"),
        ("", "application/octet-stream", b"\x01\x02", "other"),
    ],
)
def test_a_kind_is_told_by_name_type_or_first_bytes(name: str, content_type: str, content: bytes, kind: str) -> None:
    assert kind in file(content, name, content_type).kinds


def test_a_document_is_no_archive_though_it_is_a_zip_file() -> None:
    assert file(zipped("[Content_Types].xml"), "x.docx", "application/zip").kinds >= {"office"}
    assert "archive" not in file(zipped("[Content_Types].xml"), "x.docx").kinds


@pytest.mark.parametrize(
    ("name", "content_type", "content", "encrypted"),
    [
        ("x.zip", "application/zip", locked(zipped("a", "b")), True),
        ("x.zip", "application/zip", zipped("dir/") + locked(zipped("a")), True),
        ("x.zip", "application/zip", zipped("a", "b"), False),
        ("x.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(50_000) + b"trailer << /Encrypt 5 0 R >>", True),
        ("x.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(50_000) + b"trailer << /Root 5 0 R >>", False),
        ("x.docx", "application/octet-stream", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", True),
        ("x.doc", "application/octet-stream", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", False),
        ("x.asc", "text/plain", b"-----BEGIN PGP MESSAGE-----", True),
        ("smime.p7m", "application/pkcs7-mime; smime-type=enveloped-data", b"0\x80", True),
        ("smime.p7m", "application/pkcs7-mime; smime-type=signed-data", b"0\x80", False),
    ],
)
def test_what_nobody_can_read_without_a_key(name: str, content_type: str, content: bytes, encrypted: bool) -> None:
    assert file(content, name, content_type).encrypted is encrypted


@pytest.mark.parametrize(
    ("head", "inline"),
    [
        ("Content-Type: image/png; name=x.png\r\nContent-Disposition: inline; filename=x.png", True),
        ("Content-Type: image/png\r\nContent-ID: <logo@x>", True),
        ("Content-Type: image/png\r\nContent-Disposition: attachment; filename=x.png", False),
        ("Content-Type: image/png\r\nContent-ID: <a@x>\r\nContent-Disposition: attachment; filename=x.png", False),
        ("Content-Type: application/pdf\r\nContent-Disposition: inline; filename=x.pdf", False),
        ("Content-Type: application/pgp-signature; name=signature.asc", True),
        ("Content-Type: application/pkcs7-signature\r\nContent-Disposition: attachment; filename=smime.p7s", True),
    ],
)
def test_pictures_of_the_text_and_signatures_are_inline(head: str, inline: bool) -> None:
    assert attach(b"\x00", head).inline is inline


def test_a_picture_the_text_shows_is_inline_whatever_outlook_says() -> None:
    body = b"--b\r\nContent-Type: text/html\r\n\r\n<img src='cid:logo@x'>\r\n--b\r\nContent-Type: image/png\r\n"
    body += b"Content-ID: <logo@x>\r\nContent-Disposition: attachment; filename=l.png\r\n\r\nx\r\n--b--"
    (found,) = attachments(Message(b"Content-Type: multipart/related; boundary=b\r\n\r\n" + body))
    assert found.inline


def test_an_attached_mail_is_called_by_its_subject_and_its_files_are_seen() -> None:
    inner = b"Subject: The plan\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\n%PDF-"
    body = b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--"
    found = attachments(Message(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body))
    assert [each.name for each in found] == ["The plan", "x.pdf"]


def test_the_mails_own_text_is_no_attachment() -> None:
    assert attachments(Message(b"Subject: x\r\n\r\nhello")) == ()
    assert attachments(Message(b"")) == ()
