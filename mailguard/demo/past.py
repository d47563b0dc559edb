"""Half a year of Ann's mail, as `mailguard history import` would have learnt it: who belongs together."""

from datetime import datetime, timedelta

from mailguard.demo.cast import ANN, BOSS, KIM, LEE, PAT, SAM, WARD
from mailguard.history.doubt import doubts
from mailguard.history.firm import Firm
from mailguard.history.said import said
from mailguard.history.signs import Outgoing
from mailguard.history.trees import shipped
from mailguard.records import PastMail

_WEEKS = 26
_TEAM = "Lee, Pat,\n\nthe numbers of the week, as agreed. The plan and the posts stay as they are.\n"
_USUAL = (  # of a week: day, to, cc, subject, text
    (0, (LEE, PAT), (BOSS,), "Planning, week {}", _TEAM),
    (1, (KIM,), (LEE,), "Minutes, week {}", "Dear Kim,\n\nminutes as agreed.\n"),
    (2, (WARD,), (), "Invoice {}", "Dear Ms Ward,\n\nthe invoice for this week.\n"),
    (3, (LEE,), (), "Lunch", "Lee,\n\nlunch at noon?\n"),
    (3, (LEE, PAT, BOSS), (), "Re: Plan, week {}", "Fine with me.\n"),
    (4, (SAM,), (), "Dates {}", "Dear Sam,\n\nwhich dates suit you?\n"),
)


def past(now: datetime) -> list[PastMail]:
    firm, found = Firm(lambda key: key.endswith("@corp.example")), list[PastMail]()
    for week in range(_WEEKS):
        for number, (day, to, cc, subject, text) in enumerate(_USUAL):
            at = now - timedelta(weeks=_WEEKS - week) + timedelta(days=day, hours=number)
            mail = Outgoing(ANN, at.timestamp(), to, cc, (), said(subject.format(week), text, ""))
            judged = doubts(firm.ledger(ANN), firm.background(mail.recipients), mail, shipped(), 0.0) or {}
            one = mail.remembered({key: doubt.score for key, doubt in judged.items()})
            firm.learn(one)
            found.append(PastMail(one, digest=f"{week}-{number}".encode()))
    return found
