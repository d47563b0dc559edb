"""From rules that matched to one decision."""

from datetime import UTC, datetime, timedelta

import pytest

from mailguard.records import Action, Mode, OnExpiry, Requires, Shorten
from mailguard.rules.engine import explain
from mailguard.rules.settings import HoldSettings
from tests.unit.rules.judge import HOLDS, NOON, WARSAW, facts, judge, later, rule, rules

KIM, BOB = "kim@client.example", "bob@corp.example"
EXTERNAL = "{recipients: {any: external}}"
ALWAYS = "{always: true}"


def several(*entries: str) -> str:
    return "rules:\n" + "".join(f"  - {{id: r{n}, {entry}}}\n" for n, entry in enumerate(entries, 1))


def minutes(verdict: object, found: object) -> dict[str, float]:
    now = found.now  # type: ignore[attr-defined]
    return {key: (wait.due_at - now) / timedelta(minutes=1) for key, wait in verdict.waits.items()}  # type: ignore[attr-defined]


def approved_by(whom: str, more: str = "") -> str:
    return rule(ALWAYS, f"[{{hold: {{until: {{approved_by: {whom}{more}}}}}}}]")


def test_no_rule_matched_is_a_pass() -> None:
    verdict = judge(rule(EXTERNAL), facts())
    assert (verdict.action, verdict.hits, dict(verdict.waits)) == (Action.PASS, (), {})


def test_the_strictest_wins_whatever_the_order() -> None:
    parts = ["when: {always: true}, then: [{delay: 5m}]", "when: {always: true}, then: [{hold: sender_confirms}]"]
    for entries in (parts, parts[::-1]):
        assert judge(several(*entries), facts()).action is Action.HOLD
    parts.append("when: {always: true}, then: [{reject: {message: not today}}]")
    for entries in (parts, parts[::-1]):
        verdict = judge(several(*entries), facts())
        assert (verdict.action, verdict.holds, dict(verdict.waits)) == (Action.REJECT, (), {})
        assert verdict.reject.endswith(": not today")


def test_the_longest_delay_wins_for_each_recipient() -> None:
    found = facts(to=[BOB, KIM])
    text = several(
        f"when: {EXTERNAL}, then: [{{delay: {{for: 15m, copies: matching}}}}]", f"when: {ALWAYS}, then: [{{delay: 5m}}]"
    )
    verdict = judge(text, found)
    assert minutes(verdict, found) == {BOB: 5, KIM: 15}
    assert (verdict.waits[KIM].rule, verdict.waits[BOB].rule) == ("r1", "r2")


def test_matching_copies_wait_and_the_others_leave() -> None:
    found = facts(to=[BOB, KIM])
    verdict = judge(rule(EXTERNAL, "[{delay: {for: 5m, copies: matching}}]"), found)
    assert minutes(verdict, found) == {KIM: 5}
    assert verdict.action is Action.DELAY


def test_matching_means_everyone_when_only_a_branch_without_recipients_is_true() -> None:
    when = "{any: [{recipients: {any: freemail}}, {words: {any: [x], in: [subject]}}]}"
    found = facts(to=[BOB, KIM], subject="x")
    assert minutes(judge(rule(when, "[{delay: {for: 5m, copies: matching}}]"), found), found) == {BOB: 5, KIM: 5}


@pytest.mark.parametrize(
    ("at", "then", "due"),
    [
        (NOON, '{until: "08:00"}', datetime(2026, 3, 5, 7, 0, tzinfo=UTC)),
        (NOON, '{until: "18:30"}', datetime(2026, 3, 4, 17, 30, tzinfo=UTC)),
        (NOON.replace(hour=7, minute=59), '{for: 5m, until: "08:00"}', datetime(2026, 3, 4, 7, 4, tzinfo=UTC)),
        (NOON.replace(hour=7, minute=0), '{for: 5m, until: "08:00"}', datetime(2026, 3, 4, 7, 0, tzinfo=UTC)),
        # the clocks go forward in the night to 29 March 2026: 08:00 is 06:00 UTC
        (datetime(2026, 3, 28, 20, 0, tzinfo=WARSAW), '{until: "08:00"}', datetime(2026, 3, 29, 6, 0, tzinfo=UTC)),
    ],
)
def test_until_is_the_next_such_time_on_our_wall_clock(at: datetime, then: str, due: datetime) -> None:
    verdict = judge(rule(ALWAYS, f"[{{delay: {then}}}]"), facts(at=at))
    assert verdict.waits[BOB].due_at == due


@pytest.mark.parametrize(("asked", "due", "by"), [(60, 60, ""), (2, 5, "r")])
def test_the_later_of_the_rules_and_the_clients_time_counts(asked: int, due: int, by: str) -> None:
    found = later(facts(to=KIM), timedelta(minutes=asked))
    verdict = judge(rule(EXTERNAL), found)
    assert minutes(verdict, found) == {KIM: due}
    assert verdict.waits[KIM].rule == by


def test_the_clients_time_is_a_delay_without_any_rule() -> None:
    found = later(facts(to=BOB), timedelta(minutes=10))
    verdict = judge(rule(EXTERNAL), found)
    assert (verdict.action, minutes(verdict, found)) == (Action.DELAY, {BOB: 10})
    assert judge(rule(EXTERNAL), later(facts(), -timedelta(minutes=1))).action is Action.PASS


def test_the_strictest_shorten_wins_and_a_client_time_keeps_it() -> None:
    text = several(
        f"when: {ALWAYS}, then: [{{delay: {{for: 5m, shorten: nobody}}}}]", f"when: {ALWAYS}, then: [{{delay: 9m}}]"
    )
    found = facts()
    wait = judge(text, found).waits[BOB]
    assert (wait.due_at - found.now, wait.shorten) == (timedelta(minutes=9), Shorten.NOBODY)
    assert judge(text, later(found, timedelta(hours=1))).waits[BOB].shorten is Shorten.NOBODY


def test_an_assistant_shortens_only_where_there_is_one() -> None:
    when, then = "{to: {any: internal}}", "[{cc: {add: assistant_of_matched}}, {delay: {for: 5m, shorten: assistant}}]"
    waits = judge(rule(when, then), facts(to=["ceo@corp.example", BOB])).waits
    assert waits["ceo@corp.example"].shorten is Shorten.ASSISTANT
    assert waits[BOB].shorten is Shorten.SENDER


# --- holds ----------------------------------------------------------------------------------------------------


def test_a_hold_takes_what_it_does_not_say_from_the_settings() -> None:
    found = facts()
    (hold,) = judge(rule(ALWAYS, "[{hold: sender_confirms}]"), found).holds
    assert (hold.rule, hold.approvers, hold.requires, hold.on_expiry) == ("r", (), Requires.LINK, OnExpiry.RETURN)
    assert hold.expires_at == found.now + timedelta(hours=72)


def test_a_hold_says_its_own() -> None:
    found = facts()
    then = "[{hold: {until: sender_confirms, expires: 8h, on_expiry: discard, requires: login}}]"
    (hold,) = judge(rule(ALWAYS, then), found).holds
    assert (hold.expires_at, hold.on_expiry, hold.requires) == (
        found.now + timedelta(hours=8), OnExpiry.DISCARD, Requires.LOGIN,
    )  # fmt: skip


def test_several_rules_hold_each_for_itself() -> None:
    text = several(
        f"when: {ALWAYS}, then: [{{hold: sender_confirms}}]",
        f"when: {ALWAYS}, then: [{{hold: {{until: {{approved_by: boss@corp.example}}}}}}]",
    )
    holds = judge(text, facts()).holds
    assert [(hold.rule, hold.approvers) for hold in holds] == [("r1", ()), ("r2", ("boss@corp.example",))]


def test_high_severity_and_approvers_ask_for_a_code() -> None:
    assert judge(rule(ALWAYS, "[{hold: sender_confirms}]", severity="high"), facts()).holds[0].requires is Requires.CODE
    assert judge(approved_by("boss@corp.example"), facts()).holds[0].requires is Requires.CODE


@pytest.mark.parametrize(
    ("whom", "sender", "approvers", "needed"),
    [
        ("boss@corp.example", "ann@corp.example", ("boss@corp.example",), 1),
        ("manager_of_sender", "ann@corp.example", ("boss@corp.example",), 1),
        ("manager_of_sender", "bob@corp.example", ("postmaster@corp.example",), 1),  # no manager known
        ("{group: legal}", "ann@corp.example", ("lea@corp.example", "lex@corp.example"), 1),
        ("{group: legal}, of: 2", "ann@corp.example", ("lea@corp.example", "lex@corp.example"), 2),
        ("{group: nobody}", "ann@corp.example", ("postmaster@corp.example",), 1),
        ("{group: legal}, of: 2", "lex@corp.example", ("lea@corp.example", "postmaster@corp.example"), 2),
        ("lex@corp.example", "lex@corp.example", ("postmaster@corp.example",), 1),  # nobody approves their own
        ("[lex@corp.example, LEX@corp.example]", "ann@corp.example", ("LEX@corp.example",), 1),
        ("manager_of_sender", "<>", ("postmaster@corp.example",), 1),
    ],
)
def test_approvers_are_found_or_the_fallback_is_asked(
    whom: str, sender: str, approvers: tuple[str, ...], needed: int
) -> None:
    (hold,) = judge(approved_by(whom), facts(sender=sender)).holds
    assert (hold.approvers, hold.needed) == (approvers, needed)


def test_a_default_of_send_does_not_open_a_hold_that_needs_approval() -> None:
    bold = HoldSettings(fallback="postmaster@corp.example", on_expiry=OnExpiry.SEND)
    assert judge(approved_by("boss@corp.example"), facts(), bold).holds[0].on_expiry is OnExpiry.RETURN
    assert judge(rule(ALWAYS, "[{hold: sender_confirms}]"), facts(), bold).holds[0].on_expiry is OnExpiry.SEND


def test_with_a_calendar_fridays_hold_is_still_there_on_monday() -> None:
    office = HoldSettings(fallback="postmaster@corp.example", calendar="Mon-Fri 08:00-18:00")
    friday = datetime(2026, 3, 6, 17, 0, tzinfo=WARSAW)
    (hold,) = judge(rule(ALWAYS, "[{hold: {expires: 8h}}]"), facts(at=friday), office).holds
    assert hold.expires_at == datetime(2026, 3, 9, 15, 0, tzinfo=WARSAW)


# --- stop, audit, the rest ------------------------------------------------------------------------------------


def test_stop_skips_later_delays_and_notices_but_never_a_hold_a_reject_or_a_copy() -> None:
    stop = f"when: {ALWAYS}, stop: true, then: [{{tag: seen}}]"
    text = several(
        stop,
        f"when: {ALWAYS}, then: [{{delay: 5m}}]",
        f"when: {ALWAYS}, then: [{{notify: {{to: sender}}}}]",
        f"when: {ALWAYS}, then: [{{hold: sender_confirms}}]",
        f"when: {ALWAYS}, then: [{{cc: {{add: eve@corp.example}}}}]",
    )
    verdict = judge(text, facts())
    assert verdict.rules == ("r1", "r4", "r5")
    assert judge(several(stop, f"when: {ALWAYS}, then: [{{reject: no}}]"), facts()).action is Action.REJECT


def test_a_stop_that_only_audits_stops_nothing() -> None:
    text = several(f"when: {ALWAYS}, stop: true, mode: audit, then: []", f"when: {ALWAYS}, then: [{{delay: 5m}}]")
    assert judge(text, facts()).action is Action.DELAY


def test_an_audit_rule_is_recorded_and_does_nothing() -> None:
    then = "[{hold: sender_confirms}, {cc: eve@corp.example}, {notify: sender}, {tag: x}]"
    verdict = judge(rule(ALWAYS, then, mode="audit"), facts())
    assert (verdict.action, verdict.added, verdict.notify, verdict.tags) == (Action.PASS, (), (), ())
    assert [(hit.mode, hit.action) for hit in verdict.hits] == [(Mode.AUDIT, Action.HOLD)]


def test_tags_and_notices_are_collected_once() -> None:
    text = several(
        f"when: {ALWAYS}, then: [{{tag: [a, b]}}, {{notify: {{to: [sender, manager_of_sender]}}}}]",
        f"when: {ALWAYS}, then: [{{tag: a}}, {{notify: ANN@corp.example}}]",
    )
    verdict = judge(text, facts())
    assert verdict.tags == ("a", "b")
    assert {to.lower() for to in verdict.notify} == {"ann@corp.example", "boss@corp.example"}
    assert verdict.action is Action.PASS


def test_the_explain_text_is_filled_in() -> None:
    text = rule(
        "{recipients: {any: external}, words: {any: [poufne], in: [subject]}}",
        "[{hold: sender_confirms}]",
        explain='"“{matched}” in {where}, going to {external_domains}, for {recipients} by {sender}"',
    )
    (hit,) = judge(text, facts(to=[KIM, BOB], subject="Poufne")).hits
    assert hit.reason == f"“poufne” in the subject, going to client.example, for {KIM} by ann@corp.example"


def test_a_field_in_what_was_found_is_not_filled_in_again() -> None:
    text = rule("{pattern: {re: '[{]sender[}]', in: [subject]}}", explain='"found {matched}"')
    (hit,) = judge(text, facts(subject="{sender}")).hits
    assert hit.reason == "found {sender}"


def test_explain_says_of_every_rule_what_decided_it() -> None:
    text = several(
        f"when: {EXTERNAL}, then: [{{delay: 5m}}]",
        "when: {cc: {any: unexpected}}, then: [{delay: 5m}]",
        f"when: {ALWAYS}, unless: {{sender: internal}}, then: [{{delay: 5m}}]",
        f"when: {ALWAYS}, mode: off, then: [{{delay: 5m}}]",
        f"when: {ALWAYS}, stop: true, then: []",
        f"when: {ALWAYS}, then: [{{delay: 5m}}]",
    )
    verdict, reports = explain(rules(text), facts(cc="eve@corp.example"), HOLDS)
    assert [(report.id, report.matched) for report in reports] == [
        ("r1", False), ("r2", False), ("r3", False), ("r4", False), ("r5", True), ("r6", False),
    ]  # fmt: skip
    said = [report.reason for report in reports]
    assert said[0] == "nobody among the recipients is outside the organization"
    assert said[1] == "not known: too little of the sender's mail has been seen"
    assert said[2] == "excepted: the sender ann@corp.example is inside the organization"
    assert said[3] == "switched off"
    assert said[5] == "not asked: r5 ends with stop"
    assert verdict.action is Action.PASS
