"""A stored mail's bytes on their way out: checked against their digest, and edited as the version says."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from mailguard.courier.parcel import Body
from mailguard.dkim.broken import Broken, broken
from mailguard.dkim.signer import Signer
from mailguard.errors import TemporaryFailure
from mailguard.locale import N_
from mailguard.mail import headers, splice
from mailguard.mail.message import LONG_HEAD
from mailguard.mail.splice import Splicer
from mailguard.records import Mail
from mailguard.store.base import Store
from mailguard.tasks import in_thread

WHOLE = 8 << 20  # bytes: up to this a mail is read into memory once; a larger one is read twice, in chunks


@dataclass(frozen=True, slots=True)
class Content:
    """A mail's bytes: all of them, or the first chunk of a mail too large for that."""

    raw: bytes | bytearray
    whole: bool


async def read(store: Store, mail: Mail) -> tuple[Content, bool]:
    """The stored bytes, and whether they match their digest."""
    seen, kept = hashlib.sha256(), bytearray()
    whole = mail.size <= WHOLE
    async for chunk in store.body(mail.queue_id):
        seen.update(chunk)
        if whole or not kept:
            kept += chunk
    return Content(kept, whole), seen.digest() == mail.digest


class Leaving(NamedTuple):
    """A mail as it leaves, but for a signature of ours; `removed` are those of our domains that the edits broke."""

    head: bytes
    body: Body
    size: int  # of both
    removed: Sequence[Broken]


async def leaving(store: Store, mail: Mail, content: Content, signer: Signer) -> Leaving:
    """Header and body with the mail's edits made."""
    cut = headers.split(content.raw)
    head = bytes(content.raw[:cut])
    edited = partial(_edited, head, mail, signer)
    head, removed = await in_thread(edited) if cut > LONG_HEAD else edited()
    body = _body(content.raw, mail, cut) if content.whole else _rest(store, mail, cut)
    return Leaving(head, body, mail.size - cut + len(head) + splice.growth(mail.edits), removed)


def _edited(received: bytes, mail: Mail, signer: Signer) -> tuple[bytes, Sequence[Broken]]:
    head = headers.apply(received, mail.edits)
    gone = broken(received, head, signer, other_body=any(_splices(mail)))
    return headers.without(head, [each.field for each in gone]), gone


def _splices(mail: Mail) -> Iterator[bool]:
    return (isinstance(edit, headers.Splice) for edit in mail.edits)


def _body(raw: bytes | bytearray, mail: Mail, cut: int) -> bytes | memoryview:
    rest = memoryview(raw)[cut:]
    if not any(_splices(mail)):
        return rest
    splicer = Splicer(mail.edits, cut)
    return b"".join([*splicer.feed(rest), splicer.end()])


def _rest(store: Store, mail: Mail, skip: int) -> Callable[[], AsyncIterator[bytes]]:
    """A large mail's bytes after its header; called again for every attempt at another host.

    TemporaryFailure when some are missing, before the final dot: half a mail is none.
    """

    async def chunks() -> AsyncIterator[bytes]:
        seen, splicer = 0, Splicer(mail.edits, skip)
        async for chunk in store.body(mail.queue_id):
            for piece in splicer.feed(chunk[max(0, skip - seen) :]):
                yield bytes(piece)
            seen += len(chunk)
        if seen != mail.size:
            raise TemporaryFailure(N_("the stored message could not be read to its end"), code=451, enhanced="4.3.0")
        yield splicer.end()

    return chunks
