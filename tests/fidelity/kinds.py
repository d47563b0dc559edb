"""The kinds of mail that a careless relay breaks, each with what proves that it arrived whole."""

import email
import re
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

from tests.extract.containers import winmail
from tests.fidelity.proofs import ANN, Bench, crlf
from tests.unit.courier.peer import Arrived
from tests.unit.dkim.verifier import Lookup, verdicts

KIM, MO = "kim@client.example", "mo@rival.example"
# Trailing blanks, lone dots, a line that looks like a border: what a rewrite would change
TEXT = "Zażółć gęślą jaźń.  \r\n.\r\n..dots\r\n -- \r\n\tTab\t\r\n\r\nFrom here on\r\n\r\n\r\n".encode()
ENTITY = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + TEXT
ASCII = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello  \r\n.\r\n..dots\r\n\r\n\r\n"
DSN_MAIL, DSN_RCPT = ("RET=HDRS", "ENVID=QQ314159"), ("NOTIFY=SUCCESS,DELAY,FAILURE", "ORCPT=rfc822;kim@client.example")

Proof = Callable[[Arrived, bytes], bool]
"""Whether it is whole: what arrived, and its bytes without our trace field."""


@dataclass(frozen=True)
class Kind:
    """`verified` says in words what `proof` does."""

    name: str
    verified: str
    raw: bytes
    proof: Proof
    sender: str = ANN
    mail: tuple[str, ...] = ()
    rcpt: tuple[str, ...] = ()

    @property
    def message_id(self) -> bytes:
        return _id(self.name)


def kinds(bench: Bench, txt: Lookup) -> list[Kind]:
    """One of each; `txt` asks DNS for a record."""
    return [*_dkim(bench, txt), *_smime(bench), *_pgp(bench), *_parts(bench), *_reports()]


def _dkim(bench: Bench, txt: Lookup) -> list[Kind]:
    def proof(_: Arrived, left: bytes) -> bool:
        found = verdicts(left, txt)
        return bool(found) and all(found)

    plain = b"MIME-Version: 1.0\r\n" + ENTITY
    usual, bare = "DKIM, header and body", "DKIM, without To and Cc"
    return [
        Kind(usual, "dkimpy", bench.dkim_signed(_mail(usual, plain), "from:to:cc:subject:date:content-type"), proof),
        Kind(bare, "dkimpy", bench.dkim_signed(_mail(bare, plain), "from:date"), proof),
    ]


def _smime(bench: Bench) -> list[Kind]:
    def verifies(_: Arrived, left: bytes) -> bool:
        return bench.smime_verifies(left, ENTITY)

    def decrypts(_: Arrived, left: bytes) -> bool:
        return bench.smime_decrypts(left, ENTITY)

    def passed_on(_: Arrived, left: bytes) -> bool:
        _note, mail = _between(left, b"forward")
        return bench.smime_verifies(mail.partition(b"\r\n\r\n")[2], ENTITY)

    detached, opaque, secret = "S/MIME signed, detached", "S/MIME signed, opaque", "S/MIME encrypted"
    inside = b"Content-Type: message/rfc822\r\n\r\n" + _mail("Inside", bench.smime_signed(ENTITY))
    forward = "Signed mail as an attachment"
    return [
        Kind(detached, "openssl smime -verify", _mail(detached, bench.smime_signed(ENTITY)), verifies),
        Kind(opaque, "openssl smime -verify", _mail(opaque, bench.smime_signed(ENTITY, "-nodetach")), verifies),
        Kind(secret, "openssl smime -decrypt", _mail(secret, bench.smime_encrypted(ENTITY)), decrypts),
        Kind(
            forward,
            "openssl smime -verify",
            _mail(forward, _multipart(b"mixed", b"forward", ASCII, inside)),
            passed_on,
        ),
    ]


def _pgp(bench: Bench) -> list[Kind]:
    def verifies(_: Arrived, left: bytes) -> bool:
        entity, signature = _between(left, b"pgp-border")
        return bench.pgp_verifies(entity, signature.partition(b"\r\n\r\n")[2])

    def decrypts(_: Arrived, left: bytes) -> bool:
        _version, secret = _between(left, b"pgp-border")
        return bench.pgp_decrypts(secret.partition(b"\r\n\r\n")[2], ENTITY)

    def clear(_: Arrived, left: bytes) -> bool:
        return bench.pgp_clear(left.partition(b"\r\n\r\n")[2])

    signed, encrypted, inline = "PGP/MIME signed", "PGP/MIME encrypted", "PGP signed, in the text"
    text = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    signature = b"Content-Type: application/pgp-signature\r\n\r\n" + crlf(bench.pgp_signature(ENTITY))
    version = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    secret = b"Content-Type: application/octet-stream\r\n\r\n" + crlf(bench.pgp_encrypted(ENTITY))
    of_signed = b'signed; protocol="application/pgp-signature"; micalg=pgp-sha512'
    of_secret = b'encrypted; protocol="application/pgp-encrypted"'
    return [
        Kind(signed, "gpg --verify", _mail(signed, _multipart(of_signed, b"pgp-border", ENTITY, signature)), verifies),
        Kind(inline, "gpg --verify", _mail(inline, text + crlf(bench.pgp_clearsigned(TEXT))), clear),
        Kind(
            encrypted, "gpg --decrypt", _mail(encrypted, _multipart(of_secret, b"pgp-border", version, secret)),
            decrypts,
        ),
    ]  # fmt: skip


def _parts(bench: Bench) -> list[Kind]:
    def unpacks(_: Arrived, left: bytes) -> bool:
        packed = _part(left, "application/ms-tnef").get_payload(decode=True)
        return packed == winmail() and bench.tnef_files(winmail())["plantedfilename.txt"] == b"plantedattached"

    def invites(_: Arrived, left: bytes) -> bool:
        part = _part(left, "text/calendar")
        return part.get_param("method") == "REQUEST" and part.get_payload(decode=True) == CALENDAR

    tnef, invitation = "TNEF (winmail.dat)", "iMIP invitation"
    packed = (
        b'Content-Type: application/ms-tnef; name="winmail.dat"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + crlf(encodebytes(winmail()))
    )
    calendar = b'Content-Type: text/calendar; method=REQUEST; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n'
    return [
        Kind(tnef, "tnef", _mail(tnef, _multipart(b"mixed", b"outlook", ASCII, packed)), unpacks),
        Kind(
            invitation, "the calendar part, byte for byte",
            _mail(invitation, _multipart(b"alternative", b"meeting", ASCII, calendar + b"\r\n" + CALENDAR)), invites,
        ),
    ]  # fmt: skip


def _reports() -> list[Kind]:
    def asks(_: Arrived, left: bytes) -> bool:
        return email.message_from_bytes(left)["Disposition-Notification-To"] == f"Ann <{ANN}>"

    def asks_dsn(arrived: Arrived, _: bytes) -> bool:
        (kim,) = (line for line in arrived.rcpts if f"<{KIM}>" in line)
        return all(word in arrived.mail for word in DSN_MAIL) and all(word in kim for word in DSN_RCPT)

    def reports(kind: str) -> Proof:
        def proof(_: Arrived, left: bytes) -> bool:
            message = email.message_from_bytes(left, policy=policy.default)
            parts = [part.get_content_type() for part in message.iter_parts()]
            return message.get_param("report-type") == kind and f"message/{kind}" in parts

        return proof

    mdn, dsn = (
        b"Final-Recipient: rfc822; ann@corp.example\r\nOriginal-Message-ID: <1@client.example>\r\n",
        (
            b"Reporting-MTA: dns; app.corp.example\r\n\r\nFinal-Recipient: rfc822; x@corp.example\r\nAction: failed\r\n"
            b"Status: 5.1.1\r\n"
        ),
    )
    mdn += b"Disposition: manual-action/MDN-sent-manually; displayed\r\n"
    wish, seen, wants, failed = "MDN asked for", "MDN", "DSN asked for", "DSN"
    wished = b"Disposition-Notification-To: Ann <ann@corp.example>\r\nMIME-Version: 1.0\r\n" + ENTITY
    read, bounced = (
        _multipart(
            b"report; report-type=" + name, b"report", ASCII, b"Content-Type: message/" + name + b"\r\n\r\n" + said
        )
        for name, said in ((b"disposition-notification", mdn), (b"delivery-status", dsn))
    )
    return [
        Kind(wish, "the field", _mail(wish, wished), asks),
        Kind(seen, "the report's parts", _mail(seen, read), reports("disposition-notification"), sender=""),
        Kind(
            wants, "RET, ENVID, NOTIFY and ORCPT at the next hop", _mail(wants, b"MIME-Version: 1.0\r\n" + ENTITY),
            asks_dsn, mail=DSN_MAIL, rcpt=DSN_RCPT,
        ),
        Kind(failed, "the report's parts", _mail(failed, bounced), reports("delivery-status"), sender=""),
    ]  # fmt: skip


CALENDAR = (
    "BEGIN:VCALENDAR\r\nPRODID:-//corp//EN\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@corp.example\r\n"
    "DTSTAMP:20261126T090000Z\r\nDTSTART:20261127T090000Z\r\nORGANIZER:mailto:ann@corp.example\r\n"
    "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:kim@client.example\r\nSUMMARY:Zażółć  \r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
).encode()


def _mail(name: str, content: bytes) -> bytes:
    """`content` begins with header fields of its own."""
    head = f"From: Ann <{ANN}>\r\nTo: {KIM}, {MO}\r\nSubject: {name}\r\nDate: Thu, 26 Nov 2026 10:00:00 +0100\r\n"
    return head.encode() + b"Message-ID: " + _id(name) + b"\r\n" + content


def _id(name: str) -> bytes:
    return f"<{re.sub('[^a-z]+', '-', name.lower())}@corp.example>".encode()


def _multipart(kind: bytes, border: bytes, *parts: bytes) -> bytes:
    bodies = b"".join(b"--" + border + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/" + kind + b'; boundary="' + border + b'"\r\n\r\n'
        + bodies + b"--" + border + b"--\r\n"
    )  # fmt: skip


def _between(raw: bytes, border: bytes) -> tuple[bytes, bytes]:
    """The two parts, each byte between its borders."""
    _, first, second, _ = re.split(rb"\r\n--" + border + rb"(?:--)?\r\n", raw)
    return first, second


def _part(raw: bytes, kind: str) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    (found,) = (part for part in message.walk() if part.get_content_type() == kind)
    assert isinstance(found, EmailMessage)
    return found
