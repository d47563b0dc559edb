"""Mail that we write ourselves, full of what others wrote: nothing of it becomes a header, a part or markup."""

import email
import re
from email import policy
from email.message import EmailMessage
from typing import cast

from selectolax.lexbor import LexborHTMLParser

from mailguard.notices.settings import NoticeSettings
from mailguard.records import AttachmentInfo, NoticeKind, Power, Reply, State
from tests.fuzz.target import target
from tests.unit import test_dsn as dsn
from tests.unit.notices import factory

_TEXTS = [
    b"\0", b"\x01", b"\x02", b"\x04", b"\x08", b"\n", b"Quote", b"\r\nBcc: x@evil.example\r\n\r\n", b"<script>",
    b"<img src=x onerror=y>",
    b'"><a href=//evil.example>', b"&lt;", b"{{ 7*7 }}", b"{% raw %}", b"=?utf-8?q?=0d=0aBcc:_x?=", b"\xe2\x80\xae",
    b"\xe2\x80\xa8", b"\xc5\xbc\xc3\xb3w", b"x" * 60, b"--=_alt_", b".", b"%s", b"\xf0\x9f\x93\xa7", b"\xc2\x85",
    b"\x1b[2J", b" ", b"\t",
]  # fmt: skip
_KINDS = tuple(kind for kind in NoticeKind if kind is not NoticeKind.CODE)
_TAGS = frozenset(
    re.findall(
        r"\w+", "html head title meta style body table tbody tr td p a h1 h2 br div span ul li strong b em hr img code"
    )
)


@target("notices", "a notice says what others wrote, and does nothing with it", _TEXTS)
def notices(data: bytes) -> None:
    """The first two bytes say which notice, in what language; then lines: subject, name, file, reason, person."""
    which, language, texts = (data[:1] or b"\0")[0], (data[1:2] or b"\0")[0], _lines(data[2:], 5)
    subject, address, file, reason, by = texts
    kind = _KINDS[which % len(_KINDS)]
    state = (State.HELD, State.QUEUED, State.SENT)[language // 2 % 3]
    copy = factory.delivery(f"{address}@client.example", state, flagged=reason, external=True)
    about = factory.mail(
        copy, subject=subject, attachments=(AttachmentInfo(file, "text/plain", 1),), hits=(factory.hit(reason=reason),),
        holds=(factory.hold(rule="unexpected-cc"),) if state is State.HELD else (), message_id=f"<{subject}@x>",
    )  # fmt: skip
    settings = NoticeSettings(sender="mailguard@corp.example", language="pl" if language % 2 else "en")
    raw = factory.told(
        kind, about, settings=settings, data={"by": by, "reason": reason, "outcome": "return"},
        power=Power.APPROVER if kind is NoticeKind.APPROVAL else Power.SENDER,
    )  # fmt: skip
    message = _parsed(raw)
    once = ("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version")
    assert all(len(message.get_all(name, [])) == 1 for name in once)
    assert {name.lower() for name in message.keys()} <= {  # noqa: SIM118 - a message is no mapping
        *once, "in-reply-to", "references", "expires", "x-auto-response-suppress", "content-type",
    }  # fmt: skip
    assert [box.addr_spec for box in message["to"].addresses] == ["ann@corp.example"]
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    plain, markup = (part.get_content() for part in message.iter_parts())
    assert not any(c < " " and c not in "\n\r" for c in plain)
    _check_markup(markup)


def _check_markup(markup: str) -> None:
    tree = LexborHTMLParser(markup)
    for node in tree.css("*"):
        assert node.tag in _TAGS, node.tag
        assert not any(name.startswith("on") for name in node.attributes)
        if node.tag == "a":
            assert node.attributes.get("href") == factory.LINK
        assert node.tag != "img" or (node.attributes.get("src") or "").startswith("cid:")


@target("reports", "a delivery report quotes what others said, and no more", _TEXTS)
def reports(data: bytes) -> None:
    """Lines: subject, local part, reply, remote server, original recipient, envelope id; then a header."""
    subject, local, reply, remote, orcpt, envid, head = _lines(data, 7)
    about = dsn.mail(envid=envid)
    object.__setattr__(about, "subject", subject)
    object.__setattr__(about, "message_id", f"<{subject}@x>")
    delivery = dsn.delivery(f"{local}@client.example", orcpt=orcpt)
    head = "".join(c for c in head if c not in "\r\n\0")  # the DATA reader refuses what is sloppy
    answer = Reply(550, "5.1.1", reply, remote)
    raw = dsn.make(about, (delivery, answer), head=f"Subject: {head}\r\n\r\n".encode())
    message = _parsed(raw)
    once = ("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type")
    assert all(len(message.get_all(name, [])) == 1 for name in once)
    assert {name.lower() for name in message.keys()} <= {*once, "in-reply-to", "references"}  # noqa: SIM118
    human, status, _ = cast(list[EmailMessage], message.get_payload())
    assert human.get_content_type() == "text/plain"
    assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    text = raw.split(b"delivery-status\r\n", 1)[1].split(b"\r\n--", 1)[0]
    assert text.count(b"Final-Recipient:") == 1
    assert text.count(b"Action: failed") == 1


def _parsed(raw: bytes) -> EmailMessage:
    """As another program reads it: sound, in short lines with CR LF, and nothing but ASCII."""
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert "\n" not in message["subject"]
    assert "\r" not in message["subject"]
    return message


def _lines(data: bytes, count: int) -> list[str]:
    """What others wrote, as the store keeps it: text without surrogates, but with whatever else."""
    texts = [line.decode(errors="replace") for line in data.split(b"\n", count - 1)]
    return texts + [""] * (count - len(texts))
