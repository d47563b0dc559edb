"""What rules change in a mail: to_bcc, drop, subject, add_header."""

from dataclasses import replace
from typing import Any

import pytest

from mailguard.mail.headers import Add, Drop, Hide, Prefix, Withheld
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.records import Action, HoldKind, OnExpiry
from mailguard.rules.changes import said
from mailguard.rules.engine import explain
from mailguard.rules.facts import Facts
from tests.unit.rules.judge import HOLDS, facts, judge, rule, rules

EXTERNAL = "{recipients: {any: external}}"
ALWAYS = "{always: true}"
KIM, MO, BOB = "kim@client.example", "mo@rival.example", "bob@corp.example"
SIGNED = "v=1; a=rsa-sha256; d=corp.example; h=From:To:Cc:Subject:X-Class; bh=x; b=y"


def signed(**message: Any) -> Facts:
    return facts(headers={"DKIM-Signature": SIGNED}, **message)


def test_matched_recipients_become_bcc_and_get_their_copies() -> None:
    verdict = judge(rule(EXTERNAL, "[{to_bcc: true}]"), facts(to=[BOB, KIM], cc=MO))
    assert verdict.edits == (Hide(KIM), Hide(MO))
    assert (verdict.action, dict(verdict.dropped)) == (Action.PASS, {})


def test_all_of_to_and_cc_become_bcc_who_is_bcc_already_is_not_named() -> None:
    verdict = judge(rule(ALWAYS, "[{to_bcc: all}]"), facts(to=[BOB, KIM], bcc=MO))
    assert verdict.edits == (Hide(BOB), Hide(KIM))


def test_a_signed_mail_is_held_because_nobody_can_be_hidden() -> None:
    verdict = judge(rule(EXTERNAL, "[{to_bcc: true}]"), signed(to=[BOB, KIM]))
    (hold,) = verdict.holds
    assert (verdict.action, verdict.edits, hold.kind) == (Action.HOLD, (), HoldKind.ERROR)
    assert (hold.rule, hold.on_expiry) == ("r", OnExpiry.RETURN)
    assert "kim@client.example cannot leave To and Cc, because the header is signed" in hold.reason
    broken = judge(rule(EXTERNAL, "[{to_bcc: {edit_signed: true}}]"), signed(to=[BOB, KIM]))
    assert (broken.action, broken.edits) == (Action.PASS, (Hide(KIM),))


def test_who_cannot_be_cut_out_of_the_header_is_not_quietly_left_there() -> None:
    found = facts(to=[BOB, KIM])
    raw = bytes(found.message.raw).replace(b"bob@corp.example, kim", b"bob@corp.example kim")
    reading = Reading(Message(raw))
    verdict = judge(rule(ALWAYS, "[{to_bcc: all}]"), replace(found, reading=reading, to=(KIM,)))
    assert Hide(KIM) not in verdict.edits
    assert verdict.action is Action.HOLD


def test_dropped_recipients_get_nothing_and_leave_the_header() -> None:
    text = rule("{recipients: {any: {domain: rival.example}}}", "[{drop: true}, {delay: 5m}]")
    verdict = judge(text, facts(to=[KIM, MO]))
    assert dict(verdict.dropped) == {MO: "r"}
    assert verdict.edits == (Drop(MO),)
    assert list(verdict.waits) == [KIM]


def test_on_a_signed_mail_a_drop_is_of_the_envelope_only() -> None:
    verdict = judge(rule("{to: {any: {domain: rival.example}}}", "[{drop: true}]"), signed(to=[KIM, MO]))
    assert (verdict.edits, dict(verdict.dropped)) == ((Withheld("drop", MO),), {MO: "r"})
    assert verdict.action is Action.PASS


def test_the_last_recipient_is_never_dropped_the_mail_is_rejected_with_words() -> None:
    verdict = judge(rule(EXTERNAL, "[{drop: true}]"), facts(to=[KIM, MO]))
    assert (verdict.action, dict(verdict.dropped)) == (Action.REJECT, {})
    assert verdict.reject.startswith("r: nobody would be left to send it to; 2 recipients outside")


def test_several_rules_that_together_drop_everybody_reject_it_too() -> None:
    one = rule("{to: {any: {domain: rival.example}}}", "[{drop: true}]")
    two = (
        rule("{to: {any: {domain: client.example}}}", "[{drop: true}]")
        .partition("rules:\n")[2]
        .replace("id: r", "id: s")
    )
    assert judge(one + two, facts(to=[KIM, MO])).action is Action.REJECT


def test_an_assistant_of_nobody_but_who_is_dropped_gets_no_copy() -> None:
    text = rule("{to: {any: {group: executives}}}", "[{cc: assistant_of_matched}, {drop: true}]")
    assert judge(text, facts(to=["ceo@corp.example", BOB])).added == ()


def test_who_is_dropped_is_not_hidden_as_well() -> None:
    verdict = judge(rule("{to: {any: {domain: rival.example}}}", "[{to_bcc: all}, {drop: true}]"), facts(to=[KIM, MO]))
    assert verdict.edits == (Drop(MO), Hide(KIM))


def test_the_subject_and_the_header_get_what_rules_say_once() -> None:
    then = "[{subject: {prefix: '[EXT] '}}, {add_header: {name: X-Class, value: outside}}]"
    text = rule(EXTERNAL, then) + rule(EXTERNAL, then).partition("rules:\n")[2].replace("id: r", "id: s")
    verdict = judge(text, facts(to=KIM))
    assert verdict.edits == (Prefix("[EXT]"), Add("X-Class", "outside"))
    assert said(verdict.edits) == ["the subject begins with [EXT]", "header X-Class: outside"]
    assert judge(text, facts(to=BOB)).edits == ()


@pytest.mark.parametrize(
    ("then", "what"),
    [
        ("[{subject: {prefix: X}}]", Withheld("subject", "X")),
        ("[{add_header: {name: X-Class, value: y}}]", Withheld("add_header", "X-Class")),
        ("[{add_header: {name: X-Other, value: y}}]", Add("X-Other", "y")),
        ("[{subject: {prefix: X, edit_signed: true}}]", Prefix("X")),
    ],
)
def test_a_signature_is_not_broken_unless_the_rule_says_so(then: str, what: object) -> None:
    assert judge(rule(ALWAYS, then), signed(to=KIM)).edits == (what,)


def test_an_audit_rule_changes_nothing_and_a_stop_skips_none_of_them() -> None:
    then = "[{to_bcc: all}, {subject: {prefix: X}}, {add_header: {name: X-A, value: y}}]"
    audit = judge(rule(ALWAYS, then, mode="audit"), facts(to=KIM))
    assert (audit.edits, audit.action, len(audit.hits)) == ((), Action.PASS, 1)
    stop = "version: 1\nrules:\n  - {id: first, when: {always: true}, stop: true, then: []}\n"
    assert judge(stop + rule(ALWAYS, then).partition("rules:\n")[2], facts(to=KIM)).edits != ()


def test_explain_has_the_changes() -> None:
    verdict, _ = explain(rules(rule(ALWAYS, "[{to_bcc: all}]")), facts(to=[BOB, KIM]), HOLDS)
    assert said(verdict.edits) == ["bob@corp.example becomes Bcc", "kim@client.example becomes Bcc"]
