import pytest

from mailguard.mail.kind import MailKind, kind
from mailguard.mail.message import Message

_SIGNED = "--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\ny\r\n--b--"
_LOCKED = "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nx\r\n--b--"


def kind_of(head: str, body: str = "text") -> MailKind:
    return kind(Message(f"{head}\r\n\r\n{body}".encode()))


def test_an_ordinary_mail_is_of_no_kind() -> None:
    assert kind_of("From: a@b\r\nSubject: Recipe for tea, regards") == MailKind()


@pytest.mark.parametrize(
    "head",
    [
        "In-Reply-To: <1@x>",
        "References: <1@x>",
        *(f"Subject: {mark}: x" for mark in ("Re", "RE", "Odp", "AW", "Antw", "re[2]")),
    ],
)
def test_a_reply(head: str) -> None:
    assert kind_of(head).reply


@pytest.mark.parametrize("mark", ["Fwd", "FW", "Fw", "WG", "PD", "[ext] Fwd"])
def test_a_forward_by_its_subject(mark: str) -> None:
    assert kind_of(f"Subject: {mark}: x").forward
    assert not kind_of(f"Subject: {mark}: x").reply


def test_a_forward_by_an_attached_message() -> None:
    body = "--b\r\n\r\nsee\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--"
    assert kind_of("Content-Type: multipart/mixed; boundary=b", body).forward


@pytest.mark.parametrize(
    ("head", "automatic"),
    [
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: auto-generated; x=y", True),
        ("Auto-Submitted: no", False),
        ("Precedence: bulk", False),
        ("Precedence: first-class", False),
        ("X-Autoreply: yes", False),
    ],
)
def test_a_header_that_claims_to_be_automatic(head: str, automatic: bool) -> None:
    assert kind_of(head).auto_header is automatic


def test_a_report() -> None:
    body = "--b\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--"
    assert kind_of("Content-Type: multipart/report; boundary=b", body).report
    assert not kind_of("Content-Type: multipart/mixed; boundary=b", body).report


@pytest.mark.parametrize(
    ("head", "body", "method"),
    [
        ("Content-Type: text/calendar; method=REQUEST", "", "REQUEST"),
        ("Content-Type: text/calendar", "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\n", "CANCEL"),
        ("Content-Type: text/calendar", "BEGIN:VCALENDAR\r\n", "PUBLISH"),
        ("Content-Type: text/calendar; method=reply", "", "REPLY"),
        ("Content-Type: text/plain", "METHOD:REQUEST", ""),
    ],
)
def test_an_invitation_is_told_from_an_answer_to_one(head: str, body: str, method: str) -> None:
    found = kind_of(head, body)
    assert found.calendar_method == method
    assert found.invitation is (method not in ("", "REPLY"))


@pytest.mark.parametrize(
    ("head", "body", "signed", "encrypted"),
    [
        ("Content-Type: multipart/signed; boundary=b", _SIGNED, True, False),
        ("Content-Type: application/pkcs7-mime; smime-type=signed-data", "x", True, False),
        ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "x", False, True),
        ("Content-Type: application/x-pkcs7-mime", "x", False, True),
        ("Content-Type: multipart/encrypted; boundary=b", _LOCKED, False, True),
        ("Content-Type: text/plain", "-----BEGIN PGP MESSAGE-----\r\n", False, True),
        ("Content-Type: text/plain", "-----BEGIN PGP SIGNED MESSAGE-----\r\n", True, False),
        ("Content-Type: text/plain", "about -----BEGIN PGP MESSAGE-----\r\n", False, False),
    ],
)  # fmt: skip
def test_signed_and_encrypted_mail(head: str, body: str, signed: bool, encrypted: bool) -> None:
    found = kind_of(head, body)
    assert (found.signed, found.encrypted) == (signed, encrypted)


def test_an_encrypted_file_does_not_make_the_mail_encrypted() -> None:
    part = "Content-Type: application/pkcs7-mime\r\nContent-Disposition: attachment; filename=x.p7m"
    body = f"--b\r\n\r\nsee\r\n--b\r\n{part}\r\n\r\nx\r\n--b--"
    assert not kind_of("Content-Type: multipart/mixed; boundary=b", body).encrypted


@pytest.mark.parametrize(
    ("head", "confidential"),
    [
        ("Sensitivity: Company-Confidential", True),
        ("Sensitivity: Private", True),
        ("Sensitivity: normal", False),
        ("Subject: [Confidential] numbers", True),
        ("Subject: Poufne: wyniki", True),
        ("Subject: (POUFNE) wyniki", True),
        ("Subject: Is this confidential?", False),
        ("Subject: Private beach holiday", False),
        ("X-Classification: Company Confidential", True),
        ("X-Classification: Public", False),
        ("msip_labels: MSIP_Label_1_Name=Confidential; MSIP_Label_1_Enabled=true", True),
    ],
)
def test_a_mail_marked_confidential(head: str, confidential: bool) -> None:
    assert kind_of(head).confidential is confidential


def test_the_sensitivity_is_its_rfc_word() -> None:
    assert kind_of("Sensitivity: Company-Confidential").sensitivity == "company-confidential"
    assert kind_of("Sensitivity: whatever").sensitivity == ""
