"""From the rules that matched to one decision: who waits how long, who is asked, who is told."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta

from mailguard.locale.sayings import joined, saying
from mailguard.mail import address
from mailguard.records import (
    Action,
    AddedCopy,
    Hold,
    HoldKind,
    Match,
    Mode,
    OnExpiry,
    Requires,
    Shorten,
    Verdict,
    Wait,
)
from mailguard.rules import actions, approvers, copies, template
from mailguard.rules.action import Copies
from mailguard.rules.actions import persons
from mailguard.rules.changes import changes
from mailguard.rules.delay import Delay
from mailguard.rules.facts import Facts
from mailguard.rules.rule import Fired, OnError
from mailguard.rules.settings import HoldSettings

# What a rule that failed makes a mail wait with `on_error: delay`: time for its sender to look again.
ERROR_DELAY = Delay.model_validate("15m")
_STRICT = (Shorten.SENDER, Shorten.ASSISTANT, Shorten.NOBODY)


def combine(fired: Sequence[Fired], facts: Facts, settings: HoldSettings, rules_hash: str) -> Verdict:
    """The verdict of everything that fired. Audit rules are recorded in it, and change nothing."""
    live = [one for one in fired if one.hit.mode is Mode.ENFORCE]
    hits = tuple([one.hit for one in fired])
    if not live and facts.envelope.hold_until is None:  # most mail
        return Verdict(Action.PASS, hits=hits, rules_hash=rules_hash)
    for one in live:
        for spec in one.then(actions.Reject):
            message = template.filled(spec.message or "", one.match or Match(""), facts) or one.hit.reason
            return Verdict(Action.REJECT, reject=joined(": ", (one.rule.id, message)), hits=hits, rules_hash=rules_hash)
    changed = changes(live, facts)
    if changed.dropped.keys() >= set(facts.recipients) and facts.recipients:
        return Verdict(Action.REJECT, reject=_nobody_left(changed.dropped), hits=hits, rules_hash=rules_hash)
    added, present = copies.added(live, facts)
    added = tuple(copy for copy in added if not copy.about or copy.about - changed.dropped.keys())
    holds = tuple(hold for one in live for hold in _holds(one, facts, settings))
    holds += tuple(_error_hold(one, facts, settings, why) for one, why in changed.undone)
    waits = _waits(live, facts, added, present, changed.dropped.keys())
    action = Action.HOLD if holds else Action.DELAY if waits else Action.PASS
    notify = [to for one in live for spec in one.then(actions.Notify) for to in persons(spec.to, facts)]
    tags = [name for one in live for spec in one.then(actions.Tag) for name in spec.names]
    return Verdict(
        action=action, waits=waits, holds=holds, added=added, hits=hits, rules_hash=rules_hash,
        notify=tuple({address.key(to): to for to in notify}.values()), tags=tuple(dict.fromkeys(tags)),
        edits=tuple(changed.edits), dropped={key: one.rule.id for key, one in changed.dropped.items()},
    )  # fmt: skip


def _nobody_left(dropped: Mapping[str, Fired]) -> str:
    """Taking off the last recipient is no silent change: the sender is told at once that nobody would get it."""
    one = next(iter(dropped.values()))
    left = joined("; ", (saying("nobody would be left to send it to"), one.hit.reason))
    return joined(": ", (one.rule.id, left))


# --- delays ---------------------------------------------------------------------------------------------------


def _waits(
    live: Sequence[Fired], facts: Facts, added: Sequence[AddedCopy], present: Set[str], dropped: Set[str]
) -> dict[str, Wait]:
    """Each recipient's wait: the longest of its delays and the client's own time; the strictest `shorten` of them.

    `present` are recipients that a rule would have added at once: their copies leave now. `dropped` get none.
    """
    waits: dict[str, Wait] = {}
    for one in live:
        for spec in _delays(one):
            for key in _covered(one, spec, facts):
                wait = Wait(spec.due(facts, key), one.rule.id, _shorten(spec, key, added))
                waits[key] = _longer(waits[key], wait) if key in waits else wait
    waits = {key: wait for key, wait in waits.items() if key not in present | dropped and wait.due_at > facts.now}
    later = facts.envelope.hold_until
    if later is not None and later > facts.now:
        for key in facts.recipients:
            if key not in dropped and (key not in waits or waits[key].due_at < later):
                waits[key] = Wait(later, "", waits[key].shorten if key in waits else Shorten.SENDER)
    return waits


def _delays(one: Fired) -> Iterable[Delay]:
    if one.match is None:
        return [ERROR_DELAY] if one.rule.on_error is OnError.DELAY else []
    return one.then(Delay)


def _covered(one: Fired, spec: Delay, facts: Facts) -> Iterable[str]:
    matched = one.hit.recipients
    if spec.copies is Copies.MATCHING and matched:
        found = [key for key in facts.recipients if key in matched]
        return found or facts.recipients  # it is about people who are only named in an invitation: the whole mail is
    return facts.recipients


def _shorten(spec: Delay, key: str, added: Sequence[AddedCopy]) -> Shorten:
    """An executive's copy that no assistant looks after is its sender's to shorten."""
    looked_after = any(copy.assistant and key in copy.about for copy in added)
    return Shorten.SENDER if spec.shorten is Shorten.ASSISTANT and not looked_after else spec.shorten


def _longer(one: Wait, other: Wait) -> Wait:
    longest = max(one, other, key=lambda wait: wait.due_at)
    return Wait(longest.due_at, longest.rule, max(one.shorten, other.shorten, key=_STRICT.index))


# --- holds ----------------------------------------------------------------------------------------------------


def _holds(one: Fired, facts: Facts, settings: HoldSettings) -> Iterable[Hold]:
    if one.match is None:
        return [_error_hold(one, facts, settings)] if one.rule.on_error is OnError.HOLD else []
    return [_rule_hold(one, spec, facts, settings) for spec in one.then(actions.Hold)]


def _rule_hold(one: Fired, spec: actions.Hold, facts: Facts, settings: HoldSettings) -> Hold:
    who = approvers.asked(spec.approval, facts, settings) if spec.approval else ()
    code = bool(who) or one.rule.severity == "high"
    others = approvers.others(spec.escalate, who, facts, settings) if spec.escalate else ()
    return Hold(
        one.rule.id, one.hit.reason, approvers=who,
        needed=approvers.needed(spec.approval, who, facts) if spec.approval else 1,
        requires=spec.requires or (Requires.CODE if code else Requires.LINK),
        expires_at=_expiry(spec.expires or settings.expires, facts, settings),
        on_expiry=_closed(spec.on_expiry or settings.on_expiry, open_end=not who),
        remind_at=_expiry(spec.remind, facts, settings) if spec.remind else None,
        escalate_at=_expiry(spec.escalate.after, facts, settings) if spec.escalate and others else None,
        escalate_to=others,
        by_mail=actions.Way.MAIL in spec.release_by,
    )  # fmt: skip


def _error_hold(one: Fired, facts: Facts, settings: HoldSettings, why: str = "") -> Hold:
    """A mail that could not be judged, or not be changed as it must be, never leaves because nobody answered."""
    return Hold(
        one.rule.id, why or one.hit.reason, HoldKind.ERROR,
        requires=Requires.CODE if one.rule.severity == "high" else Requires.LINK,
        expires_at=_expiry(settings.expires, facts, settings),
        on_expiry=_closed(settings.on_expiry, open_end=False),
    )  # fmt: skip


def _closed(outcome: OnExpiry, *, open_end: bool) -> OnExpiry:
    return outcome if open_end or outcome is not OnExpiry.SEND else OnExpiry.RETURN


def _expiry(amount: timedelta, facts: Facts, settings: HoldSettings) -> datetime:
    return settings.after(facts.now, amount, facts.people.organization)
