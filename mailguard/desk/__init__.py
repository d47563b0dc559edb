"""What a person may do to a waiting mail, with the check that they may."""

from mailguard.desk.desk import LOGIN_LASTS, Desk
from mailguard.desk.errors import CodeNeeded, CodeWrong, NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.desk.operator import Operator

__all__ = ["LOGIN_LASTS", "CodeNeeded", "CodeWrong", "Desk", "NotAllowed", "NotConfirmed", "Operator", "View"]
