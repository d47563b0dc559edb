"""What a list of mails says of each."""

from dataclasses import dataclass

from mailguard.locale import N_
from mailguard.mail import address
from mailguard.notices.fate import fate
from mailguard.notices.words import clean
from mailguard.records import Delivery, Kind, Mail, Mode, State
from mailguard.web.show import Teller, tone

_SHOWN = 2
STATES = {
    "waiting": N_("waits (held or leaves by itself)"),
    State.HELD: N_("held"),
    State.QUEUED: N_("leaves by itself"),
    State.SENDING: N_("leaving now"),
    State.SENT: N_("sent"),
    State.FAILED: N_("not delivered"),
    State.CANCELLED: N_("cancelled"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One mail of a list."""

    number: str
    at: str
    ago: str
    sender: str
    recipients: tuple[str, ...]
    more: str
    subject: str
    fact: str
    tone: str
    rules: tuple[str, ...]
    flags: tuple[tuple[str, str], ...]  # address, why
    report: bool  # made by us, about a delivery


def row(teller: Teller, mail: Mail, recipient: str = "") -> Row:
    """`recipient`: only this one of them is meant."""
    now = fate(mail)
    copies = [d for d in mail.deliveries if not recipient or address.key(d.address) == address.key(recipient)]
    shown = sorted(copies, key=lambda d: (d.state is State.CANCELLED, not d.flagged))
    more = len(shown) - _SHOWN
    return Row(
        mail.queue_id,
        teller.when.short(mail.received_at),
        teller.when.relative(mail.received_at),
        clean(mail.identity.address or mail.envelope.sender or "<>", 100),
        tuple(clean(d.address, 100) for d in shown[:_SHOWN]),
        teller.language.ngettext("{number} more", "{number} more", more) if more > 0 else "",
        clean(mail.subject, 200) or teller.say("(no subject)"),
        teller.headline(now, len(mail.deliveries)),
        tone(now),
        tuple(dict.fromkeys(clean(hit.rule, 100) for hit in mail.hits if hit.mode is Mode.ENFORCE)),
        tuple((clean(d.address), teller.told(d.flagged)) for d in copies if d.flagged and d.state.waiting),
        mail.kind is Kind.DSN,
    )


def waiting(mail: Mail) -> tuple[Delivery, ...]:
    return tuple(d for d in mail.deliveries if d.state.waiting)
