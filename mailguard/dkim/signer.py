"""The signatures of a mail that leaves: which keys, which fields, and the field that says so (RFC 6376 §3.5, §5)."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mailguard.dkim.canon import relaxed
from mailguard.dkim.keys import Key
from mailguard.mail import address, fields
from mailguard.mail.message import Message

# Named once more than they are there, so that none can be added and be read in the place of ours (§5.4.2, §8.15)
_CLOSED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references", "mime-version",
    "content-type", "content-transfer-encoding",
)  # fmt: skip
# Named as often as they are there: lists and those who send a mail again add some (§5.4.1)
_OPEN = (
    "sender", "content-id", "content-description", "resent-date", "resent-from", "resent-sender", "resent-to",
    "resent-cc", "resent-message-id", "list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post",
    "list-subscribe", "list-post", "list-owner", "list-archive", "autocrypt", "disposition-notification-to",
)  # fmt: skip
_LINE = 72  # characters


class Signer:
    """The keys in use. Without any nothing is signed."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: dict[str, list[Key]] = {}
        for each in keys:
            self._keys.setdefault(each.domain, []).append(each)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def domain(self, name: str) -> str:
        """Whose keys sign for a domain: its own, else its nearest parent's (aligned, RFC 7489 §3.1.1); '' for none."""
        name = address.a_label(name)
        while name and name not in self._keys:
            name = name.partition(".")[2]
        return name

    def keys(self, head: bytes) -> Sequence[Key]:
        """Those of From's domain. None for a mail that says it is from nobody, or from several domains."""
        if not self._keys:
            return ()
        message = Message(head)
        domains = {self.domain(address.domain(box.address)) for box in message.mailboxes("from")}
        if len(domains) != 1 or len(message.raw_fields("from")) != 1:
            return ()
        return self._keys.get(domains.pop(), ())

    def sign(self, head: bytes, keys: Sequence[Key], body: bytes, now: datetime) -> bytes:
        """The head with a DKIM-Signature of each key on top. `body`: the body's digest in the relaxed form."""
        first, end = fields.first(head), fields.head(head)[0]
        names, covered = _covered(head, list(fields.fields(head, first, end)))
        made = b"".join(_signature(key, names, covered, body, now) for key in keys)
        return head[:first] + made + head[first:]


def _covered(head: bytes, found: list[fields.Field]) -> tuple[list[str], bytes]:
    """The names of h=, and the fields in that order; of several of one name the last comes first."""
    named: dict[str, list[fields.Field]] = {}
    for each in reversed(found):
        named.setdefault(each.name, []).append(each)
    names, said = [], []
    for name in (*_CLOSED, *_OPEN):
        several = named.get(name, [])
        names += [name] * (len(several) + (name in _CLOSED))
        said += [relaxed(head, each) for each in several]
    return names, b"".join(said)


def _signature(key: Key, names: list[str], covered: bytes, body: bytes, now: datetime) -> bytes:
    value = (
        f" v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n s={key.selector}; t={now.timestamp():.0f};"
        f"\r\n h={_folded(names)};\r\n bh={base64.b64encode(body).decode()};\r\n b="
    )
    line = f"DKIM-Signature:{value}".encode()
    (own,) = fields.fields(line, 0, len(line))
    made = base64.b64encode(key.sign(covered + relaxed(line, own).removesuffix(b"\r\n")))
    return line + b"\r\n ".join(_cut(made)) + b"\r\n"


def _folded(names: list[str]) -> str:
    lines = [""]
    for at, name in enumerate(names):
        word = name if at == len(names) - 1 else f"{name}:"
        if len(lines[-1]) + len(word) > _LINE:
            lines.append("")
        lines[-1] += word
    return "\r\n  ".join(lines)


def _cut(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _LINE] for at in range(0, len(data), _LINE))
