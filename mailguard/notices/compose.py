"""A notice as a complete message: text and HTML, threaded under the mail it speaks of (RFC 5322, 3834)."""

import hashlib
from base64 import encodebytes
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from mailguard.locale import N_, Language, When
from mailguard.mail.transfer import portable
from mailguard.notices import words
from mailguard.notices.fate import Stage
from mailguard.notices.section import Section, Teller
from mailguard.notices.settings import NoticeSettings
from mailguard.records import NewNotice, NoticeClaim, NoticeKind, Power

_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP
_OF_NO_MAIL = (NoticeKind.CODE, NoticeKind.DELEGATE, NoticeKind.ALERT, NoticeKind.HELP)
WRITTEN = N_("This note was written by mailguard, which looks after outgoing mail in your organization.")
WRITTEN_BY_NOBODY = N_(
    "This note was written by mailguard, which looks after outgoing mail in your organization. "
    "Nobody reads answers to it."
)
_GIVES_BACK = (NoticeKind.RETURNED, NoticeKind.EXPIRED)


def render(
    claim: NoticeClaim,
    *,
    links: Mapping[str, str],
    settings: NoticeSettings,
    organization_zone: str,
    now: datetime,
    message_id: str,
    originals: Mapping[str, bytes],
    reply_to: str = "",
    language: str = "",
) -> bytes:
    """One message with CRLF line ends for one person, about one mail or several.

    `links`: queue id → URL. `originals`: queue id → the mail as received, attached for those that come back.
    `language`: what this person reads, where it is not the organization's.
    `reply_to`: where an answer to this notice acts; '' where answers go to nobody.
    It holds 8-bit bytes only where an original does.
    """
    spoken = Language(language or settings.language)
    teller = Teller(spoken, When(ZoneInfo(organization_zone), spoken, now), settings.preview == "minimal")
    given = {n.queue_id: originals[n.queue_id] for n in _told(claim) if _gives_back(n) and n.queue_id in originals}
    sections = [_section(teller, claim, notice, links, given) for notice in _told(claim)]
    lead = _digest(teller, sections) if len(sections) > 1 else None
    shown = [lead, *sections] if lead else sections
    footer = _footer(spoken, sections, reply_to)
    body = _body(spoken, shown, list(given.values()), message_id, footer)
    return _head(claim, settings, shown[0].subject, sections, now, message_id, reply_to) + body


def _footer(language: Language, sections: Sequence[Section], reply_to: str) -> str:
    if not reply_to:
        return language.say(WRITTEN_BY_NOBODY)
    return " ".join(filter(None, (language.say(WRITTEN), *(section.answer for section in sections))))


def _told(claim: NoticeClaim) -> list[NewNotice]:
    """What can be told: a notice about a mail nobody knows any more is dropped, a code or an alert is not."""
    told = [stored.notice for stored in claim.notices]
    return [n for n in told if n.queue_id in claim.mails or n.kind in _OF_NO_MAIL]


def _section(
    teller: Teller,
    claim: NoticeClaim,
    notice: NewNotice,
    links: Mapping[str, str],
    given: Mapping[str, bytes],
) -> Section:
    if notice.kind is NoticeKind.ALERT:
        return teller.alert(notice)
    if notice.kind is NoticeKind.DELEGATE:
        return teller.delegate(notice)
    if notice.kind is NoticeKind.HELP:
        return teller.help()
    mail = claim.mails.get(notice.queue_id)
    if mail is None or notice.kind is NoticeKind.CODE:
        return teller.code(notice, mail)
    link = links.get(notice.queue_id, "")
    return teller.mail(notice, mail, link, attached=_gives_back(notice) and notice.queue_id in given)


def _gives_back(notice: NewNotice) -> bool:
    """The mail itself, Bcc and all, goes to its sender only."""
    kept = notice.kind is NoticeKind.EXPIRED and notice.data.get("outcome") != "return"
    return notice.kind in _GIVES_BACK and not kept and notice.power is Power.SENDER


def _digest(teller: Teller, sections: Sequence[Section]) -> Section:
    fates = [section.fate for section in sections if section.fate]
    leaving = [f.at for f in fates if f.stage is Stage.LEAVES and f.at]
    counts = {
        "total": len(sections),
        "held": sum(f.stage is Stage.HELD for f in fates),
        "leaves": len(leaving),
        "first": min(leaving, default=None),
    }
    said = words.blocks(teller.language, "digest", {"when": teller.when, **counts})
    return Section(said["subject"], said["headline"], (said["lead"],))


def _head(
    claim: NoticeClaim,
    settings: NoticeSettings,
    subject: str,
    sections: Sequence[Section],
    now: datetime,
    message_id: str,
    reply_to: str,
) -> bytes:
    about = list(dict.fromkeys(mail.message_id for mail in claim.mails.values() if _is_id(mail.message_id)))
    fields = {
        "From": f'"mailguard" <{settings.sender}>',
        "To": f"<{claim.person}>",
        "Reply-To": f"<{reply_to}>" if reply_to else "",
        "Subject": _encoded(subject),
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "In-Reply-To": about[0] if len(about) == 1 else "",
        "References": about[0] if len(about) == 1 else "",
        "Expires": _expires(sections, now),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
    }
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode()


def _is_id(message_id: str) -> bool:
    """Fit for a header of ours: others wrote it."""
    plain = message_id.isascii() and message_id.isprintable() and " " not in message_id
    return plain and len(message_id) < 900 and message_id.startswith("<") and message_id.endswith(">")  # noqa: PLR2004


def _encoded(subject: str) -> str:
    charset = "us-ascii" if subject.isascii() and "=?" not in subject else "utf-8"  # never decoded a second time
    return Header(subject, charset, maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def _expires(sections: Sequence[Section], now: datetime) -> str:
    """When the last of what is told stops being news (RFC 4021 §2.1.50), so that clients may fade it out."""
    ends = [f.expires_at or f.at for f in (section.fate for section in sections) if f and f.waits]
    known = [end for end in ends if end and end > now]
    return format_datetime(max(known)) if known and len(known) == len(sections) else ""


def _body(
    language: Language, sections: Sequence[Section], originals: Sequence[bytes], message_id: str, footer: str
) -> bytes:
    text = _text(words.page(language, "layout.txt", {"sections": sections, "footer": footer}), "plain")
    markup = _text(words.page(language, "layout.html", {"sections": sections, "footer": footer}), "html")
    seed = hashlib.sha256(message_id.encode()).hexdigest()[:24]
    both = _multipart("alternative", f"=_alt_{seed}", [text, markup])
    if not originals:
        return both
    return _multipart("mixed", f"=_mix_{seed}", [both, *map(_attached, originals)])


def _multipart(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """By hand, because an original must stay as it is, byte for byte."""
    eight = b"" if all(part.isascii() for part in parts) else b"Content-Transfer-Encoding: 8bit\r\n"
    mark = f"\r\n--{boundary}".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n'.encode() + eight
    return head + b"".join(mark + b"\r\n" + part for part in parts) + mark + b"--\r\n"


def _text(text: str, kind: str) -> bytes:
    part = MIMEText(text, kind, "utf-8")
    del part["Content-Transfer-Encoding"], part["MIME-Version"]
    part.set_payload(text, _UTF8)
    return part.as_bytes(policy=compat32.clone(linesep="\r\n"))


def _attached(original: bytes) -> bytes:
    """The mail itself; as a file in base64 where a server on the way might refuse its bytes, as one may have done."""
    kind, encoding, content = (
        (b"message/rfc822", b"7bit", original)
        if portable(original)
        else (b"application/octet-stream", b"base64", encodebytes(original).replace(b"\n", b"\r\n"))
    )
    return (
        b"Content-Type: " + kind + b"\r\nContent-Disposition: attachment; filename=\"mail.eml\"\r\n"
        b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + content
    )  # fmt: skip
