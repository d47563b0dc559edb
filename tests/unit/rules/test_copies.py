"""Whom the rules add to a mail, and whom they must not."""

from dataclasses import replace
from typing import Any

import pytest

from mailguard.records import AddedCopy, Verdict
from mailguard.rules.facts import Facts
from tests.unit.rules.judge import facts, judge, rule

CEO, CFO, COO = "ceo@corp.example", "cfo@corp.example", "coo@corp.example"
ASSISTANT, PA, BOB = "assistant@corp.example", "pa@corp.example", "bob@corp.example"
EXECUTIVES = "{recipients: {any: {group: executives}}}"
DELAY = "{delay: {for: 5m, copies: matching, shorten: assistant}}"


def assisted(found: Facts, action: str = "cc") -> Verdict:
    return judge(rule(EXECUTIVES, f"[{{{action}: {{add: assistant_of_matched, send: now}}}}, {DELAY}]"), found)


def added(verdict: Verdict) -> list[str]:
    return [copy.address for copy in verdict.added]


def test_the_assistant_has_a_visible_copy_now_and_the_executive_waits() -> None:
    verdict = assisted(facts(to=CEO, cc=BOB))
    assert verdict.added == (
        AddedCopy(ASSISTANT, "r", visible=True, now=True, assistant=True, about=frozenset({CEO})),
    )  # fmt: skip
    assert set(verdict.waits) == {CEO}


def test_bcc_adds_to_the_envelope_only() -> None:
    (copy,) = assisted(facts(to=CEO), "bcc").added
    assert not copy.visible


def test_an_assistant_of_an_executive_in_bcc_is_not_visible() -> None:
    (copy,) = assisted(facts(to=BOB, bcc=CEO)).added
    assert not copy.visible


def test_an_assistant_who_sees_notices_only_is_told() -> None:
    (copy,) = assisted(facts(to=CFO)).added
    assert (copy.address, copy.notice_only) == (PA, True)


def test_one_assistant_of_two_executives_has_one_copy_about_both() -> None:
    (copy,) = assisted(facts(to=[CEO, COO])).added
    assert copy.about == {CEO, COO}


@pytest.mark.parametrize(
    "mail",
    [
        {"sender": ASSISTANT},
        {"sender": "lex@corp.example"},
        {"headers": {"Sensitivity": "Private"}},
    ],
)
def test_the_assistants_own_mail_and_what_no_assistant_names_is_not_copied(mail: dict[str, Any]) -> None:
    verdict = assisted(facts(to=CEO, **mail))
    assert verdict.added == ()
    assert verdict.waits[CEO].shorten == "sender"


def test_encrypted_mail_is_not_copied() -> None:
    found = facts(to=CEO)
    found.reading.kind = replace(found.reading.kind, encrypted=True)
    assert assisted(found).added == ()


def test_an_assistant_who_is_a_recipient_already_is_told_and_waits_for_nothing() -> None:
    found = facts(to=[CEO, ASSISTANT])
    then = "[{cc: {add: assistant_of_matched, send: now}}, {delay: 5m}]"
    verdict = judge(rule(EXECUTIVES, then), found)
    (copy,) = verdict.added
    assert (copy.address, copy.notice_only, copy.visible) == (ASSISTANT, True, False)
    assert set(verdict.waits) == {CEO}


def test_an_address_that_is_a_recipient_already_is_not_added_again() -> None:
    found = facts(to=["kim@client.example", "BOSS@corp.example"])
    now = judge(rule("{always: true}", "[{cc: {add: manager_of_sender, send: now}}, {delay: 5m}]"), found)
    assert now.added == ()
    assert set(now.waits) == {"kim@client.example"}
    waits = judge(rule("{always: true}", "[{cc: manager_of_sender}, {delay: 5m}]"), found).waits
    assert set(waits) == {"kim@client.example", "boss@corp.example"}


def test_addresses_and_managers_are_added() -> None:
    verdict = judge(rule("{always: true}", "[{bcc: {add: [archive@corp.example, manager_of_sender]}}]"), facts())
    assert added(verdict) == ["archive@corp.example", "boss@corp.example"]
    assert not any(copy.now or copy.visible for copy in verdict.added)


def test_a_missing_manager_and_the_sender_are_not_added() -> None:
    assert judge(rule("{always: true}", "[{cc: manager_of_sender}]"), facts(sender=BOB)).added == ()
    assert judge(rule("{always: true}", "[{cc: ann@corp.example}]"), facts()).added == ()


def test_two_rules_add_a_person_once() -> None:
    text = "rules:\n" + "".join(
        f"  - {{id: r{n}, when: {{always: true}}, then: [{{{how}: eve@corp.example}}]}}\n"
        for n, how in enumerate(("bcc", "cc"))
    )
    (copy,) = judge(text, facts()).added
    assert copy.visible
