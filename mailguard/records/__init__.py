"""What travels between rooms: plain frozen records, no behaviour beyond what can be read off them.

Addresses are strings as the client wrote them; they are compared by `mail.address.key`. Instants are aware UTC.
"""

from mailguard.records.curb import Curb
from mailguard.records.mail import (
    Accepted,
    AttachmentInfo,
    Claim,
    Delivery,
    Kind,
    Mail,
    NewMail,
    NoticeClaim,
    Outcome,
    Receipt,
    Reply,
    Result,
    Spool,
    State,
)
from mailguard.records.past import Past
from mailguard.records.people import Actor, Capability, Decision, Ending, Event, NewNotice, Notice, NoticeKind, Power
from mailguard.records.verdict import (
    Action,
    AddedCopy,
    Hit,
    Hold,
    HoldKind,
    Match,
    Mode,
    OnExpiry,
    Requires,
    Shorten,
    Verdict,
    Wait,
)

__all__ = [
    "Accepted",
    "Action",
    "Actor",
    "AddedCopy",
    "AttachmentInfo",
    "Capability",
    "Claim",
    "Curb",
    "Decision",
    "Delivery",
    "Ending",
    "Event",
    "Hit",
    "Hold",
    "HoldKind",
    "Kind",
    "Mail",
    "Match",
    "Mode",
    "NewMail",
    "NewNotice",
    "Notice",
    "NoticeClaim",
    "NoticeKind",
    "OnExpiry",
    "Outcome",
    "Past",
    "Power",
    "Receipt",
    "Reply",
    "Requires",
    "Result",
    "Shorten",
    "Spool",
    "State",
    "Verdict",
    "Wait",
]
