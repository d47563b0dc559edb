"""Who writes to whom: what was seen, and how unexpected a recipient is.

Of a sender who is known well enough, the model decides: `doubt.doubts`, which weighs the `signs` of every recipient
and keeps to a `budget` of alarms. Where it cannot tell, and in tests of rules, an address stands out when

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
from mailguard.locale import N_
from mailguard.locale.sayings import counted, saying
from mailguard.mail.address import domain
from mailguard.records import Past
from mailguard.records.past import COUNTED

__all__ = ["HistorySettings", "Learn", "first_contact", "unexpected"]


def unexpected(past: Past, recipients: Sequence[str], learn: Learn, now: datetime) -> Mapping[str, str] | None:
    """The recipients (keys) that stand out, each with a sentence why; None while the sender is being learnt.

    `recipients` are all of the mail's, Bcc too, without the sender's own address (a copy to oneself says nothing).
    """
    if past.odd is not None:
        return past.odd
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
            found[key] = saying("{address} was not on this thread", address=key)
    return found


def first_contact(past: Past, recipients: Sequence[str], learn: Learn, now: datetime) -> Mapping[str, str] | None:
    """The recipients (keys) the sender has never written to; None while the sender is being learnt."""
    if not _learnt(past, learn, now):
        return None
    return {
        key: saying("You have never written to {address} before", address=key)
        for key in recipients
        if not past.written.get(key)
    }


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
    alone = past.written.get(key, 0)
    if alone:
        rest = saying("{address} or any of the others", address=known) if len(others) > 1 else known
        return _said(alone, key, rest)
    rest = saying("{address} or the others", address=key) if len(others) > 1 else key
    return _said(past.written[known], known, rest)


def _said(count: int, written: str, other: str) -> str:
    if count >= COUNTED:
        form = N_("You have written {most} mails or more to {address}, but never one together with {other}")
        return saying(form, most=COUNTED, address=written, other=other)
    return counted(
        "You have written {number} mail to {address}, but never one together with {other}",
        "You have written {number} mails to {address}, but never one together with {other}",
        count, address=written, other=other,
    )  # fmt: skip
