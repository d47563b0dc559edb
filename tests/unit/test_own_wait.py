"""The wait that senders ask for themselves: longer than the rules say, never shorter."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mailguard.intake.own_wait import lengthened
from mailguard.people import People, Preference
from mailguard.records import OWN_WAIT, Action, Shorten, Verdict
from tests.unit.rules.judge import CORP, HOLDS, facts, judge, rule

ANN, KIM, BOB = "ann@corp.example", "kim@client.example", "bob@corp.example"


def asked(then: str, wait: int = 10, **mail: Any) -> tuple[Verdict, datetime]:
    """What becomes of Ann's mail to a client and a colleague under this rule, and when it came."""
    people = People(CORP)
    people.preferences = {ANN: Preference(wait=wait)}
    found = facts(people=people, **{"sender": ANN, "to": [KIM, BOB], **mail})
    return lengthened(judge(rule("{recipients: {any: external}}", then), found, HOLDS, people), found), found.now


@pytest.mark.parametrize(("then", "minutes"), [("[{tag: [x]}]", 10), ("[{delay: 5m}]", 10), ("[{delay: 1h}]", 60)])
def test_the_longer_of_the_two_counts(then: str, minutes: int) -> None:
    verdict, now = asked(then)
    assert verdict.action is Action.DELAY
    assert verdict.waits[KIM].due_at - now == timedelta(minutes=minutes)
    assert [hit.rule for hit in verdict.hits] == (["r", OWN_WAIT] if minutes == 10 else ["r"])


def test_colleagues_get_it_when_the_rules_say() -> None:
    verdict, _ = asked("[{tag: [x]}]")
    assert verdict.waits.keys() == {KIM}


def test_who_may_shorten_a_wait_stays_as_the_rule_says() -> None:
    verdict, _ = asked("[{delay: {for: 5m, shorten: nobody}}]")
    assert verdict.waits[KIM].shorten is Shorten.NOBODY


@pytest.mark.parametrize(
    ("then", "action"), [("[{hold: sender_confirms}]", Action.HOLD), ("[{reject: no}]", Action.REJECT)]
)
def test_what_is_stricter_stays_so(then: str, action: Action) -> None:
    assert asked(then)[0].action is action


def test_who_is_dropped_is_not_waited_for() -> None:
    verdict, _ = asked("[{drop: true}]")
    assert (verdict.action, verdict.waits) == (Action.PASS, {})


def test_who_asked_for_nothing_does_not_wait() -> None:
    assert asked("[{tag: [x]}]", wait=0)[0].action is Action.PASS


def test_what_a_program_answers_does_not_wait() -> None:
    people = People(CORP)
    people.preferences = {"": Preference(wait=10)}
    found = facts(people=people, sender="<>", to=[KIM], headers={"Auto-Submitted": "auto-replied"})
    assert found.automatic
    assert lengthened(judge(rule("{always: true}", "[{tag: [x]}]"), found, HOLDS, people), found).action is Action.PASS
