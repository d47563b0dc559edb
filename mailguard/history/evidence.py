"""One sentence why a recipient surprises, made of what the sender's mail really says."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mailguard.history.ledger import DAY
from mailguard.history.names import alike, greeted
from mailguard.history.signs import Signs

_NAMED = 3  # of the others
_WEEK = 6 * DAY
_RARELY = 90 * DAY


def evidence(signs: Signs, key: str) -> tuple[str, str]:
    """(the sentence, the address that was probably meant or '')."""
    meant = _meant(signs, key)
    reasons = [_company(signs, key), _said(signs, key)]
    sentence = "; ".join(reason for reason in reasons if reason)
    if meant and (times := _times(signs, meant)):
        usually = f"you usually write to {meant}" if alike(key, meant) else f"mails like this go to {meant}"
        sentence += f"; {usually} ({times})"
    return sentence, meant


def _meant(signs: Signs, key: str) -> str:
    """Whoever was more to be expected in this mail, when there is somebody, and is not among its recipients."""
    meant = signs.meant.get(key, "")
    return meant if meant and signs.expected(meant) > signs.expected(key) else ""


def _company(signs: Signs, key: str) -> str:
    others = [other for other in signs.mail.recipients if other != key]
    tally = signs.ledger.tallies.get(key)
    if tally is None:
        here = signs.background.get(key)
        known = f", though others here have ({_mails(here.mails)})" if here and here.mails else ""
        return f"You have never written to {key} before{known}"
    if others and not signs.company[key].beside:
        return f"You have never written to {key} together with {_several(others)}"
    if signs.mail.at - tally.last > _RARELY:
        return f"You last wrote to {key} {_when(tally.last, signs.mail.at)}"
    return f"You wrote {_mails(tally.mails)} to {key}, last {_when(tally.last, signs.mail.at)}, but none like this one"


def _said(signs: Signs, key: str) -> str:
    said = signs.mail.said
    # what begins a mail may be no name: only one that was used before, or that is somebody's, is worth saying
    known = signs.topics.greetings or greeted(signs.meant.get(key, ""), said.greeting)
    anybody = any(greeted(one, said.greeting) or signs.topics.greeted[one] for one in signs.mail.recipients)
    if said.greeting and known and not anybody:
        return f"the text greets {said.greeting.capitalize()}"
    if said.reply and said.quotes and said.author and not signs.quoted(key):
        return "the mail that you answer does not name them"
    return ""


def _times(signs: Signs, key: str) -> str:
    tally = signs.ledger.tallies.get(key)
    return f"{tally.mails} times, last {_when(tally.last, signs.mail.at)}" if tally and tally.mails > 1 else ""


def _mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count} mails"


def _when(at: float, now: float) -> str:
    then = datetime.fromtimestamp(at, UTC)
    return f"on {then:%A}" if 0 <= now - at < _WEEK else f"on {then:%d %B %Y}".replace(" 0", " ")


def _several(others: Sequence[str]) -> str:
    shown = list(others[:_NAMED])
    if len(others) > _NAMED:
        shown.append(f"{len(others) - _NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
