"""What a page says of one mail: everything a template needs, already decided and put into words."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailguard.desk import LONGER, View
from mailguard.desk.look import approvers, later, rules
from mailguard.locale import N_, When
from mailguard.mail import kinds
from mailguard.mail.address import key
from mailguard.notices.fate import Fate, Stage, Why, fate, has_copy, knows_all, whys
from mailguard.notices.words import clean
from mailguard.records import LATE_FORK, Delivery, HoldKind, Mail, OnExpiry, Power, Requires, State
from mailguard.web.changes import changed
from mailguard.web.sentences import COPIES, EXPIRIES, GOES_BACK, HEADLINES, KINDS, STORIES

_FOLLOWS = N_(
    "It leaves by itself once the earlier mail has left or was taken back, "
    "so that nobody reads them the wrong way round. Send it now to let it go first."
)
_ENDING = 5
_DAMAGED = N_(
    "It can't be sent: the stored bytes are no longer those that were handed in. "
    "Please send the mail again; the administrator has been told."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient: full address, what is so of the copy, notes, and why it is marked ('' = it is not)."""

    address: str
    name: str
    copy: str
    notes: tuple[str, ...]
    flag: str
    waits: bool
    hideable: bool  # stands in To or Cc
    meant: str  # who was probably meant instead; '' where nobody stands out


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
    sender_name: str
    subject: str
    number: str
    received: str
    zone: str
    whys: tuple[Why, ...]
    rows: tuple[Row, ...]
    inside: tuple[str, ...]  # stand in To and Cc, and did not pass through here
    files: tuple[tuple[str, str, str], ...]  # name, what it is, size
    changes: tuple[str, ...]  # what is changed in the mail on its way out
    ticks: tuple[Tick, ...]
    drops: tuple[Row, ...]
    hides: tuple[Row, ...]
    left: int | None  # seconds until something happens by itself; None: nothing does, or it is far away
    relative: str  # the same as people say it: `in 5 minutes`
    span: str  # `5 minutes`
    longer: tuple[Tick, ...]
    asks: tuple[Tick, ...]
    reports: tuple[str, ...]  # rules that may be wrong
    remarks: tuple[tuple[str, str, str], ...]  # who, when, what they said


class Teller:
    """Puts mails into words, in one language, at one instant."""

    def __init__(self, when: When) -> None:
        self.language, self.when = when.language, when
        self.say = when.language.say

    def told(self, reason: str, most: int = 1000) -> str:
        """What a rule, a person or a server said, on one line."""
        return clean(self.language.tell(reason), most)

    def headline(self, now: Fate, total: int) -> str:
        """The fact, as a fact."""
        at = self.when.at(now.at, seconds=True, zone=False)
        if now.stage is Stage.HELD and now.gone:
            return self.say("Held: not sent yet to {waiting} of {total}", waiting=len(now.waiting), total=total)
        if now.behind:
            numbers = ", ".join(now.behind)
            return self.say("Waits behind the earlier mail {numbers} in this conversation", numbers=numbers)
        return self.say(HEADLINES[now.stage], at=at).strip()

    def mail(self, view: View) -> Shown:
        """The page of one mail, as this person may see it."""
        mail, now = view.mail, fate(view.mail, concerned(view))
        quote = not assists(view) or knows_all(mail, view.person)
        rows = self._rows(view, quote)
        end = now.at or (now.expires_at if now.stage is Stage.HELD else None)
        return Shown(
            self.headline(now, len(concerned(view))),
            tone(now),
            tuple(self._story(view, now)),
            clean(mail.identity.address or mail.envelope.sender or "<>"),
            clean(view.names.get(key(mail.identity.address), ""), 100),
            clean(mail.subject) or self.say("(no subject)"),
            mail.queue_id,
            self.when.at(mail.received_at),
            self.zone(),
            tuple(Why(clean(w.rule, 100), self.told(w.reason)) for w in whys(mail, quote=quote)),
            rows,
            tuple(map(clean, _inside(view))),
            self._files(mail) if knows(view) else (),
            () if assists(view) else tuple(changed(mail.edits, self.say)),
            self._ticks(view),
            tuple(row for row in rows if row.waits),
            tuple(row for row in rows if row.waits and row.hideable),
            self._left(now, end),
            self.when.relative(end),
            self.when.span(end),
            self._longer(view),
            tuple(Tick(who, self.say("Ask {person}", person=clean(who))) for who in approvers(mail)),
            rules(mail),
            tuple((clean(r.by), self.when.at(r.at), r.text) for r in view.remarks),
        )

    def zone(self) -> str:
        return self.say("Times are {short} ({zone}).", short=self.when.name(self.when.now), zone=self.when.zone.key)

    def _left(self, now: Fate, end: datetime | None) -> int | None:
        if end is None or not now.waits or now.behind:
            return None
        return max(0, int((end - self.when.now).total_seconds()))

    def _files(self, mail: Mail) -> tuple[tuple[str, str, str], ...]:
        found = mail.attachments
        return tuple(
            (clean(a.name, 200), described(a.content_type, a.name, self.say), self.language.size(a.size)) for a in found
        )

    def _longer(self, view: View) -> tuple[Tick, ...]:
        """How much longer it may wait, each with the instant that would be."""
        if "extend" not in view.allowed:
            return ()
        spans = ((hours, later(view.mail, timedelta(hours=hours), self.when.now)) for hours in LONGER)
        return tuple(
            Tick(
                str(hours),
                self.language.ngettext("{number} hour, {at}", "{number} hours, {at}", hours, at=self.when.at(until)),
            )
            for hours, until in spans
            if until
        )

    def _rows(self, view: View, quote: bool) -> tuple[Row, ...]:
        """The marked ones first. Who shares a name with another is never taken for one person with them."""
        listed = sorted(_listed(view), key=lambda d: not d.flagged)
        names = {key(d.address): clean(view.names.get(key(d.address), ""), 100) for d in listed}
        often = Counter(name.casefold() for name in names.values() if name)
        twice = {one for one, name in names.items() if often[name.casefold()] > 1}
        return tuple(self._row(view, d, names[key(d.address)], quote, twice) for d in listed)

    def _story(self, view: View, now: Fate) -> list[str]:
        if now.behind:
            return [self.say(_FOLLOWS)]
        story = [self.say(_meaning(view, now), who=", ".join(map(clean, now.approvers)))]
        if LATE_FORK in view.mail.tags:
            story.append(self.say("It is a part of a mail whose other parts have left before: others have them."))
        if now.stage is Stage.CANCELLED and view.power is Power.SENDER and _returned(view.mail):
            story.append(self.say("It came back to you, attached to a note in your mailbox."))
        if now.waiting and now.gone:
            story.append(
                self.language.ngettext(
                    "{number} copy has left already and can't be taken back.",
                    "{number} copies have left already and can't be taken back.",
                    len(now.gone),
                )
            )
        story += self._answers(view)
        if now.stage is Stage.HELD and not now.undecided and not now.damaged:
            story.append(self._expiry(view, now))
        return story

    def _expiry(self, view: View, now: Fate) -> str:
        if now.expires_at is None:
            return self.say("It waits until somebody decides.")
        goes_back = now.on_expiry is OnExpiry.RETURN and view.power is not Power.SENDER
        return self.say(GOES_BACK if goes_back else EXPIRIES[now.on_expiry], at=self.when.at(now.expires_at))

    def _answers(self, view: View) -> list[str]:
        """Who let go what held it: so that "I pressed, and it still waits" explains itself."""
        holds = [] if assists(view) else view.mail.holds
        told = [
            self.say("Answered by {who} {at}.", who=_name(h.resolved_by), at=self.when.at(h.resolved_at, seconds=True))
            for h in holds
            if h.resolved_by
        ]
        if approved := [clean(who) for h in holds if h.open for who in h.approved_by]:
            told.append(self.say("Approved so far by: {who}.", who=", ".join(dict.fromkeys(approved))))
        return list(dict.fromkeys(told))

    def _row(self, view: View, d: Delivery, name: str, quote: bool, twice: Collection[str]) -> Row:
        """Without `quote` no rule's words: they may name somebody in Bcc."""
        notes = {
            self.say("outside the company"): d.external,
            self.say("inside"): not d.external,
            self.say("the first mail to this address"): d.state.waiting and key(d.address) in view.strangers,
            self.say("somebody else here has the same name"): key(d.address) in twice,
            self.say("Bcc: the others don't see it"): not d.visible and not d.added,
            self.say("added by a rule"): d.added,
        }
        said = tuple(note for note, true in notes.items() if true)
        flag = self.told(d.flagged) if quote else ""
        hideable, meant = d.visible and not d.added, clean(view.meant.get(key(d.address), ""))
        return Row(
            clean(d.address), name, self._ended(view, d) or self.copy(d), said, flag, d.state.waiting, hideable, meant
        )

    def _ended(self, view: View, d: Delivery) -> str:
        """When this recipient was taken off and, as far as this person may know it, by whom; '' where nobody was."""
        if not d.taken_off or d.ended_at is None:
            return ""
        since, who = self.when.at(d.ended_at, seconds=True), view.taken_off.get(key(d.address), "")
        if not who:
            return self.say("gets nothing: taken off {since}", since=since)
        return self.say("gets nothing: taken off {since} by {who}", since=since, who=clean(who))

    def copy(self, d: Delivery) -> str:
        """What is so of this copy."""
        now = fate_of(d)
        if now is Stage.LEFT:
            since = self.when.short(d.ended_at, seconds=True, zone=True)
            if not since:
                return self.say("has a copy: it can't be taken back")
            return self.say("has a copy since {since}: it can't be taken back", since=since)
        said = self.say(COPIES[now], at=self.when.at(d.due_at, seconds=True))
        if d.behind and d.state.waiting:
            said = self.say("waits behind the earlier mail {number}", number=d.behind)
        why = self.told(d.last_reply, 300) if now in (Stage.FAILED, Stage.RETRYING) else ""
        return f"{said}: {why}" if why else said

    def _ticks(self, view: View) -> tuple[Tick, ...]:
        return tuple(Tick(value, self._tick(view, value)) for value in view.confirm)

    def _tick(self, view: View, value: str) -> str:
        if value == view.mail.queue_id:
            if view.power is Power.APPROVER:
                return self.say("Yes, I looked at it and approve it")
            return self.say("Yes, I looked at it: let it go")
        gone = any(key(d.address) == key(value) and d.state is State.CANCELLED for d in view.mail.deliveries)
        if gone:
            return self.say("I know that {address} gets nothing", address=clean(value))
        return self.say("Yes, {address} should get this mail", address=clean(value))


def described(content_type: str, name: str, say: Callable[[str], str]) -> str:
    """What a file says it is, as people call it; its ending where nobody has a word for it."""
    known = (KINDS[kind] for kind in sorted(kinds.of_type(content_type)) if kind in KINDS)
    ending = name.rpartition(".")[2].upper()
    return next(map(say, known), ending if "." in name and len(ending) <= _ENDING else content_type)


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


def _inside(view: View) -> tuple[str, ...]:
    """Without those who came with a later transaction."""
    passed = {key(d.address) for d in view.mail.deliveries}
    return tuple(one for one in view.mail.inside if key(one) not in passed) if knows(view) else ()


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
        return STORIES[now.stage]
    if now.damaged or now.undecided:
        return _DAMAGED if now.damaged else N_("It is still being checked. You need not do anything now.")
    if view.power is Power.ASSISTANT:
        return N_("It waits for a decision. It has not been delivered.")
    if view.power is Power.APPROVER and "send" in view.allowed:
        return N_("It leaves only if you approve it.")
    others = now.approvers and all(hold.approvers for hold in now.holds)
    if others or view.power is Power.APPROVER:
        return N_("It leaves when approved by: {who}.")
    return N_("It waits for you: look at the recipients, then let it go or take it back.")


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
