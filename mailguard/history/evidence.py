"""One sentence why a recipient surprises, made of what the sender's mail really says."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mailguard.history.ledger import DAY
from mailguard.history.names import alike, greeted
from mailguard.history.signs import Signs
from mailguard.locale import N_
from mailguard.locale.sayings import counted, joined, saying

_NAMED = 3  # of the others
_WEEK = 6 * DAY
_RARELY = 90 * DAY
_ON = (
    N_("on Monday"), N_("on Tuesday"), N_("on Wednesday"), N_("on Thursday"), N_("on Friday"), N_("on Saturday"),
    N_("on Sunday"),
)  # fmt: skip


def evidence(signs: Signs, key: str) -> tuple[str, str]:
    """(the sentence, the address that was probably meant or '')."""
    meant = _meant(signs, key)
    reasons = _company(signs, key), _said(signs, key), _instead(signs, key, meant)
    return joined("; ", filter(None, reasons)), meant


def _meant(signs: Signs, key: str) -> str:
    """Whoever was more to be expected in this mail, when there is somebody, and is not among its recipients."""
    meant = signs.meant.get(key, "")
    return meant if meant and signs.expected(meant) > signs.expected(key) else ""


def _company(signs: Signs, key: str) -> str:
    others = [other for other in signs.mail.recipients if other != key]
    tally = signs.ledger.tallies.get(key)
    if tally is None:
        return _never(signs, key)
    if others and not signs.company[key].beside:
        form = N_("You have never written to {address} together with {others}")
        return saying(form, address=key, others=_several(others))
    if signs.mail.at - tally.last > _RARELY:
        form = N_("You have not written to {address} since {date}")
        return saying(form, address=key, date=_date(tally.last))
    return counted(
        "You wrote {number} mail to {address}, {day}, but this one is not like it",
        "You wrote {number} mails to {address}, the last one {day}, but this one is not like them",
        tally.mails, address=key, day=_when(tally.last, signs.mail.at),
    )  # fmt: skip


def _never(signs: Signs, key: str) -> str:
    here = signs.background.get(key)
    if here is None or not here.mails:
        return saying("You have never written to {address} before", address=key)
    return counted(
        "You have never written to {address} before, though others here have ({number} mail)",
        "You have never written to {address} before, though others here have ({number} mails)",
        here.mails, address=key,
    )  # fmt: skip


def _said(signs: Signs, key: str) -> str:
    said = signs.mail.said
    # what begins a mail may be no name: only one that was used before, or that is somebody's, is worth saying
    known = signs.topics.greetings or greeted(signs.meant.get(key, ""), said.greeting)
    anybody = any(greeted(one, said.greeting) or signs.topics.greeted[one] for one in signs.mail.recipients)
    if said.greeting and known and not anybody:
        return saying("the text greets {name}", name=said.greeting.capitalize())
    if said.reply and said.quotes and said.author and not signs.quoted(key):
        return saying("this address is not named in the mail that you answer")
    return ""


def _instead(signs: Signs, key: str, meant: str) -> str:
    tally = signs.ledger.tallies.get(meant)
    if tally is None or tally.mails < 2:  # noqa: PLR2004 - once is no habit
        return ""
    similar = N_("you may have meant {address}, a similar name: {number} mails from you, the last one {day}")
    usual = N_("mails like this rather go to {address}: {number} mails from you, the last one {day}")
    day = _when(tally.last, signs.mail.at)
    return saying(similar if alike(key, meant) else usual, address=meant, number=tally.mails, day=day)


def _when(at: float, now: float) -> str:
    if 0 <= now - at < _WEEK:
        return saying(_ON[datetime.fromtimestamp(at, UTC).weekday()])
    return saying("on {date}", date=_date(at))


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _several(others: Sequence[str]) -> str:
    shown = list(others[:_NAMED])
    if len(others) > _NAMED:
        shown.append(counted("{number} more", "{number} more", len(others) - _NAMED))
    return shown[0] if len(shown) == 1 else saying("{one} and {other}", one=joined(", ", shown[:-1]), other=shown[-1])
