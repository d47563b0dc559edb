"""A message as bytes that are never changed, and a lazy view of what they say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from mailguard.mail import charset, fields, mailboxes, mime, transfer
from mailguard.mail.mime import Part

__all__ = ["LONG_HEAD", "Mailbox", "Message", "Part"]

LONG_HEAD = 16 * 1024  # octets of header that are read within some tens of milliseconds, however they are written

_ID = re.compile(r"<[^<>\s\x00-\x1f\x7f-\x9f]{1,990}>")
_REFERENCES = 1000


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One entry of an address field; `address` as it is written there, perhaps without a domain."""

    name: str
    address: str


class Message:
    """A read-only view; no more is parsed than is asked for, and the body is never copied."""

    def __init__(self, raw: bytes | bytearray | memoryview) -> None:
        self.raw: bytes | bytearray = _buffer(raw)
        self._end, self.head_size = fields.head(self.raw)
        self._read: dict[str, list[Mailbox]] = {}

    def get(self, name: str) -> str | None:
        """The first field of this name: unfolded, RFC 2047 decoded, on one line; None when there is none."""
        return next((self._text(found) for found in self._named(name)), None)

    def all(self, name: str) -> list[str]:
        """Every field of this name, as `get`."""
        return [self._text(found) for found in self._named(name)]

    def raw_fields(self, name: str) -> list[bytes]:
        """What is behind the colon of every field of this name, as it was sent, folds and all."""
        return [self._value(found) for found in self._named(name)]

    def mailboxes(self, *names: str) -> tuple[Mailbox, ...]:
        """Every mailbox in these fields, of every field where one is repeated, groups opened."""
        return tuple(chain.from_iterable(map(self._boxes, names)))

    @cached_property
    def subject(self) -> str:
        """Of several Subject fields all: who shows the second must not be told what only the first says."""
        return " ".join(self.all("subject"))

    @property
    def torn(self) -> frozenset[str]:
        """Names of fields behind a line that is none and so ended the header: some readers will see those."""
        return fields.torn(self.raw, self._end)

    @property
    def names(self) -> frozenset[str]:
        """The names of its header's fields, in lower case."""
        return frozenset(self._fields)

    @property
    def field_count(self) -> int:
        """How many fields the header has; known before any of them is read."""
        return fields.count(self.raw, self._end)

    @cached_property
    def message_id(self) -> str:
        """With its angle brackets, which are added where a mailer forgot them; '' when there is none."""
        given = self.get("message-id") or ""
        found = _ID.search(given)
        words = given.split()
        return found[0] if found else f"<{words[0].strip('<>')}>" if words else ""

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The <ids> of In-Reply-To and References, each once."""
        said = (fields.unfolded(data) for name in ("in-reply-to", "references") for data in self.raw_fields(name))
        return tuple(dict.fromkeys(found for text in said for found in _ID.findall(text)))[:_REFERENCES]

    @cached_property
    def parent(self) -> str:
        """The <id> it answers: In-Reply-To's, else the last of References; '' when it names none."""
        for name, place in (("in-reply-to", 0), ("references", -1)):
            said = [found[0] for data in self.raw_fields(name) for found in _ID.finditer(fields.unfolded(data))]
            if said:
                return said[place]
        return ""

    def parts(self) -> Iterator[Part]:
        """The leaves of the MIME tree and attached messages, in order; CannotTell when there are too many."""
        return iter(self._parts)

    def decode(self, part: Part, limit: int = 1 << 20) -> bytes:
        """The part's content without its transfer encoding, at most `limit` bytes."""
        return transfer.decode(self.raw, part.start, part.end, part.encoding, limit)

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        return tuple(mime.walk(self.raw, self._fields, self._end, self.head_size))

    @cached_property
    def _fields(self) -> dict[str, list[fields.Field]]:
        found: dict[str, list[fields.Field]] = {}
        for each in fields.fields(self.raw, fields.first(self.raw), self._end):
            found.setdefault(each.name, []).append(each)
        return found

    def _boxes(self, name: str) -> list[Mailbox]:
        """Of one field, which several ask for: who may send it, who gets it, which rule it is for."""
        if name not in self._read:
            self._read[name] = [
                Mailbox(mailboxes.display(place.name), charset.clean(place.address))
                for data in self.raw_fields(name)
                for place in mailboxes.places(charset.decode(data))
            ]
        return self._read[name]

    def _named(self, name: str) -> list[fields.Field]:
        return self._fields.get(name.lower(), [])

    def _value(self, found: fields.Field) -> bytes:
        return bytes(self.raw[found.value : found.end])

    def _text(self, found: fields.Field) -> str:
        return fields.text(bytes(self.raw[found.value : min(found.end, found.value + fields.DECODED)]))


def _buffer(raw: bytes | bytearray | memoryview) -> bytes | bytearray:
    """What has `find`; a view of a whole buffer gives the buffer itself."""
    if not isinstance(raw, memoryview):
        return raw
    whole = raw.obj
    if isinstance(whole, bytes | bytearray) and raw.contiguous and raw.nbytes == len(whole):
        return whole
    return bytes(raw)
