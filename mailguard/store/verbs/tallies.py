"""Each rule in numbers: counted from the decisions, the holds and the audit of the mails it matched."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from statistics import median
from typing import Any

from mailguard.records import Action, Fate, Mode, RuleHit, RuleHold, RuleTally
from mailguard.store.database import Database, Row
from mailguard.store.verbs.codec import hits, instant, micros, sound

_AGAIN = timedelta(days=1)
_NOBODY = ("timer", "courier", "rules")  # who ends a hold without a person


@dataclass
class _Count:
    numbers: Counter[str] = field(default_factory=Counter)
    fates: Counter[Fate] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=list)  # microseconds until somebody answered
    unchanged: Counter[str] = field(default_factory=Counter)  # by sender


@sound
def tallies(db: Database, since: datetime) -> list[RuleTally]:
    """As `Store.tallies`. Read from the last mail backwards, only as far as is asked for."""
    counts: dict[str, _Count] = {}
    for row in takewhile(lambda row: row["received_at"] >= micros(since), db.each("judged")):
        holds = {rule: rest for rule, *rest in json.loads(row["holds"])}
        fates = {rule: _fate(db, row, *hold) for rule, hold in holds.items()}
        for rule, mode, action, *_ in json.loads(row["hits"]):
            count = counts.setdefault(rule, _Count())
            _add(count.numbers, Mode(mode), Action(action), row, on_hold=bool(holds))
            if rule in fates and Mode(mode) is Mode.ENFORCE:
                _answer(count, row, *fates[rule])
        for rule in json.loads(row["reported"]):
            counts.setdefault(rule, _Count()).numbers["reported"] += 1
    return [_tally(rule, counts[rule]) for rule in sorted(counts)]


@sound
def rule_holds(db: Database, since: datetime) -> list[RuleHold]:
    """As `Store.rule_holds`."""
    return [
        RuleHold(rule, instant(row["received_at"]), _fate(db, row, *hold)[0], row["answers_key"])
        for row in takewhile(lambda row: row["received_at"] >= micros(since), db.each("judged"))
        if row["holds"] != "[]"
        for rule, *hold in json.loads(row["holds"])
    ]


@sound
def matches(db: Database, rule: str, since: datetime) -> list[RuleHit]:
    """As `Store.matches`."""
    recent = takewhile(lambda row: row["received_at"] >= micros(since), db.each("matched"))
    return [
        RuleHit(row["queue_id"], instant(row["received_at"]), row["sender_key"], hit)
        for row in recent
        if rule in row["hits"]
        for hit in hits(row["hits"])
        if hit.rule == rule
    ]


def _add(numbers: Counter[str], mode: Mode, action: Action, row: Row, *, on_hold: bool) -> None:
    if mode is not Mode.ENFORCE:
        numbers["audit"] += 1
        numbers["would_hold"] += action is Action.HOLD
        return
    numbers["matched"] += 1
    if action is Action.DELAY and not on_hold:
        numbers["delayed"] += 1
        numbers["taken_back"] += row["cancelled_at"] is not None or row["dropped_at"] is not None


def _fate(db: Database, row: Row, made_at: int, resolved_at: int | None, resolved_by: str) -> tuple[Fate, int | None]:
    """What became of one hold, and after how long somebody answered it."""
    if row["cancelled_at"] is not None:
        again = {"mail": row["id"], "until": row["cancelled_at"] + _AGAIN // timedelta(microseconds=1)}
        edited = db.run("sent_again", again).fetchone()[0]
        return (Fate.EDITED if edited else Fate.CANCELLED), row["cancelled_at"] - made_at
    if row["dropped_at"] is not None:
        return Fate.DROPPED, row["dropped_at"] - made_at
    if resolved_at is None:
        return Fate.OPEN, None
    if resolved_by in _NOBODY or row["bounced"]:
        return Fate.UNANSWERED, None
    return Fate.UNCHANGED, resolved_at - made_at


def _answer(count: _Count, row: Row, fate: Fate, wait: int | None) -> None:
    count.numbers["held"] += 1
    count.fates[fate] += 1
    if wait is not None:
        count.waits.append(wait)
    if fate is Fate.UNCHANGED:
        count.unchanged[row["sender_key"]] += 1


def _tally(rule: str, count: _Count) -> RuleTally:
    most: tuple[str, int] = min(count.unchanged.items(), key=lambda one: (-one[1], one[0]), default=("", 0))
    wait = timedelta(microseconds=median(count.waits)) if count.waits else None
    numbers: dict[str, Any] = dict(count.numbers)
    return RuleTally(rule, **numbers, fates=dict(count.fates), answered_in=wait, mostly=most)
