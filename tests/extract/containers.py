"""Files that no LibreOffice makes: mails in their several wrappings, archives, calendars."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from tests.extract.compound import locked_office, msg


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("plantedlink")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def eml() -> bytes:
    inner = EmailMessage()
    inner["From"], inner["To"], inner["Subject"] = "kim@client.example", "plantedto@client.example", "plantedsubject"
    inner.set_content("plantedbody\n\nOn Monday, Ann wrote:\n> plantedquoted\n")
    inner.add_alternative("<p>plantedhtml</p>", subtype="html")
    inner.add_attachment(b"plantedattached", maintype="text", subtype="csv", filename="plantedfilename.csv")
    return inner.as_bytes()


def winmail() -> bytes:
    """TNEF: a version, a body, and one attached file."""

    def attribute(level: int, kind: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    return (
        struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x00089006, struct.pack("<I", 0x10000))
        + attribute(1, 0x00069007, struct.pack("<II", 1252, 0)) + attribute(1, 0x0002800C, b"plantedbody\0")
        + attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, b"plantedfilename.txt\0")
        + attribute(2, 0x0006800F, b"plantedattached")
    )  # fmt: skip


def signed(content: bytes) -> bytes:
    """Opaque S/MIME: the mail is inside its signature."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = made.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def enveloped(content: bytes) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = made.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    return builder.encrypt(serialization.Encoding.DER, [])


CALENDAR = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:plantedsummary\r\nLOCATION:plantedplace\r\n"
    b"DESCRIPTION:planted\r\n description\\nmore\r\n"
    b"ATTENDEE;CN=Kim;ROLE=REQ-PARTICIPANT:mailto:plantedguest@client.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
PAGE = (
    b"<html><head><title>plantedtitle</title></head><body><!-- plantedcomment --><p>plan<b>ted</b>body</p>"
    b"<div style='display:none'>plantedhidden</div><img alt=\"plantedalternative\" src=x></body></html>"
)
TEXT = {"plantedfilename.txt": b"plantedtext"}
LETTER = b"Content-Type: text/plain; charset=utf-8\r\nSubject: plantedsubject\r\n\r\nplantedbody\r\n"


def made() -> dict[str, bytes]:
    """Every file, by its name."""
    return {
        "mail.eml": eml(), "mail.msg": msg(), "winmail.dat": winmail(), "smime.p7m": signed(LETTER),
        "meeting.ics": CALENDAR, "list.csv": "name;number\nplantedcell;plantedother\n".encode("utf-16"),
        "archive.zip": zipped(TEXT), "nested.zip": zipped({"plantedinner.zip": zipped(TEXT)}),
        "archive.tar": tarred(TEXT), "archive.tgz": gzip.compress(tarred(TEXT)),
        "note.txt.gz": gzip.compress(b"plantedtext"),
        "page.html": PAGE,
    }  # fmt: skip


LOCKED: dict[str, Callable[[], bytes]] = {"locked.docx": locked_office, "locked.p7m": lambda: enveloped(LETTER)}
