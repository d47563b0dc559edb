import email
import quopri
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard import dsn
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Delivery, Mail, Reply, State

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEAD = b"From: ann@corp.example\r\nTo: bob@client.example\r\nSubject: Offer\r\n\r\n"
BODY = b"Dear Bob,\r\n.\r\nAnn\r\n"
NO_USER = Reply(550, "5.1.1", "no such user", "mx.client.example[192.0.2.1]:25")


def delivery(address: str = "bob@client.example", *notify: str, orcpt: str | None = None) -> Delivery:
    return Delivery(Recipient(address, notify, orcpt), "mx:client.example", State.SENDING, attempts=1)


def mail(**envelope: object) -> Mail:
    fields = {"sender": "ann@corp.example", "recipients": (), **envelope}
    return Mail(
        queue_id="Q1",
        envelope=Envelope(**fields),  # type: ignore[arg-type]
        identity=Identity("ann@corp.example", Proof.LOGIN, "ann"),
        size=len(HEAD) + len(BODY),
        digest=b"",
        received_at=NOW - timedelta(hours=1),
        edits=(),
        deliveries=(),
        holds=(),
        hits=(),
        tags=(),
        rules_hash="",
        message_id="<m1@corp.example>",
        subject="Offer",
    )


def make(
    about: Mail | None = None,
    *failed: tuple[Delivery, Reply],
    head: bytes = HEAD,
    body: bytes | None = BODY,
    action: str = "failed",
    retry_until: datetime | None = None,
) -> bytes:
    return dsn.report(
        mail=about or mail(),
        failed=failed or [(delivery(), NO_USER)],
        head=head,
        body=body,
        reporting_mta="mail.corp.example",
        sender="mailguard@corp.example",
        message_id="<Q2@mail.corp.example>",
        now=NOW,
        action=action,
        retry_until=retry_until,
    )


def parsed(raw: bytes) -> tuple[EmailMessage, str, str, EmailMessage]:
    """The report, its text for people, its status part as text, and its third part."""
    message = email.message_from_bytes(raw, policy=policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    human, status, original = cast(list[EmailMessage], message.get_payload())
    body = raw.split(b"message/delivery-status\r\n\r\n")[-1] if b"message/delivery-status" in raw else b""
    text = body.split(b"\r\n--")[0].decode() if body else status.get_payload(decode=True).decode()  # type: ignore[union-attr]
    return message, human.get_content(), text, original


def test_a_report_says_who_what_and_why_to_people_and_to_programs() -> None:
    message, human, status, original = parsed(make())
    assert message["From"] == "Mail Delivery System <mailguard@corp.example>"
    assert message["To"] == "ann@corp.example"
    assert message["Subject"] == "Not delivered: Offer"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Message-ID"] == "<Q2@mail.corp.example>"
    assert message["In-Reply-To"] == message["References"] == "<m1@corp.example>"
    assert "bob@client.example" in human
    assert "550 5.1.1 no such user" in human
    assert "Check the address for typing errors" in human
    assert status == (
        "Reporting-MTA: dns; mail.corp.example\r\n"
        "Arrival-Date: Mon, 23 Nov 2026 08:00:00 +0000\r\n\r\n"
        "Final-Recipient: rfc822; bob@client.example\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\n"
        "Remote-MTA: dns; mx.client.example\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        "Last-Attempt-Date: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
    )
    assert original.get_content_type() == "message/rfc822"


def test_the_mail_comes_back_byte_for_byte() -> None:
    assert b"Content-Type: message/rfc822\r\n\r\n" + HEAD + BODY + b"\r\n--" in make()


@pytest.mark.parametrize(
    ("ret", "body", "action", "kind"),
    [
        ("FULL", BODY, "failed", "message/rfc822"),
        (None, BODY, "failed", "message/rfc822"),
        ("HDRS", BODY, "failed", "text/rfc822-headers"),
        ("FULL", b"x" * 200_000, "failed", "text/rfc822-headers"),
        (None, None, "failed", "text/rfc822-headers"),
        ("FULL", BODY, "delayed", "text/rfc822-headers"),
        ("FULL", BODY, "relayed", "text/rfc822-headers"),
    ],
)
def test_how_much_comes_back(ret: str | None, body: bytes | None, action: str, kind: str) -> None:
    *_, original = parsed(make(mail(ret=ret), body=body, action=action))
    assert original.get_content_type() == kind
    assert "Subject: Offer" in original.as_string()


def test_envid_and_orcpt_are_decoded() -> None:
    about = mail(envid="QQ+3D314+2B")
    *_, status, _ = parsed(make(about, (delivery(orcpt="rfc822;bob+2Bx@client.example"), NO_USER)))
    assert "Original-Envelope-Id: QQ=314+\r\n" in status
    assert "Original-Recipient: rfc822;bob+x@client.example\r\n" in status


def test_nothing_foreign_can_begin_a_field_of_its_own() -> None:
    evil = "x+0D+0AAction: delivered"
    reply = Reply(550, "5.1.1", "no\r\nAction: delivered", "mx\r\nX: y[192.0.2.1]:25")
    raw = make(mail(envid=evil), (delivery(orcpt="rfc822;" + evil), reply))
    *_, status, _ = parsed(raw)
    assert [line for line in status.split("\r\n") if line.startswith("Action")] == ["Action: failed"]


@pytest.mark.parametrize(
    ("action", "reply", "status"),
    [
        ("failed", Reply(550, "", "no"), "5.0.0"),
        ("failed", Reply(451, "4.4.1", "silent"), "5.4.1"),
        ("delayed", Reply(552, "5.2.2", "full"), "4.2.2"),
        ("delivered", Reply(250, "2.1.5", "ok"), "2.1.5"),
        ("relayed", Reply(250, "", "ok"), "2.0.0"),
    ],
)
def test_the_status_has_the_class_of_the_action(action: str, reply: Reply, status: str) -> None:
    *_, fields, _ = parsed(make(None, (delivery(), reply), action=action))
    assert f"Action: {action}\r\nStatus: {status}\r\n" in fields


def test_words_of_our_own_are_no_diagnostic_code_of_another_server() -> None:
    _, human, status, _ = parsed(make(None, (delivery(), Reply(550, "5.4.7", "given up after 12 attempts"))))
    assert "given up after 12 attempts" in human
    assert "Diagnostic-Code" not in status
    assert "Remote-MTA" not in status


def test_a_delay_says_until_when_it_will_be_tried() -> None:
    until = NOW + timedelta(hours=44)
    message, human, status, _ = parsed(make(None, action="delayed", retry_until=until))
    assert message["Subject"] == "Delayed: Offer"
    assert "It will be tried until Wed, 25 Nov 2026 05:00:00 +0000." in human
    assert "Will-Retry-Until: Wed, 25 Nov 2026 05:00:00 +0000\r\n" in status


def test_each_recipient_has_a_group_of_fields() -> None:
    raw = make(None, (delivery("a@b.example"), NO_USER), (delivery("c@d.example"), Reply(552, "5.3.4", "big")))
    *_, status, _ = parsed(raw)
    groups = status.strip().split("\r\n\r\n")
    assert len(groups) == 3
    assert "a@b.example" in groups[1]
    assert "Status: 5.3.4" in groups[2]


def test_an_international_mail_is_reported_in_international_parts_and_seven_bits() -> None:
    about = mail(smtputf8=True)
    head = "From: ann@corp.example\r\nTo: żółć@client.example\r\nSubject: Pilne\r\n\r\n".encode()
    body = "Zażółć gęślą jaźń\r\n".encode()
    raw = make(about, (delivery("żółć@client.example"), NO_USER), head=head, body=body)
    assert raw.isascii()
    message = email.message_from_bytes(raw)
    human, status, original = cast(list[email.message.Message], message.get_payload())
    assert status.get_content_type() == "message/global-delivery-status"
    assert original.get_content_type() == "message/global"
    assert "żółć@client.example" in cast(bytes, human.get_payload(decode=True)).decode()
    back = raw.split(b"message/global\r\n")[1].split(b"\r\n\r\n", 1)[1]
    assert quopri.decodestring(back).startswith(head + body)


def test_an_international_sender_is_written_as_it_is() -> None:
    assert "To: <łucja@corp.example>\r\n".encode() in make(mail(sender="łucja@corp.example", smtputf8=True))


def test_an_eight_bit_mail_comes_back_untouched_and_declared() -> None:
    raw = make(body=b"caf\xe9\r\n")
    assert b"Content-Transfer-Encoding: 8bit\r\n\r\n" + HEAD + b"caf\xe9\r\n" in raw


def test_an_eight_bit_header_comes_back_in_seven_bits() -> None:
    assert make(head=b"Subject: caf\xe9\r\n\r\n", body=None).isascii()


def test_a_foreign_subject_is_encoded() -> None:
    about = mail()
    raw = make(replace(about, subject="Ważne\r\nBcc: x@y.example " + "ą" * 100))
    message, *_ = parsed(raw)
    assert message["Subject"].startswith("Not delivered: Ważne Bcc: x@y.example ą")
    assert message["Bcc"] is None


def test_the_delimiter_is_never_inside_the_mail() -> None:
    first = make()
    boundary = cast(str, email.message_from_bytes(first).get_boundary())
    again = make(body=f"--{boundary}\r\n".encode())
    assert email.message_from_bytes(again).get_boundary() != boundary
    parsed(again)


def test_there_is_no_report_to_the_null_sender() -> None:
    with pytest.raises(ValueError, match="null sender"):
        make(mail(sender=""))


@pytest.mark.parametrize(
    ("notify", "actions"),
    [
        ((), {"failed", "delayed"}),
        (("NEVER",), set()),
        (("FAILURE",), {"failed"}),
        (("SUCCESS",), {"delivered", "relayed"}),
        (("SUCCESS", "FAILURE", "DELAY"), {"failed", "delayed", "delivered", "relayed"}),
    ],
)
def test_notify_decides_who_is_told(notify: tuple[str, ...], actions: set[str]) -> None:
    everything = ("failed", "delayed", "delivered", "relayed")
    assert {action for action in everything if dsn.wanted(delivery("a@b.c", *notify), action)} == actions


@given(st.text(), st.text(), st.text(), st.binary(max_size=300))
def test_any_words_make_a_report_of_three_parts(said: str, subject: str, envid: str, body: bytes) -> None:
    about = replace(mail(envid=envid), subject=subject)
    raw = make(about, (delivery(), Reply(550, "5.1.1", said, "mx[192.0.2.1]:25")), body=body)
    message = email.message_from_bytes(raw)
    assert len(cast(list[object], message.get_payload())) == 3
    assert all(len(line) <= 998 for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n"))
