"""What a person may do to a waiting mail, with the check that they may."""

from mailguard.desk.approvals import Asked
from mailguard.desk.by_mail import ByMail, Unmet
from mailguard.desk.desk import LONGER, Desk
from mailguard.desk.enrolment import Enrolment, Pending
from mailguard.desk.errors import CodeNeeded, CodeWrong, NotAllowed, NotConfirmed, Refusal
from mailguard.desk.factor import Factors
from mailguard.desk.look import Remark, View, pulse
from mailguard.desk.operator import Operator
from mailguard.desk.passwords import Passwords
from mailguard.desk.programs import Caller, Programs
from mailguard.desk.said import SAID_LIMIT
from mailguard.desk.staff import Staff

__all__ = [
    "LONGER",
    "SAID_LIMIT",
    "Asked",
    "ByMail",
    "Caller",
    "CodeNeeded",
    "CodeWrong",
    "Desk",
    "Enrolment",
    "Factors",
    "NotAllowed",
    "NotConfirmed",
    "Operator",
    "Passwords",
    "Pending",
    "Programs",
    "Refusal",
    "Remark",
    "Staff",
    "Unmet",
    "View",
    "pulse",
]
