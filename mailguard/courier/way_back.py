"""What a mail carries on its way back to the provider it came from, so that neither judges it a second time."""

from dataclasses import replace
from datetime import datetime

from mailguard import stamp
from mailguard.courier.parcel import Body, Parcel
from mailguard.courier.settings import Hop
from mailguard.mail import headers
from mailguard.mail.headers import Prepend
from mailguard.mail.message import Message
from mailguard.stamp import BodyHash, Handed, Stamps


async def marked(parcel: Parcel, hop: Hop, stamps: Stamps, now: datetime) -> Parcel:
    """The parcel as this hop gets it: made anew for each transaction, so nothing of it is stored.

    A streamed body is read to its end.
    """
    fields = []
    if hop.stamp and stamps:
        message_id, recipients = Message(parcel.head).message_id, (one.address for one in parcel.recipients)
        about = Handed.of(message_id, await _digest(parcel.body), recipients)
        fields.append(Prepend(stamp.FIELD, stamps.make(parcel.queue_id, about, now)))
    if hop.return_secret is not None:
        fields.append(Prepend(stamp.RETURN, hop.return_secret.get_secret_value()))
    if not fields:
        return parcel
    head = headers.apply(parcel.head, fields)
    return replace(parcel, head=head, size=parcel.size + len(head) - len(parcel.head))


async def _digest(body: Body) -> bytes:
    made = BodyHash()
    if callable(body):
        async for chunk in body():
            made.update(chunk)
    else:
        made.update(body)
    return made.digest()
