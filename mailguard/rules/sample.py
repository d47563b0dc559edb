"""The mail of a rule test, as bytes and an envelope."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from itertools import takewhile
from pathlib import Path

from mailguard.errors import ConfigError
from mailguard.mail import address
from mailguard.mail.domains import Domains, registered
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.mail.sketch import sketch
from mailguard.mail.text import Text
from mailguard.records import Familiar, Heard, Known, Past, Reach, Thread, Waiting
from mailguard.rules.testfile import Attach, Case, Mail, MessageSpec, ThreadMail
from mailguard.rules.testfile import Past as Earlier

PARENT = "<parent@rule.test>"
_NULL = ("", "<>")


def build(case: Case, home: Path, at: datetime) -> tuple[bytes, Envelope, Identity]:
    """The message, its envelope and its sender. Raises ConfigError when a file it names cannot be read."""
    if case.message is None:
        return _from_file(_read(home / str(case.eml)))
    spec = case.message
    recipients = _addresses((*spec.to, *spec.cc, *spec.bcc))
    return _raw(spec, case, home, at), *_sent(_addresses([spec.from_]), recipients)


def known(case: Case, sender: str, at: datetime) -> Known:
    """What `given` says of this sender and these mails, as intake would have fetched it."""
    given = case.given
    bad = {address.domain(f"x@{name}"): f"the domain {name} takes no mail" for name in given.undeliverable}
    return Known(
        past=_past(case, sender, at),
        familiar=_familiar(case, sender),
        reach=Reach(bad),
        thread=_thread(given.thread, sender) if given.thread else None,
        heard=tuple(_heard(number, mail) for number, mail in enumerate(given.mails) if not mail.waits),
        waiting=tuple(_waiting(number, mail) for number, mail in enumerate(given.mails) if mail.waits),
    )


def _thread(mails: Sequence[ThreadMail], sender: str) -> Thread:
    members = frozenset(key for mail in mails for key in _keys((mail.from_, *mail.to, *mail.cc)))
    taken_off = frozenset(key for mail in mails for key in _keys(mail.dropped))
    own = takewhile(lambda mail: _keys([mail.from_]) == [sender], reversed(mails))
    unanswered = Counter(key for mail in own for key in _keys((*mail.to, *mail.cc)))
    circle, confidential = members - taken_off, any(mail.confidential for mail in mails)
    return Thread(circle, circle, confidential, taken_off, unanswered)


def _heard(number: int, mail: Mail) -> Heard:
    keys = frozenset(_keys((*mail.to, *mail.cc)))
    passages = frozenset(sketch(Text(mail.body)).new)
    return Heard(number, keys, keys, passages, len(passages))


def _waiting(number: int, mail: Mail) -> Waiting:
    own = sketch(Text(mail.body)).own
    return Waiting(f"EARLIER{number}", mail.subject, frozenset(_keys((*mail.to, *mail.cc))), own)


def _mine(case: Case, sender: str) -> list[Earlier]:
    return [mail for mail in case.given.history if mail.from_ is None or _keys([mail.from_]) == [sender]]


def _familiar(case: Case, sender: str) -> Familiar:
    mine, ours = Counter[str](), Counter[str]()
    for mail in case.given.history:
        ours.update({registered(address.domain(key)): mail.times for key in _keys((*mail.to, *mail.cc))})
    for mail in _mine(case, sender):
        mine.update(dict.fromkeys(_keys((*mail.to, *mail.cc)), mail.times))
    return Familiar(mine, Domains(ours))


def _past(case: Case, sender: str, at: datetime) -> Past:
    mine = _mine(case, sender)
    written: dict[str, int] = {}
    together: dict[str, set[str]] = {}
    for mail in mine:
        keys = _keys((*mail.to, *mail.cc))
        for key in keys:
            written[key] = written.get(key, 0) + mail.times
            together.setdefault(key, set()).update(set(keys) - {key})
    oldest = max((mail.days_ago for mail in mine), default=None)
    members = frozenset(key for mail in case.given.thread for key in _keys((mail.from_, *mail.to, *mail.cc)))
    return Past(
        mails=sum(mail.times for mail in mine), since=None if oldest is None else at - timedelta(days=oldest),
        written=written, together={key: frozenset(others) for key, others in together.items()},
        thread=members if case.given.thread else None,
    )  # fmt: skip


def sent_files(case: Case, reading: Reading) -> dict[bytes, frozenset[str]]:
    """What `given` says of this mail's files, as the store would."""
    before = {file.name: frozenset(map(str.casefold, file.to)) for file in case.given.files}
    digests = zip(reading.attachments, reading.digests, strict=True)
    return {digest: before[file.name] for file, digest in digests if digest and file.name in before}


def _sent(senders: list[str], recipients: Iterable[str]) -> tuple[Envelope, Identity]:
    sender = senders[0] if senders else ""
    identity = Identity(sender, Proof.LOGIN if sender else Proof.NETWORK, sender)
    unique = {address.key(recipient): recipient for recipient in reversed(list(recipients))}
    return Envelope(sender, tuple(Recipient(one) for one in reversed(unique.values()))), identity


def _from_file(raw: bytes) -> tuple[bytes, Envelope, Identity]:
    message = Message(raw)
    senders = [box.address for box in message.mailboxes("from")]
    return raw, *_sent(senders, [box.address for box in message.mailboxes("to", "cc", "bcc")])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _raw(spec: MessageSpec, case: Case, home: Path, at: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    fields: Mapping[str, object] = {
        "From": spec.from_ if spec.from_ not in _NULL else "MAILER-DAEMON@corp.example",
        "To": ", ".join(spec.to),
        "Cc": ", ".join(spec.cc),
        "Subject": spec.subject,
        "Date": format_datetime(at),
        "Message-ID": "<mail@rule.test>",
        "In-Reply-To": PARENT if case.given.thread else "",
        "References": PARENT if case.given.thread else "",
    }
    own = {name.casefold() for name in spec.headers}
    for name, value in fields.items():
        if value and name.casefold() not in own:
            message[name] = str(value)
    _content(message, spec, home)
    raw = message.as_bytes()
    extra = "".join(f"{name}: {_unfolded(str(value))}\r\n" for name, value in spec.headers.items())
    return extra.encode() + _replaced(raw, own)


def _content(message: EmailMessage, spec: MessageSpec, home: Path) -> None:
    if spec.html is None or spec.body is not None:
        message.set_content(spec.body or "")
        if spec.html is not None:
            message.add_alternative(spec.html, subtype="html")
    else:
        message.set_content(spec.html, subtype="html")
    for number, attach in enumerate(spec.attach):
        kind, subtype = attach.type.split("/")
        message.add_attachment(
            _bytes(attach, home), maintype=kind, subtype=subtype, filename=attach.name or f"file-{number}"
        )


def _bytes(attach: Attach, home: Path) -> bytes:
    if attach.file is not None:
        return _read(home / attach.file)
    return bytes(attach.size) if attach.size is not None else (attach.text or "").encode()


def _replaced(raw: bytes, names: set[str]) -> bytes:
    """The message without the header fields that the test writes itself (Content-Type, say)."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    kept = [one for one in fields if one.partition(b":")[0].decode().casefold() not in names]
    return b"\r\n".join(kept) + gap + body


def _unfolded(value: str) -> str:
    return " ".join(value.split("\n")).strip()


def _addresses(said: Iterable[str]) -> list[str]:
    return [found for _, found in getaddresses([one for one in said if one not in _NULL]) if found]


def _keys(said: Iterable[str]) -> list[str]:
    return [address.key(one) for one in _addresses(said)]
