"""From the rules that matched to one decision: who waits how long, who is asked, who is told."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

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
from mailguard.rules import actions, copies, hours, template
from mailguard.rules.actions import Copies, persons
from mailguard.rules.facts import Facts
from mailguard.rules.rule import Fired, OnError
from mailguard.rules.settings import HoldSettings

S = TypeVar("S", bound=actions.ActionSpec)

# What a rule that failed makes a mail wait with `on_error: delay`: time for its sender to look again.
ERROR_DELAY = actions.Delay.model_validate("15m")
_STRICT = (Shorten.SENDER, Shorten.ASSISTANT, Shorten.NOBODY)


def combine(fired: Sequence[Fired], facts: Facts, settings: HoldSettings, rules_hash: str) -> Verdict:
    """The verdict of everything that fired. Audit rules are recorded in it, and change nothing."""
    live = [one for one in fired if one.hit.mode is Mode.ENFORCE]
    hits = tuple(one.hit for one in fired)
    for one in live:
        for spec in _specs(one, actions.Reject):
            message = template.fill(spec.message or "", one.match or Match(""), facts) or one.hit.reason
            return Verdict(Action.REJECT, reject=f"{one.rule.id}: {message}", hits=hits, rules_hash=rules_hash)
    added, present = copies.added(live, facts)
    holds = tuple(hold for one in live for hold in _holds(one, facts, settings))
    waits = _waits(live, facts, added, present)
    action = Action.HOLD if holds else Action.DELAY if waits else Action.PASS
    notify = [to for one in live for spec in _specs(one, actions.Notify) for to in persons(spec.to, facts)]
    tags = [name for one in live for spec in _specs(one, actions.Tag) for name in spec.names]
    return Verdict(
        action=action, waits=waits, holds=holds, added=added, hits=hits, rules_hash=rules_hash,
        notify=tuple({address.key(to): to for to in notify}.values()), tags=tuple(dict.fromkeys(tags)),
    )  # fmt: skip


def _specs(fired: Fired, kind: type[S]) -> Iterable[S]:
    return (spec for spec in fired.rule.then if isinstance(spec, kind)) if fired.match is not None else ()


# --- delays ---------------------------------------------------------------------------------------------------


def _waits(live: Sequence[Fired], facts: Facts, added: Sequence[AddedCopy], present: frozenset[str]) -> dict[str, Wait]:
    """Each recipient's wait: the longest of its delays and the client's own time; the strictest `shorten` of them.

    `present` are recipients that a rule would have added at once: their copies leave now.
    """
    waits: dict[str, Wait] = {}
    for one in live:
        for due, spec in _delays(one, facts):
            for key in _covered(one, spec, facts):
                wait = Wait(due, one.rule.id, _shorten(spec, key, added))
                waits[key] = _longer(waits[key], wait) if key in waits else wait
    waits = {key: wait for key, wait in waits.items() if key not in present}
    later = facts.envelope.hold_until
    if later is not None and later > facts.now:
        for key in facts.recipients:
            if key not in waits or waits[key].due_at < later:
                waits[key] = Wait(later, "", waits[key].shorten if key in waits else Shorten.SENDER)
    return waits


def _delays(one: Fired, facts: Facts) -> Iterable[tuple[datetime, actions.Delay]]:
    if one.match is None:
        due = facts.now + ERROR_DELAY.for_
        return [(due, ERROR_DELAY)] if one.rule.on_error is OnError.DELAY else []
    return [(_due(spec, facts), spec) for spec in _specs(one, actions.Delay)]


def _due(spec: actions.Delay, facts: Facts) -> datetime:
    due = facts.now + spec.for_
    if spec.until is None:
        return due
    return max(due, hours.next_clock(spec.until, facts.now, zone_of(facts)))


def _covered(one: Fired, spec: actions.Delay, facts: Facts) -> Iterable[str]:
    matched = one.hit.recipients
    if spec.copies is Copies.MATCHING and matched:
        return [key for key in facts.recipients if key in matched]
    return facts.recipients


def _shorten(spec: actions.Delay, key: str, added: Sequence[AddedCopy]) -> Shorten:
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
    return [_rule_hold(one, spec, facts, settings) for spec in _specs(one, actions.Hold)]


def _rule_hold(one: Fired, spec: actions.Hold, facts: Facts, settings: HoldSettings) -> Hold:
    approvers = _approvers(spec.approval, facts, settings) if spec.approval else ()
    code = bool(approvers) or one.rule.severity == "high"
    return Hold(
        one.rule.id, one.hit.reason, approvers=approvers,
        needed=min(spec.approval.of, len(approvers)) if spec.approval else 1,
        requires=spec.requires or (Requires.CODE if code else Requires.LINK),
        expires_at=_expiry(spec.expires or settings.expires, facts, settings),
        on_expiry=_closed(spec.on_expiry or settings.on_expiry, open_end=not approvers),
    )  # fmt: skip


def _error_hold(one: Fired, facts: Facts, settings: HoldSettings) -> Hold:
    """A mail that could not be judged never leaves because nobody answered."""
    return Hold(
        one.rule.id, one.hit.reason, HoldKind.ERROR,
        requires=Requires.CODE if one.rule.severity == "high" else Requires.LINK,
        expires_at=_expiry(settings.expires, facts, settings),
        on_expiry=_closed(settings.on_expiry, open_end=False),
    )  # fmt: skip


def _closed(outcome: OnExpiry, *, open_end: bool) -> OnExpiry:
    return outcome if open_end or outcome is not OnExpiry.SEND else OnExpiry.RETURN


def _approvers(approval: actions.Approval, facts: Facts, settings: HoldSettings) -> tuple[str, ...]:
    """Nobody approves their own mail. When too few are found the fallback person is asked: it never opens."""
    people = facts.people
    sender = people.canonical(facts.sender)
    found = {people.canonical(person): person for person in persons(approval.approved_by, facts)}
    found.pop(sender, None)
    inside = {key: person for key, person in found.items() if not people.external(person)}
    if len(inside) < approval.of:
        inside.setdefault(people.canonical(settings.fallback), settings.fallback)
    return tuple(inside.values())


def _expiry(amount: timedelta, facts: Facts, settings: HoldSettings) -> datetime:
    if settings.calendar is None:
        return facts.now + amount
    return hours.parse(settings.calendar).after(facts.now, amount, zone_of(facts))


def zone_of(facts: Facts) -> tzinfo:
    """The organization's zone."""
    return ZoneInfo(facts.people.organization.zone)
