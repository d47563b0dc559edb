"""One mail with everything that is known about it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailguard.locale import N_
from mailguard.mail.envelope import Proof
from mailguard.notices.fate import fate
from mailguard.notices.words import clean
from mailguard.records import Action, Event, Hold, Mail, Mode, OnExpiry
from mailguard.web.changes import changed
from mailguard.web.show import Teller, tone

MODES = {Mode.ENFORCE: N_("acts"), Mode.AUDIT: N_("only recorded"), Mode.OFF: N_("off")}
ACTIONS = {
    Action.PASS: N_("lets it go"),
    Action.DELAY: N_("delays"),
    Action.HOLD: N_("holds"),
    Action.REJECT: N_("rejects"),
}
_ENDS = {OnExpiry.RETURN: N_("goes back"), OnExpiry.DISCARD: N_("is cancelled"), OnExpiry.SEND: N_("is sent")}

_PROOFS = {
    Proof.LOGIN: N_("the login {login}"),
    Proof.NETWORK: N_("its network"),
    Proof.CONNECTOR: N_("the connector"),
    Proof.INTERNAL: N_("mailguard itself"),
}
_VEIL = "•••"


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's fate."""

    address: str
    fact: str
    notes: tuple[str, ...]
    flag: str
    reply: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history; `data` as (name, value)."""

    at: str
    ago: str
    kind: str
    actor: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """The page."""

    headline: str
    tone: str
    number: str
    subject: str
    facts: tuple[tuple[str, str], ...]
    copies: tuple[Copy, ...]
    holds: tuple[tuple[str, str, str], ...]  # rule, why, what it waits for or how it ended
    hits: tuple[tuple[str, str, str, str], ...]  # rule, mode, action, reason
    changes: tuple[str, ...]
    files: tuple[tuple[str, str, str], ...]
    steps: tuple[Step, ...]
    readable: bool
    waits: bool


def detail(teller: Teller, mail: Mail, events: Iterable[Event], *, reads: bool) -> Detail:
    """Who may not read what mails say (`reads`) is not told the words that a rule matched either."""
    now, say = fate(mail), teller.say
    words = () if reads else {word for hit in mail.hits for _, word in hit.evidence if word}
    secret = (
        re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE) if words else None
    )

    said = [*(hit.reason for hit in mail.hits), *(hold.reason for hold in mail.holds)]
    reasons = {str(reason): reason for reason in said}

    def plain(text: str, limit: int = 1000) -> str:
        told = teller.language.tell(reasons.get(text, text))
        return clean(secret.sub(_VEIL, told) if secret else told, limit)

    return Detail(
        teller.headline(now, len(mail.deliveries)),
        tone(now),
        mail.queue_id,
        clean(mail.subject) or say("(no subject)"),
        tuple(_facts(teller, mail)),
        tuple(_copies(teller, mail, plain)),
        tuple((clean(hold.rule, 100), plain(hold.reason), _hold(teller, hold)) for hold in mail.holds),
        tuple(
            (clean(hit.rule, 100), say(MODES[hit.mode]), say(ACTIONS[hit.action]), plain(hit.reason))
            for hit in sorted(mail.hits, key=lambda hit: (hit.mode is not Mode.ENFORCE, -hit.action))
        ),
        tuple(changed(mail.edits, say)),
        tuple((clean(f.name, 200), clean(f.content_type, 100), teller.language.size(f.size)) for f in mail.attachments),
        tuple(_step(teller, event, plain) for event in events),
        not mail.purged,
        now.waits,
    )


def _facts(teller: Teller, mail: Mail) -> Iterable[tuple[str, str]]:
    say, who = teller.say, mail.identity
    yield say("From"), clean(who.address or "<>")
    yield say("Proven by"), say(_PROOFS[who.proof], login=clean(who.login or "–"))
    if mail.envelope.sender != who.address:
        yield say("Return path"), clean(mail.envelope.sender or "<>")
    if mail.answers and mail.answers != who.address:
        yield say("Answers for it"), clean(mail.answers)
    yield (
        say("Handed in"),
        f"{teller.when.at(mail.received_at, seconds=True)} ({teller.when.relative(mail.received_at)})",
    )
    yield say("Size"), teller.language.size(mail.size)
    yield say("Message-ID"), clean(mail.message_id) or "–"
    yield say("Decided by rules"), clean(mail.rules_hash, 64)[:12] or "–"
    if mail.tags:
        yield say("Tags"), ", ".join(map(clean, mail.tags))


def _copies(teller: Teller, mail: Mail, plain: Callable[[str], str]) -> Iterable[Copy]:
    say = teller.say
    for d in sorted(mail.deliveries, key=lambda d: (not d.flagged, not d.state.waiting)):
        notes = {
            say("outside the company"): d.external,
            say("inside"): not d.external,
            say("Bcc: the others don't see it"): not d.visible and not d.added,
            say("added by a rule"): d.added,
        }
        tries = teller.language.ngettext("{number} attempt", "{number} attempts", d.attempts) if d.attempts else ""
        said = tuple(note for note, true in notes.items() if true) + ((tries,) if tries else ())
        yield Copy(
            clean(d.address), teller.copy(d), said, plain(d.flagged), teller.told(d.last_reply, 500), d.state.waiting
        )


def _hold(teller: Teller, hold: Hold) -> str:
    say, at = teller.say, teller.when.at
    if hold.resolved_at:
        return say("ended {at} by {who}", at=at(hold.resolved_at), who=clean(hold.resolved_by))
    who = ", ".join(map(clean, hold.approvers)) or say("its sender")
    if hold.expires_at is None:
        return say("waits for {who}", who=who)
    return say("waits for {who}; {at} it {what}", who=who, at=at(hold.expires_at), what=say(_ENDS[hold.on_expiry]))


def _step(teller: Teller, event: Event, plain: Callable[..., str]) -> Step:
    said = {**event.data, **({"rules": event.data["rules"].replace(",", ", ")} if "rules" in event.data else {})}
    data = tuple((clean(name, 50), plain(str(value), 300)) for name, value in said.items())
    at = teller.when.short(event.at, seconds=True)
    return Step(at, teller.when.relative(event.at), event.kind, clean(event.actor, 200), data)
