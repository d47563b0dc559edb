"""Who writes to whom: what was seen, and how unexpected a recipient is.

The first version of `unexpected`. An address stands out when

* the sender has never written to it together with any of the other recipients, and those others belong together:
  there is one other, written to before; or two of them were in one mail before; or they share a domain it is not
  of, and one of them was written to before. Without that, a mail is a new group, in which nobody is the odd one
  out, and a rule that cried wolf at every kick-off would soon be switched off; or
* the mail goes on with a thread (another recipient is on it) that did not have this address. A mail whose
  recipients are all new to the thread is a forward: passing something on is not a slip.

A mail with a single recipient has nobody to stand out from. Being on the thread does not excuse an address: the
colleague's mail that one outsider saw is exactly the one whose reply to all goes astray. What was sent once is
learnt, so the same mail does not stand out twice.

Nothing is said of a sender who is still being learnt: too few mails, or too few days since the first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from mailguard.history.settings import HistorySettings, Learn
from mailguard.mail.address import domain
from mailguard.records import Past
from mailguard.records.past import COUNTED

__all__ = ["HistorySettings", "Learn", "first_contact", "unexpected"]


def unexpected(past: Past, recipients: Sequence[str], learn: Learn, now: datetime) -> Mapping[str, str] | None:
    """The recipients (keys) that stand out, each with a sentence why; None while the sender is being learnt.

    `recipients` are all of the mail's, Bcc too, without the sender's own address (a copy to oneself says nothing).
    """
    if not _learnt(past, learn, now):
        return None
    everyone = frozenset(recipients)
    circle = {key: (past.together.get(key, frozenset()) & everyone) - {key} for key in everyone}
    group = any(circle.values())
    found: dict[str, str] = {}
    for key in recipients:
        others = everyone - {key}
        if not circle[key] and _belong(past, key, others, group=group):
            found[key] = _never_together(past, key, others)
        elif past.thread is not None and key not in past.thread and others & past.thread:
            found[key] = f"{key} was not on this thread"
    return found


def first_contact(past: Past, recipients: Sequence[str], learn: Learn, now: datetime) -> Mapping[str, str] | None:
    """The recipients (keys) the sender has never written to; None while the sender is being learnt."""
    if not _learnt(past, learn, now):
        return None
    return {key: f"You have never written to {key} before" for key in recipients if not past.written.get(key)}


def _learnt(past: Past, learn: Learn, now: datetime) -> bool:
    if past.mails < learn.mails:
        return False
    return learn.days == 0 or (past.since is not None and now - past.since >= timedelta(days=learn.days))


def _belong(past: Past, key: str, others: frozenset[str], *, group: bool) -> bool:
    """Whether the others are a group one can stand out from; `group`: two of this mail's people were in one mail.

    When `key` was never with any of them, those two are both among the others.
    """
    if not any(past.written.get(other) for other in others):
        return False
    domains = {domain(other) for other in others}
    return len(others) == 1 or group or (len(domains) == 1 and domain(key) not in domains)


def _never_together(past: Past, key: str, others: frozenset[str]) -> str:
    known = max(sorted(others), key=lambda other: past.written.get(other, 0))
    rest = " or any of the others" if len(others) > 1 else ""
    alone = past.written.get(key, 0)
    if alone:
        return f"You have written {_mails(alone)} to {key}, but never one together with {known}{rest}"
    rest = " or the others" if len(others) > 1 else ""
    return f"You have written {_mails(past.written[known])} to {known}, but never one together with {key}{rest}"


def _mails(count: int) -> str:
    if count >= COUNTED:
        return f"{COUNTED} mails or more"
    return "1 mail" if count == 1 else f"{count} mails"
