"""The wait that a sender asked for: longer than the rules say, never shorter."""

from dataclasses import replace
from datetime import timedelta

from mailguard.locale.sayings import counted
from mailguard.records import OWN_WAIT, Action, Hit, Mode, Shorten, Verdict, Wait
from mailguard.rules.facts import Facts
from mailguard.rules.who import external


def lengthened(verdict: Verdict, facts: Facts) -> Verdict:
    """Copies to outsiders wait at least as long as the sender chose; not of mail that a program answers with."""
    minutes = facts.people.preference(facts.sender).wait
    if not minutes or verdict.action is Action.REJECT or facts.automatic:
        return verdict
    due = facts.now + timedelta(minutes=minutes)
    outside = [one for one in facts.recipients if one not in verdict.dropped and external(facts, one)]
    early = [one for one in outside if one not in verdict.waits or verdict.waits[one].due_at < due]
    if not early:
        return verdict
    waits = dict(verdict.waits)
    for one in early:
        waits[one] = Wait(due, OWN_WAIT, waits[one].shorten if one in waits else Shorten.SENDER)
    why = counted("you asked for at least {number} minute", "you asked for at least {number} minutes", minutes)
    hit = Hit(OWN_WAIT, Mode.ENFORCE, Action.DELAY, why)
    return replace(verdict, action=max(verdict.action, Action.DELAY), waits=waits, hits=(*verdict.hits, hit))
