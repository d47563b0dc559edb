"""What the rules change in a mail: who is hidden or taken off, its subject, its header, a text in its body."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mailguard.errors import CannotTell
from mailguard.locale import N_, saying
from mailguard.mail import address, disclaimer, headers
from mailguard.mail.headers import Add, Edit, Hide, Prefix, Splice, Withheld
from mailguard.mail.message import Message
from mailguard.rules import actions
from mailguard.rules.action import Copies
from mailguard.rules.disclaimer import Disclaimer
from mailguard.rules.facts import Facts
from mailguard.rules.rule import Fired
from mailguard.rules.who import listed

_SIGNED = N_("to Bcc: {list} cannot leave To and Cc, because the header is signed")
_WRITTEN = N_("to Bcc: {list} cannot be taken out of To and Cc as they are written")


@dataclass
class Changes:
    """`undone`: rules that would hide somebody and cannot, each with a sentence why."""

    edits: dict[Edit, None] = field(default_factory=dict)  # in order, each once
    dropped: dict[str, Fired] = field(default_factory=dict)
    undone: list[tuple[Fired, str]] = field(default_factory=list)

    def add(self, edit: Edit) -> None:
        self.edits[edit] = None


class _Head:
    """The mail's header, copied only if a rule changes something in it."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._signed: dict[str, bool] = {}

    @cached_property
    def raw(self) -> bytes:
        return bytes(self._message.raw[: self._message.head_size])

    def signed(self, *names: str) -> bool:
        for name in names:
            if name not in self._signed:
                self._signed[name] = headers.signed(self.raw, name)
        return any(self._signed[name] for name in names)

    def named(self, edits: Sequence[Edit]) -> set[str]:
        """Who still stands in To and Cc after the edits."""
        return {address.key(box.address) for box in Message(headers.apply(self.raw, edits)).mailboxes("to", "cc")}


def changes(live: Sequence[Fired], facts: Facts) -> Changes:
    """Of the rules that act. Whoever is dropped is not hidden as well."""
    made, head = Changes(), _Head(facts.message)
    for one in live:
        for drop in one.then(actions.Drop):
            _drop(made, one, drop, facts, head)
    for one in live:
        for hide in one.then(actions.ToBcc):
            _hide(made, one, hide, facts, head)
    for prefix in (spec for one in live for spec in one.then(actions.Subject)):
        free = prefix.edit_signed or not head.signed("subject")
        made.add(Prefix(prefix.prefix) if free else Withheld("subject", prefix.prefix))
    for line in (spec for one in live for spec in one.then(actions.AddHeader)):
        free = line.edit_signed or not head.signed(line.name)
        made.add(Add(line.name, line.value) if free else Withheld("add_header", line.name))
    for edit in _disclaimers(live, facts):
        made.add(edit)
    return made


def _matched(one: Fired, facts: Facts) -> list[str]:
    about = one.hit.recipients or facts.recipients
    return [key for key in facts.recipients if key in about]


def _drop(made: Changes, one: Fired, spec: actions.Drop, facts: Facts, head: _Head) -> None:
    for key in _matched(one, facts):
        made.dropped.setdefault(key, one)
        if key in facts.bcc:
            continue
        free = spec.edit_signed or not head.signed("to", "cc")
        made.add(headers.Drop(key) if free else Withheld("drop", key))


def _hide(made: Changes, one: Fired, spec: actions.ToBcc, facts: Facts, head: _Head) -> None:
    """Somebody who cannot be taken out of the header would be shown to the others: that waits for a person."""
    chosen = facts.recipients if spec.copies is Copies.ALL else _matched(one, facts)
    wanted = [key for key in chosen if key not in facts.bcc and key not in made.dropped]
    if wanted and not spec.edit_signed and head.signed("to", "cc"):
        made.undone.append((one, saying(_SIGNED, list=listed(wanted))))
        return
    edits = [Hide(key) for key in wanted]
    left = head.named(edits) if edits else set()
    stuck = [key for key in wanted if key in left]
    if stuck:
        made.undone.append((one, saying(_WRITTEN, list=listed(stuck))))
    for edit in edits:
        if edit.address not in left:
            made.add(edit)


def _disclaimers(live: Sequence[Fired], facts: Facts) -> list[Edit]:
    """The edits that put in what the rules ask for, or of each rule that cannot have it why."""
    asked: dict[disclaimer.Disclaimer, tuple[Fired, Disclaimer]] = {}
    for one in live:
        for spec in one.then(Disclaimer):
            asked.setdefault(spec.words, (one, spec))
    if not asked:
        return []
    withheld = {words: _against(spec, facts) for words, (_, spec) in asked.items()}
    wanted = [words for words, why in withheld.items() if why is None]
    try:
        made = disclaimer.disclaim(facts.message, wanted) if wanted else []
    except disclaimer.NotPossible as error:
        made, withheld = [], {words: why if why is not None else str(error) for words, why in withheld.items()}
    told = [(asked[words][0].rule.id, why) for words, why in withheld.items() if why is not None]
    return [*made, *(Withheld("disclaimer", rule, why) for rule, why in told)]


def _against(spec: Disclaimer, facts: Facts) -> str | None:
    """Why this mail goes without, "" because it is signed; None when nothing is against it."""
    try:
        if facts.automatic or facts.reading.kind.report:
            return "it is automatic mail"
        if facts.encrypted:
            return "it is encrypted"
        if facts.signed or (not spec.edit_signed and facts.message.raw_fields("dkim-signature")):
            return ""
        if spec.once and disclaimer.said_already(facts.text, spec.words):
            return "it says so already"
    except CannotTell as error:
        return str(error)
    return None


def said(edits: Iterable[Edit]) -> list[str]:
    """What rules change, for people at a terminal; other edits are every mail's."""
    return list(dict.fromkeys(sentence for edit in edits if (sentence := _said(edit))))


def _said(edit: Edit) -> str:
    match edit:
        case Hide(who):
            return f"{who} becomes Bcc"
        case headers.Drop(who):
            return f"{who} leaves To and Cc"
        case Prefix(text):
            return f"the subject begins with {text}"
        case Add(name, value):
            return f"header {name}: {value}"
        case Splice():
            return "the text gains a disclaimer"
        case Withheld(what, value, why):
            return f"not done, because {why or 'the mail is signed'}: {what} {value}"
        case _:
            return ""
