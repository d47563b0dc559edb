"""A parcel signed as it leaves: the last thing that is done to a mail before it is on the wire."""

from dataclasses import replace
from datetime import datetime

from mailguard.courier.content import PIECE, body_pieces
from mailguard.courier.parcel import Parcel
from mailguard.dkim.canon import BodyHash
from mailguard.dkim.signer import Signer
from mailguard.mail.message import LONG_HEAD
from mailguard.tasks import in_thread


async def signed(parcel: Parcel, signer: Signer, now: datetime) -> Parcel:
    """With a signature from each key of its From's domain. A streamed body is read once for it.

    TemporaryFailure when that can't be read.
    """
    long = len(parcel.head) > LONG_HEAD
    keys = await in_thread(signer.keys, parcel.head) if long else signer.keys(parcel.head)
    if not keys:
        return parcel
    seen = BodyHash()
    if callable(parcel.body) or parcel.octets <= PIECE:
        async for piece in body_pieces(parcel):
            seen.update(piece)
    else:
        await in_thread(_hash, seen, parcel.body)
    digest = seen.digest()
    head = await in_thread(signer.sign, parcel.head, keys, digest, now) if long else signer.sign(
        parcel.head, keys, digest, now
    )  # fmt: skip
    return replace(parcel, head=head, size=parcel.size + len(head) - len(parcel.head))


def _hash(seen: BodyHash, body: bytes | memoryview) -> None:
    for at in range(0, len(body), PIECE):
        seen.update(bytes(body[at : at + PIECE]))
