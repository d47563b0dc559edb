"""One notice as facts and sentences, before it becomes text and HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailguard.mail.address import key
from mailguard.notices import words
from mailguard.notices.fate import Fate, Stage, Why, fate, has_copy, knows_all, whys
from mailguard.notices.when import When
from mailguard.notices.words import clean
from mailguard.records import Delivery, Mail, NewNotice, NoticeKind, Power, State

_LISTED = 20
_WAITING = (
    NoticeKind.DELAYED,
    NoticeKind.HELD,
    NoticeKind.APPROVAL,
    NoticeKind.ASSISTANT,
    NoticeKind.REMINDER,
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
    facts: tuple[tuple[str, str], ...] = ()
    recipients: tuple[Line, ...] = ()
    more: str = ""
    whys: tuple[Why, ...] = ()
    fate: Fate | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Teller:
    """Says notices in one language, at one instant; `minimal` names no subject, no person and no reason."""

    language: str
    when: When
    minimal: bool

    def code(self, notice: NewNotice, mail: Mail | None) -> Section:
        """A number to type; it is in the text only, never in the subject."""
        named = mail is not None and not self.minimal
        title = words.title(mail.subject) if mail else ""
        said = self._say("code", {"named": named, "title": title or self._label("no_subject")})
        code = clean(notice.data.get("code", ""), 20)
        return Section(said["subject"], said["headline"], tuple(said["lead"].split("\n")), code=code)

    def alert(self, notice: NewNotice) -> Section:
        """Something about the service itself: what happened, and what to do about it."""
        data, until = notice.data, notice.data.get("until", "")
        said = self._say("alert", {
            "about": data.get("about", ""), "name": clean(data.get("name", ""), 254), "why": clean(data.get("why", "")),
            "held": clean(data.get("held", ""), 20), "mails": clean(data.get("mails", ""), 20),
            "until": self.when.at(datetime.fromisoformat(until)) if until else "",
        })  # fmt: skip
        lead = tuple(line for line in said["lead"].split("\n") if line)
        return Section(clean(said["subject"], 200), said["headline"], lead)

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
            whys=() if self.minimal else _cleaned(whys(mail, quote=_may_quote(notice, mail))),
            fate=now,
        )

    def _values(self, notice: NewNotice, mail: Mail, now: Fate, attached: bool) -> dict[str, Any]:
        someone = self._label("someone")
        by = clean(notice.data.get("by", ""), 254)
        about = [clean(d.address) for d in _concerned(notice, mail) if d.visible]
        return {
            "fate": now,
            "title": self._title(mail),
            "yours": notice.power is Power.SENDER,
            "attached": attached,
            "outcome": notice.data.get("outcome", ""),
            "self_made": key(by) == key(notice.person),
            "by": someone if self.minimal or not by else by,
            "sender": someone if self.minimal else clean(mail.identity.address) or someone,
            "about": "…" if self.minimal or not about else ", ".join(about[:_LISTED]),
            "approvers": (someone if self.minimal else ", ".join(map(clean, now.approvers))) * bool(now.approvers),
            "copied": has_copy(mail, notice.person),
        }

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
        number = (self._label("number"), mail.queue_id)
        if self.minimal:
            return ((self._label("recipients"), counted), number)
        files = ", ".join(clean(a.name, 80) for a in mail.attachments[:_LISTED])
        sender = "" if notice.power is Power.SENDER else clean(mail.identity.address)
        named = (
            (self._label("from"), sender),
            (self._label("subject"), clean(mail.subject) or self._label("no_subject")),
            (self._label("files"), files if _sees_bcc(notice) else ""),
            number,
        )
        return tuple((name, value) for name, value in named if value)

    def _lines(self, shown: Sequence[Delivery], quote: bool) -> tuple[Line, ...]:
        """The marked recipients first: nobody reads to the end of a long list. Without `quote` no rule's words."""
        ordered = sorted(shown, key=lambda d: not d.flagged)
        return tuple(Line(clean(d.address), self._notes(d), clean(d.flagged) if quote else "") for d in ordered)

    def _notes(self, d: Delivery) -> tuple[str, ...]:
        said = {
            "bcc": not d.visible,
            "external": d.external,
            "added": d.added,
            "left": d.state is State.SENT,
            "cancelled": d.state is State.CANCELLED,
        }
        return tuple(self._label(name) for name, true in said.items() if true)

    def _title(self, mail: Mail) -> str:
        if self.minimal:
            return words.blocks(self.language, "untitled", {"when": self.when, "mail": mail})["untitled"]
        return words.title(mail.subject) or self._label("no_subject")

    def _label(self, name: str) -> str:
        return words.labels(self.language)[name]

    def _say(self, name: str, values: Mapping[str, Any]) -> dict[str, str]:
        return words.blocks(self.language, name, {"when": self.when, **values})


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


def _cleaned(reasons: Sequence[Why]) -> tuple[Why, ...]:
    return tuple(Why(clean(why.rule, 100), clean(why.reason)) for why in reasons)
