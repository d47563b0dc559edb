"""First aid for a mail that has left: who has it, what the other side said, and two drafts, to be sent by a person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailguard.locale import N_, When
from mailguard.mail import address
from mailguard.records import Event, Mail

_SENT, _AMBIGUOUS = "delivery.sent", "delivery.ambiguous"
_WITHIN = frozenset({"message.held", "message.stopped", "message.sent_now", "hold.released", "hold.approved"})

REQUEST = N_(
    "Hello,\n\na mail from {sender} reached you {at} that was not meant for you. Its Message-ID is {message_id}.\n\n"
    "Please delete it with its attachments and every copy of it, do not pass it on, and answer this mail when that is "
    "done. If it was opened or passed on already, please tell us.\n\nThank you, and we are sorry for the trouble."
)
"""To whoever should not have it. The mail's subject stays out: whoever reads this may not be the one who opened it."""

REPORT = N_(
    "Hello,\n\na mail from {sender} with the subject “{subject}” went to the wrong recipient.\n\nWho has it:\n{who}\n\n"
    "What happened:\n{timeline}\n\nRules that matched: {rules}\n\n"
    "The recipients were asked to delete it: [yes / no, when]\nWhat was in it, and whom it concerns: [to be filled in]"
)
"""To the sender's manager."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A recipient whose mail server took it, or may have (`sure` is False)."""

    address: str
    at: datetime
    remote: str
    reply: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Aid:
    """What a person needs who must act on it now."""

    holders: tuple[Holder, ...]
    timeline: tuple[Event, ...]  # what was decided, by whom, and every attempt
    request: str
    report: str


def aid(mail: Mail, events: Sequence[Event], when: When, *, only: Collection[str] = ()) -> Aid | None:
    """For these recipients, or for all outside (if nobody there has it, for all). None: nobody has it."""
    holders = _holders(events)
    wanted = {address.key(one) for one in only} or {address.key(d.address) for d in mail.deliveries if d.external}
    wrong = tuple(h for h in holders if address.key(h.address) in wanted) or (() if only else holders)
    if not wrong:
        return None
    timeline = tuple(event for event in events if event.kind in _WITHIN or event.kind.startswith("delivery."))
    say = when.language.say
    request = say(
        REQUEST, sender=mail.identity.address, at=when.at(wrong[0].at), message_id=mail.message_id or mail.queue_id
    )
    report = say(
        REPORT,
        sender=mail.identity.address,
        subject=mail.subject,
        who="\n".join(f"- {_who(holder, when)}" for holder in wrong),
        timeline="\n".join(f"- {when.short(e.at, seconds=True)} {e.kind} {e.actor}" for e in timeline),
        rules=", ".join(dict.fromkeys(hit.rule for hit in mail.hits)) or "–",
    )
    return Aid(wrong, timeline, request, report)


def _holders(events: Sequence[Event]) -> tuple[Holder, ...]:
    """The last word of each: an attempt that broke off after its last dot may have been one that arrived."""
    found: dict[str, Holder] = {}
    for event in events:
        if event.kind in (_SENT, _AMBIGUOUS):
            said = event.data
            reply = " ".join(filter(None, (said.get("smtp_code"), said.get("enhanced_code"), said.get("reply"))))
            who = said.get("address", "")
            found[who] = Holder(who, event.at, said.get("remote", ""), reply, event.kind == _SENT)
    return tuple(found.values())


def _who(holder: Holder, when: When) -> str:
    say, at = when.language.say, when.at(holder.at, seconds=True)
    if holder.sure:
        return say("{address}: taken {at}; {remote} said: {reply}", address=holder.address, at=at,
                   remote=holder.remote or "–", reply=holder.reply or "–")  # fmt: skip
    return say("{address}: perhaps taken {at}: the connection broke off", address=holder.address, at=at)
