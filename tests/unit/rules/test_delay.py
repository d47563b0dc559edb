"""How long each recipient's copy waits, by what the recipient is."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mailguard.records import Action, Need
from tests.unit.rules.judge import WARSAW, facts, judge, rule
from tests.unit.rules.test_verdict import minutes

BOB, KIM, NEW, MAX = "bob@corp.example", "kim@client.example", "new@else.example", "max@gmail.com"
ALWAYS = "{always: true}"
PAST = {"history": [{"to": [KIM], "cc": [BOB], "days_ago": 30, "times": 40}]}
RISK = "{first_contact: 30m, freemail: 10m, external: 5m}"


def waits(window: str, when: str = ALWAYS, **mail: Any) -> dict[str, float]:
    found = facts(to=[BOB, KIM, NEW, MAX], given=PAST, **mail)
    return minutes(judge(rule(when, f"[{{delay: {{for: {window}}}}}]"), found), found)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (RISK, {KIM: 5, NEW: 30, MAX: 30}),
        ("{first_contact: 5m, freemail: 10m, default: none}", {NEW: 5, MAX: 10}),
        ("{freemail: 10m, default: 1m}", {BOB: 1, KIM: 1, NEW: 1, MAX: 10}),
        ("{external: none, default: 1m}", {BOB: 1}),
        ("{external: 5m}", {KIM: 5, NEW: 5, MAX: 5}),
    ],
)
def test_each_recipient_waits_the_longest_of_what_it_is(window: str, expected: dict[str, float]) -> None:
    assert waits(window) == expected


def test_a_known_pair_does_not_wait_and_a_first_contact_with_a_file_does_long() -> None:
    rules = (
        rule(ALWAYS, "[{delay: {for: {first_contact: 10m, default: none}}}]")
        + "  - {id: file, when: {attachment: {count: 1}}, then: [{delay: {for: {first_contact: 1h}}}]}\n"
    )
    file = [{"name": "offer.pdf", "size": 10}]
    for to, attach, expected in ((KIM, file, {}), (NEW, [], {NEW: 10}), (NEW, file, {NEW: 60})):
        found = facts(to=to, attach=attach, given=PAST)
        verdict = judge(rules, found)
        assert minutes(verdict, found) == expected
        assert verdict.action is (Action.DELAY if expected else Action.PASS)


def test_whose_past_is_not_known_is_no_first_contact() -> None:
    found = facts(to=[NEW])
    verdict = judge(rule(ALWAYS, "[{delay: {for: {first_contact: 30m, default: 5m}}}]"), found)
    assert minutes(verdict, found) == {NEW: 5}
    assert Need.PAST in found.wanted


@pytest.mark.parametrize("then", ["{for: {external: 5m}}", "{for: 5m, copies: matching}"])
def test_internal_now_and_external_later(then: str) -> None:
    found = facts(to=[BOB], cc=[KIM])
    verdict = judge(rule("{recipients: {any: external}}", f"[{{delay: {then}}}]"), found)
    assert minutes(verdict, found) == {KIM: 5}


def test_matching_copies_are_asked_what_they_are_as_well() -> None:
    found = facts(to=[BOB, KIM, NEW], given=PAST)
    when = "{recipients: {any: {domain: [else.example, corp.example]}}}"
    verdict = judge(rule(when, "[{delay: {for: {external: 5m, default: 1m}, copies: matching}}]"), found)
    assert minutes(verdict, found) == {BOB: 1, NEW: 5}


def test_until_is_for_those_who_wait_at_all() -> None:
    found = facts(to=[BOB, KIM], at=datetime(2026, 3, 4, 20, tzinfo=WARSAW))
    verdict = judge(rule(ALWAYS, '[{delay: {for: {external: 5m}, until: "08:00"}}]'), found)
    assert minutes(verdict, found) == {KIM: timedelta(hours=12) / timedelta(minutes=1)}
