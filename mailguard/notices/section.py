"""One notice as facts and sentences, before it becomes text and HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailguard.locale import N_, Language, When, sayings
from mailguard.locale.sayings import joined
from mailguard.mail.address import key
from mailguard.notices import words
from mailguard.notices.fate import Fate, Stage, Why, fate, has_copy, knows_all, whys
from mailguard.notices.words import clean
from mailguard.records import Delivery, Mail, NewNotice, NoticeKind, Power, State

_LISTED = 20
_OURS = ("identity.", "directory.")  # alerts whose reason is made here; of the others a person wrote it
_DROPPED_BY = "dropped by "
_WAITING = (
    NoticeKind.DELAYED,
    NoticeKind.HELD,
    NoticeKind.APPROVAL,
    NoticeKind.ASSISTANT,
    NoticeKind.REMINDER,
)
_STOPS = N_("To stop the mail you can also answer with the one word “stop”.")
_SENDS = N_("You can also answer with one word: “stop”, or “send” to let it go.")
_DROPS = N_("You can also answer with “stop”, or with “drop” and the address of who should get nothing.")
_SENDS_OR_DROPS = N_(
    "You can also answer with “stop”, with “send” to let it go, "
    "or with “drop” and the address of who should get nothing."
)
_SEES_BCC = (Power.SENDER, Power.APPROVER)


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient: the address, what is to be said of it, and why it is marked ('' = it is not)."""

    address: str
    notes: tuple[str, ...]
    flag: str


@dataclass(frozen=True, slots=True)
class Section:
    """What one notice says."""

    subject: str
    headline: str
    lead: tuple[str, ...]
    button: str = ""
    link: str = ""
    after: str = ""
    code: str = ""
    snippet: str = ""  # shown as it is written
    facts: tuple[tuple[str, str], ...] = ()
    recipients: tuple[Line, ...] = ()
    more: str = ""
    whys: tuple[Why, ...] = ()
    answer: str = ""  # what an answer by mail may say
    fate: Fate | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Teller:
    """Says notices in one language, at one instant; `minimal` names no subject, no person and no reason."""

    language: Language
    when: When
    minimal: bool

    def code(self, notice: NewNotice, mail: Mail | None) -> Section:
        """A number to type; it is in the text only, never in the subject."""
        named = mail is not None and not self.minimal
        title = words.title(mail.subject) if mail else ""
        said = self._say("code", {"named": named, "title": title or self.language.say("(no subject)")})
        code = clean(notice.data.get("code", ""), 20)
        return Section(said["subject"], said["headline"], tuple(said["lead"].split("\n")), code=code)

    def alert(self, notice: NewNotice) -> Section:
        """Something about the service itself: what happened, and what to do about it."""
        data, until, why = notice.data, notice.data.get("until", ""), notice.data.get("why", "")
        why = sayings.unpack(why) if data.get("about", "").startswith(_OURS) else why
        said = self._say("alert", {
            "about": data.get("about", ""), "name": clean(data.get("name", ""), 254), "why": self._told(why),
            "mail": clean(data.get("mail", ""), 20),
            "held": clean(data.get("held", ""), 20), "mails": clean(data.get("mails", ""), 20),
            "until": self.when.at(datetime.fromisoformat(until)) if until else "",
        })  # fmt: skip
        lead = tuple(line for line in said["lead"].split("\n") if line)
        snippet = data.get("why", "") if data.get("about") == "rule.proposed" else ""
        return Section(clean(said["subject"], 200), said["headline"], lead, snippet=snippet)

    def delegate(self, notice: NewNotice) -> Section:
        """For which days somebody is asked instead of a colleague."""
        data = {name: clean(notice.data.get(name, ""), 254) for name in ("by", "from", "until", "ended")}
        name = "" if self.minimal else data["by"]
        said = self._say(
            "delegate", {"name": name, "first": data["from"], "last": data["until"], "ended": data["ended"]}
        )
        return Section(clean(said["subject"], 200), said["headline"], tuple(filter(None, said["lead"].split("\n"))))

    def help(self) -> Section:
        """How to write to us so that it means something."""
        said = self._say("help", {})
        return Section(said["subject"], said["headline"], tuple(said["lead"].split("\n")))

    def mail(self, notice: NewNotice, mail: Mail, link: str, *, attached: bool) -> Section:
        """What became of one mail, as this person may know it."""
        shown = _visible(notice, mail)
        now = fate(mail, _concerned(notice, mail))
        said = self._say(_template(notice.kind, now), self._values(notice, mail, now, attached))
        common = self._common(notice, mail, now, shown)
        return Section(
            clean(said["subject"], 200),
            said["headline"],
            tuple(line for line in said["lead"].split("\n") if line),
            said["button"] if link else "",
            link,
            common["after"],
            facts=self._facts(notice, mail, common["counted"]),
            recipients=() if self.minimal else self._lines(shown, _may_quote(notice, mail))[:_LISTED],
            more=common["more"] if len(shown) > _LISTED and not self.minimal else "",
            whys=() if self.minimal else self._whys(whys(mail, quote=_may_quote(notice, mail))),
            answer=self.language.say(_answer(notice, now)) if now.waits else "",
            fate=now,
        )

    def _values(self, notice: NewNotice, mail: Mail, now: Fate, attached: bool) -> dict[str, Any]:
        someone = self.language.say("Somebody")
        by = clean(notice.data.get("by", ""), 254)
        about = [clean(d.address) for d in _concerned(notice, mail) if d.visible]
        return {
            "fate": now,
            "title": self._title(mail),
            "yours": notice.power is Power.SENDER,
            "attached": attached,
            "escalated": bool(notice.data.get("escalated")),
            "outcome": notice.data.get("outcome", ""),
            "rejected": self._rejected(notice),
            "self_made": key(by) == key(notice.person),
            "by": someone if self.minimal or not by else by,
            "sender": someone if self.minimal else clean(mail.identity.address) or someone,
            "about": "…" if self.minimal or not about else ", ".join(about[:_LISTED]),
            "approvers": (someone if self.minimal else ", ".join(map(clean, now.approvers))) * bool(now.approvers),
            "copied": has_copy(mail, notice.person),
            "dropped": "…" if self.minimal else _dropped(mail),
            "left": self._ended(d for d in mail.deliveries if d.state is State.SENT),
            "off": self._ended(d for d in mail.deliveries if d.taken_off),
            "verb": notice.data.get("verb", ""),
            "who": "…" if self.minimal else clean(notice.data.get("who", ""), 254),
            "comment": self._quoted(notice.data.get("comment", "")),
            "said": "" if self.minimal else clean(notice.data.get("said", "")),
            "reason": "" if self.minimal else self._told(_why_dropped(mail)),
        }

    def _ended(self, copies: Iterable[Delivery]) -> str:
        """Each with the time at which it left or was taken off."""
        said = [f"{clean(d.address)} ({self.when.short(d.ended_at, seconds=True)})" for d in copies]
        more = f", … (+{len(said) - _LISTED})" if len(said) > _LISTED else ""
        return "…" if self.minimal else ", ".join(said[:_LISTED]) + more

    def _common(self, notice: NewNotice, mail: Mail, now: Fate, shown: Sequence[Delivery]) -> dict[str, str]:
        values = {
            "fate": now,
            "mail": mail,
            "yours": notice.power is Power.SENDER,
            "total": len(shown),
            "hidden": len(shown) - _LISTED,
            "flagged": sum(bool(d.flagged) for d in shown),
        }
        return self._say("common", values)

    def _facts(self, notice: NewNotice, mail: Mail, counted: str) -> tuple[tuple[str, str], ...]:
        say = self.language.say
        number = (say("Mail number"), mail.queue_id)
        if self.minimal:
            return ((say("Recipients"), counted), number)
        files = ", ".join(clean(a.name, 80) for a in mail.attachments[:_LISTED])
        sender = "" if notice.power is Power.SENDER else clean(mail.identity.address)
        named = (
            (say("From"), sender),
            (say("Subject"), clean(mail.subject) or say("(no subject)")),
            (say("Files"), files if _sees_bcc(notice) else ""),
            number,
        )
        return tuple((name, value) for name, value in named if value)

    def _lines(self, shown: Sequence[Delivery], quote: bool) -> tuple[Line, ...]:
        """The marked recipients first: nobody reads to the end of a long list. Without `quote` no rule's words."""
        ordered = sorted(shown, key=lambda d: not d.flagged)
        return tuple(Line(clean(d.address), self._notes(d), self._told(d.flagged) if quote else "") for d in ordered)

    def _notes(self, d: Delivery) -> tuple[str, ...]:
        say = self.language.say
        said = {
            say("Bcc"): not d.visible,
            say("outside the company"): d.external,
            say("added by a rule"): d.added,
            say("has a copy already"): d.state is State.SENT,
            say("gets nothing"): d.state is State.CANCELLED,
        }
        return tuple(note for note, true in said.items() if true)

    def _told(self, reason: str) -> str:
        return clean(self.language.tell(reason))

    def _whys(self, reasons: Sequence[Why]) -> tuple[Why, ...]:
        return tuple(Why(clean(why.rule, 100), self._told(why.reason)) for why in reasons)

    def _rejected(self, notice: NewNotice) -> str:
        said = notice.data.get("rejected", "")
        return ("…" if self.minimal else self._told(sayings.unpack(said))) if said else ""

    def _quoted(self, comment: str) -> str:
        return "…" if self.minimal and comment else clean(comment)

    def _title(self, mail: Mail) -> str:
        if self.minimal:
            return words.blocks(self.language, "untitled", {"when": self.when, "mail": mail})["untitled"]
        return words.title(mail.subject) or self.language.say("(no subject)")

    def _say(self, name: str, values: Mapping[str, Any]) -> dict[str, str]:
        return words.blocks(self.language, name, {"when": self.when, **values})


def _answer(notice: NewNotice, now: Fate) -> str:
    """What an answer may say: to let go is for those holds alone whose rule allows it."""
    mine = [hold for hold in now.holds if bool(hold.approvers) is (notice.power is Power.APPROVER)]
    sends = bool(mine) and all(hold.by_mail for hold in mine) and notice.power is not Power.ASSISTANT
    if notice.power is Power.SENDER:
        return _SENDS_OR_DROPS if sends else _DROPS
    return _SENDS if sends else _STOPS


def _why_dropped(mail: Mail) -> str:
    rules = {d.reason.removeprefix(_DROPPED_BY) for d in mail.deliveries if d.reason.startswith(_DROPPED_BY)}
    return joined("; ", dict.fromkeys(hit.reason for hit in mail.hits if hit.rule in rules))


def _dropped(mail: Mail) -> str:
    """Whom rules took off."""
    gone = [clean(d.address) for d in mail.deliveries if d.reason.startswith(_DROPPED_BY)]
    more = f" … (+{len(gone) - _LISTED})" if len(gone) > _LISTED else ""
    return ", ".join(gone[:_LISTED]) + more


def _template(kind: NoticeKind, now: Fate) -> str:
    """A notice made a moment ago must not claim what is no longer so."""
    if kind not in _WAITING:
        return kind.value
    held = now.stage is Stage.HELD
    if not now.waits or (kind is NoticeKind.APPROVAL and not held) or (now.at is None and not held):
        return "over"
    if kind in (NoticeKind.HELD, NoticeKind.REMINDER) and not held:
        return "over"
    return "held" if kind is NoticeKind.DELAYED and held else kind.value


def _sees_bcc(notice: NewNotice) -> bool:
    return notice.power in _SEES_BCC and notice.kind not in (NoticeKind.ASSISTANT, NoticeKind.NOTIFY)


def _may_quote(notice: NewNotice, mail: Mail) -> bool:
    if notice.kind is NoticeKind.NOTIFY:
        return all(d.visible for d in mail.deliveries)
    return _sees_bcc(notice) or knows_all(mail, notice.person)


def _concerned(notice: NewNotice, mail: Mail) -> list[Delivery]:
    return [d for d in mail.deliveries if not notice.scope or key(d.address) in notice.scope]


def _visible(notice: NewNotice, mail: Mail) -> list[Delivery]:
    """An assistant is told of the copies they look after; Bcc is for the sender and approvers alone."""
    copies = _concerned(notice, mail) if notice.kind is NoticeKind.ASSISTANT else mail.deliveries
    return [d for d in copies if d.visible or _sees_bcc(notice)]
