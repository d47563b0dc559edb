"""What a page says of one mail: everything a template needs, already decided and put into words."""

from dataclasses import dataclass

from mailguard.desk import View
from mailguard.mail.address import key
from mailguard.notices.fate import Fate, Stage, Why, fate, has_copy, knows_all, whys
from mailguard.notices.when import When
from mailguard.notices.words import clean
from mailguard.records import Delivery, HoldKind, Mail, Power, Requires, State
from mailguard.web.words import Words

_EXPIRIES = {"return": "expires_return", "discard": "expires_discard", "send": "expires_send"}


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient: full address, what is so of the copy, notes, and why it is marked ('' = it is not)."""

    address: str
    copy: str
    notes: tuple[str, ...]
    flag: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A box to be ticked by hand."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One mail's page."""

    headline: str
    tone: str  # held | leaves | left | ended
    story: tuple[str, ...]
    sender: str
    subject: str
    number: str
    received: str
    zone: str
    whys: tuple[Why, ...]
    rows: tuple[Row, ...]
    files: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]
    drops: tuple[Row, ...]


class Teller:
    """Puts mails into words, in one language, at one instant."""

    def __init__(self, words: Words, when: When) -> None:
        self.words, self.when = words, when
        self.say = words.say

    def headline(self, now: Fate, total: int) -> str:
        """The fact, as a fact."""
        at = self.when.at(now.at, seconds=True, zone=False)
        if now.stage is Stage.HELD and now.gone:
            return self.say("held_partly", waiting=len(now.waiting), total=total)
        if now.behind:
            return self.say("follows", numbers=", ".join(now.behind))
        return self.say(now.stage.value, at=at).strip()

    def mail(self, view: View) -> Shown:
        """The page of one mail, as this person may see it."""
        mail, now = view.mail, fate(view.mail, concerned(view))
        quote = not assists(view) or knows_all(mail, view.person)
        rows = tuple(self._row(d, quote) for d in sorted(_listed(view), key=lambda d: not d.flagged))
        return Shown(
            self.headline(now, len(concerned(view))),
            tone(now),
            tuple(self._story(view, now)),
            clean(mail.identity.address or mail.envelope.sender or "<>"),
            clean(mail.subject) or self.say("no_subject"),
            mail.queue_id,
            self.when.at(mail.received_at),
            self.say("zone", short=self.when.name(self.when.now), zone=self.when.zone.key),
            tuple(Why(clean(w.rule, 100), clean(w.reason)) for w in whys(mail, quote=quote)),
            rows,
            tuple((clean(a.name, 200), self.words.size(a.size)) for a in mail.attachments) if knows(view) else (),
            self._ticks(view),
            tuple(row for row in rows if row.waits),
        )

    def _story(self, view: View, now: Fate) -> list[str]:
        if now.behind:
            return [self.say("story_follows")]
        story = [self.say(_meaning(view, now), who=", ".join(map(clean, now.approvers)))]
        if now.stage is Stage.CANCELLED and view.power is Power.SENDER and _returned(view.mail):
            story.append(self.say("story_returned"))
        if now.waiting and now.gone:
            story.append(self.words.count("story_gone", len(now.gone)))
        story += self._answers(view)
        if now.stage is Stage.HELD and not now.undecided and not now.damaged:
            story.append(self._expiry(view, now))
        return story

    def _expiry(self, view: View, now: Fate) -> str:
        if now.expires_at is None:
            return self.say("never_expires")
        name = _EXPIRIES[now.on_expiry.value]
        other = "_other" if name == "expires_return" and view.power is not Power.SENDER else ""
        return self.say(name + other, at=self.when.at(now.expires_at))

    def _answers(self, view: View) -> list[str]:
        """Who let go what held it: so that "I pressed, and it still waits" explains itself."""
        holds = [] if assists(view) else view.mail.holds
        told = [
            self.say("story_answered", who=_name(h.resolved_by), at=self.when.at(h.resolved_at, seconds=True))
            for h in holds
            if h.resolved_by
        ]
        if approved := [clean(who) for h in holds if h.open for who in h.approved_by]:
            told.append(self.say("story_approved", who=", ".join(dict.fromkeys(approved))))
        return list(dict.fromkeys(told))

    def _row(self, d: Delivery, quote: bool) -> Row:
        """Without `quote` no rule's words: they may name somebody in Bcc."""
        notes = [self.say("external" if d.external else "internal")]
        notes += [self.say("bcc")] * (not d.visible and not d.added) + [self.say("added")] * d.added
        return Row(clean(d.address), self._copy(d), tuple(notes), clean(d.flagged) if quote else "", d.state.waiting)

    def _copy(self, d: Delivery) -> str:
        now = fate_of(d)
        if now is Stage.LEFT:
            since = self.when.at(d.ended_at, seconds=True).removeprefix("at ").removeprefix("o ")
            return self.say("copy_left", since=since) if since else self.say("copy_left_plain")
        said = self.say(f"copy_{now.value}", at=self.when.at(d.due_at, seconds=True))
        if d.behind and d.state.waiting:
            said = self.say("copy_follows", number=d.behind)
        why = clean(d.last_reply if now in (Stage.FAILED, Stage.RETRYING) else "", 300)
        return f"{said}: {why}" if why else said

    def _ticks(self, view: View) -> tuple[Tick, ...]:
        return tuple(Tick(value, self._tick(view, value)) for value in view.confirm)

    def _tick(self, view: View, value: str) -> str:
        if value == view.mail.queue_id:
            return self.say("tick_mail_approver" if view.power is Power.APPROVER else "tick_mail")
        gone = any(key(d.address) == key(value) and d.state is State.CANCELLED for d in view.mail.deliveries)
        return self.say("tick_dropped" if gone else "tick_address", address=clean(value))


def concerned(view: View) -> tuple[Delivery, ...]:
    """The copies this page is about: an assistant's are those of the executives they look after."""
    if not assists(view):
        return view.recipients
    return tuple(d for d in view.mail.deliveries if key(d.address) in view.scope)


def assists(view: View) -> bool:
    return view.power is Power.ASSISTANT


def knows(view: View) -> bool:
    """Whether this person may see what is in the mail: an assistant only with a copy of their own."""
    return not assists(view) or has_copy(view.mail, view.person)


def _listed(view: View) -> tuple[Delivery, ...]:
    return view.recipients if knows(view) else tuple(d for d in concerned(view) if d.visible)


def fate_of(d: Delivery) -> Stage:
    """The stage of one copy."""
    queued = Stage.RETRYING if d.attempts else Stage.LEAVES
    stages = {State.HELD: Stage.HELD, State.SENDING: Stage.LEAVING, State.SENT: Stage.LEFT}
    stages |= {State.FAILED: Stage.FAILED, State.CANCELLED: Stage.CANCELLED, State.QUEUED: queued}
    return stages[d.state]


def tone(now: Fate) -> str:
    """The colour of the fact; the words say the same."""
    if now.stage is Stage.HELD:
        return "held"
    if now.stage in (Stage.LEAVES, Stage.RETRYING):
        return "leaves"
    return "left" if now.stage in (Stage.LEFT, Stage.LEAVING) else "ended"


def _meaning(view: View, now: Fate) -> str:
    if now.stage is not Stage.HELD:
        return f"story_{now.stage.value}"
    if now.damaged or now.undecided:
        return "story_damaged" if now.damaged else "story_undecided"
    if view.power is Power.ASSISTANT:
        return "story_held_assistant"
    if view.power is Power.APPROVER and "send" in view.allowed:
        return "story_held_approver"
    others = now.approvers and all(hold.approvers for hold in now.holds)
    return "story_held_approvers" if others or view.power is Power.APPROVER else "story_held"


def _returned(mail: Mail) -> bool:
    """Whether what was cancelled came back: only a hold that ran out may end in less."""
    ended = {d.reason for d in mail.deliveries if d.state is State.CANCELLED}
    discarding = any(h.on_expiry == "discard" and h.kind is HoldKind.RULE for h in mail.holds)
    return "dropped" not in ended and not ("expired" in ended and discarding)


def _name(actor: str) -> str:
    """Who it was, without how we know."""
    return clean(actor.partition(" (")[0])


def needs_login(view: View) -> bool:
    return view.requires is Requires.LOGIN


def needs_code(view: View) -> bool:
    return view.requires is Requires.CODE
