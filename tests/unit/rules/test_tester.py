"""Rule tests say plainly what differed, and never pass by mistake."""

from datetime import datetime
from pathlib import Path

import pytest

from mailguard.errors import ConfigError
from mailguard.history import Learn
from mailguard.intake.facts import gather
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.people import People
from mailguard.records import Known
from mailguard.rules import tester
from mailguard.rules.facts import Facts
from mailguard.rules.tester import Result, Setting
from tests.unit.rules.judge import HOLDS

RULES = """
version: 1
rules:
  - id: outside
    when: {recipients: {any: external}}
    then: [{delay: {for: 5m, copies: matching}}]
  - id: secret
    when: {words: {any: [secret], in: [subject, body, attachments]}}
    then: [{hold: sender_confirms}]
  - id: boss
    when: {recipients: {any: {group: executives}}}
    then: [{cc: {add: assistant_of_matched, send: now}}]
  - id: odd
    mode: audit
    when: {cc: {any: unexpected}}
    then: [{hold: sender_confirms}]
  - id: night
    when: {time: {outside: "Mon-Sun 06:00-22:00"}}
    then: [{tag: night}]
"""
PEOPLE = "people: [{address: ceo@corp.example, groups: [executives], assistant: pa@corp.example}]\n"


def collect(raw: bytes, envelope: Envelope, identity: Identity, known: Known, at: datetime, people: People) -> Facts:
    return gather(Message(raw), envelope, identity, people, known, at, Learn(mails=10, days=5))


SETTING = Setting(collect, HOLDS)


def run(folder: Path, tests: str, setting: Setting = SETTING) -> list[Result]:
    (folder / "a.yaml").write_text(RULES)
    (folder / "a.test.yaml").write_text(tests)
    return tester.run(folder / "a.test.yaml", setting)


def one(folder: Path, message: str, expect: str, more: str = "") -> tuple[str, ...]:
    text = f"{PEOPLE}tests:\n  - name: t\n    message: {message}\n    expect: {expect}\n{more}"
    (result,) = run(folder, text)
    return result.failures


NO_WORDS = "none of these words in the subject or the text or an attached file"
OUTSIDE = "1 recipient outside the organization: kim@client.example"
KIM = "{to: kim@client.example, cc: bob@corp.example, subject: Hello}"


@pytest.mark.parametrize(
    ("message", "expect"),
    [
        (KIM, "{verdict: delay, delay: 5m, fired: [outside], not_fired: [secret, odd], added: []}"),
        (KIM, "{recipients: {kim@client.example: delay, bob@corp.example: pass}}"),
        ("{to: bob@corp.example, subject: Our secret}", "{verdict: hold, recipients: {bob@corp.example: hold}}"),
        ("{to: bob@corp.example, body: 'żółty secret'}", "{verdict: hold}"),
        ("{to: bob@corp.example, html: '<p>our <b>secret</b></p>'}", "{verdict: hold}"),
        ("{to: bob@corp.example, attach: [{name: secret.pdf, size: 1KB}]}", "{verdict: hold}"),
        ("{bcc: kim@client.example, subject: Hello}", "{verdict: delay}"),
        ("{from: 'Ann <ann@corp.example>', to: 'CEO <ceo@corp.example>'}", "{added: [PA@corp.example]}"),
        ("{from: '<>', to: bob@corp.example}", "{verdict: pass}"),
    ],
)
def test_what_a_mail_is_expected_to_do(tmp_path: Path, message: str, expect: str) -> None:
    assert one(tmp_path, message, expect) == ()


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{verdict: pass}", "verdict: expected pass, got delay"),
        ("{delay: 6m}", "delay: expected 6m, got 5m"),
        ("{added: [pa@corp.example]}", "added: expected pa@corp.example, got nobody"),
        ("{recipients: {bob@corp.example: hold}}", "bob@corp.example: expected hold, got pass"),
        ("{recipients: {eve@corp.example: pass}}", "eve@corp.example: expected pass, got no recipient"),
        ("{fired: [secret]}", f"secret: expected to fire, but {NO_WORDS}"),
        ("{not_fired: [outside]}", f"outside: expected not to fire, but {OUTSIDE}"),
    ],
)  # fmt: skip
def test_a_failure_says_what_was_expected_and_what_came(tmp_path: Path, expect: str, said: str) -> None:
    failures = one(tmp_path, KIM, expect)
    assert failures[0] == said
    if not said.startswith(("secret", "outside")):
        assert failures[-1].startswith("why: outside: 1 recipient outside")


def test_history_and_thread_are_given(tmp_path: Path) -> None:
    history = "history: [{to: [bob@corp.example, eve@corp.example], days_ago: 9, times: 20}]"
    message = "{to: [bob@corp.example, eve@corp.example], cc: kim@client.example}"
    assert one(tmp_path, message, "{fired: [odd]}", f"    given: {{{history}}}\n") == ()
    young = history.replace("days_ago: 9", "days_ago: 1")
    assert one(tmp_path, message, "{not_fired: [odd]}", f"    given: {{{young}}}\n") == ()
    others = history.replace("[{to:", "[{from: lee@corp.example, to:")
    assert one(tmp_path, message, "{not_fired: [odd]}", f"    given: {{{others}}}\n") == ()
    pair = "{to: bob@corp.example, cc: eve@corp.example}"
    thread = "thread: [{from: bob@corp.example, to: [ann@corp.example]}]"
    assert one(tmp_path, pair, "{fired: [odd]}", f"    given: {{{history}, {thread}}}\n") == ()


@pytest.mark.parametrize(
    ("at", "fired"),
    [("2026-03-04T23:00", "fired"), ("2026-03-04T22:30+01:00", "not_fired"), ("2026-03-04T12:00", "not_fired")],
)
def test_a_time_is_local_or_has_an_offset(tmp_path: Path, at: str, fired: str) -> None:
    assert one(tmp_path, KIM, f"{{{fired}: [night]}}", f"    at: {at}\n") == ()  # the organization's zone is UTC


def test_a_message_file_stands_beside_the_tests(tmp_path: Path) -> None:
    eml = b"From: ann@corp.example\r\nTo: kim@client.example\r\nSubject: Our secret\r\n\r\nHello\r\n"
    (tmp_path / "mail.eml").write_bytes(eml)
    (result,) = run(tmp_path, f"{PEOPLE}tests:\n  - {{name: t, eml: mail.eml, expect: {{verdict: hold}}}}\n")
    assert result.passed
    with pytest.raises(ConfigError, match=r"gone\.eml"):
        run(tmp_path, f"{PEOPLE}tests:\n  - {{name: t, eml: gone.eml, expect: {{verdict: hold}}}}\n")


def test_only_the_rules_beside_it_apply_unless_it_says_more(tmp_path: Path) -> None:
    strict = "rules: [{id: strict, when: {always: true}, then: [{reject: no}]}]\n"
    (tmp_path / "b.yaml").write_text(strict)
    tests = "tests:\n  - {name: t, message: {to: bob@corp.example}, expect: {verdict: VERDICT}}\n"
    assert run(tmp_path, tests.replace("VERDICT", "pass"))[0].passed
    assert run(tmp_path, "rules: ['*.yaml']\n" + tests.replace("VERDICT", "reject"))[0].passed
    together = Setting(collect, HOLDS, together=True)
    assert run(tmp_path, tests.replace("VERDICT", "reject"), together)[0].passed


def test_people_come_from_the_configuration_the_file_or_beside_it(tmp_path: Path) -> None:
    tests = "tests:\n  - {name: t, message: {to: ceo@corp.example}, expect: {added: [ADDED]}}\n"
    assert run(tmp_path, PEOPLE + tests.replace("ADDED", "pa@corp.example"))[0].passed
    assert run(tmp_path, tests.replace("ADDED", ""))[0].passed
    (tmp_path / "people.yaml").write_text("version: 1\n" + PEOPLE)
    assert run(tmp_path, tests.replace("ADDED", "pa@corp.example"))[0].passed
    assert run(tmp_path, "people: people.yaml\n" + tests.replace("ADDED", "pa@corp.example"))[0].passed
    other = "organization: {domains: [client.example]}\npeople: []\n"
    mine = "tests:\n  - {name: t, message: {to: kim@client.example}, expect: {verdict: pass}}\n"
    assert run(tmp_path, other + mine)[0].passed


@pytest.mark.parametrize(
    ("tests", "code"),
    [
        ("tests:\n  - {name: t, message: {to: a@b.example}, expect: {fired: [outsid]}}\n", "MG104"),
        ("tests:\n  - {name: t, message: {to: a@b.example}, expect: {not_fired: [outsid]}}\n", "MG104"),
        ("tests:\n  - {name: t, message: {to: a@b.example}, expect: {}}\n", "MG106"),
        ("tests:\n  - {name: t, message: {subject: a}, expect: {verdict: pass}}\n", "MG105"),
        ("tests:\n  - {name: t, expect: {verdict: pass}}\n", "MG217"),
        ("tests:\n  - {name: t, message: {to: a@b.example}, expect: {verdict: held}}\n", "MG104"),
        ("tests:\n  - {name: t, message: {to: a@b.example}, at: noon, expect: {verdict: hold}}\n", "MG106"),
        ("tests:\n  - {name: t, mesage: {to: a@b.example}, expect: {verdict: hold}}\n", "MG103"),
    ],
)
def test_a_test_that_could_not_fail_or_is_misspelt_is_an_error(tmp_path: Path, tests: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, tests)
    assert code in [problem.code for problem in caught.value.problems]  # type: ignore[attr-defined]


def test_tests_are_found_beside_their_rules_and_chosen_by_name(tmp_path: Path) -> None:
    run(tmp_path, "tests: []\n")
    tests = [tmp_path / "a.test.yaml"]
    assert tester.test_files([tmp_path]) == tests
    assert tester.test_files([tmp_path / "a.yaml", tmp_path / "a.test.yaml"]) == tests
    text = "tests:\n" + "".join(
        f"  - {{name: {name}, message: {{to: bob@corp.example}}, expect: {{verdict: pass}}}}\n" for name in ("x", "y")
    )
    (tmp_path / "a.test.yaml").write_text(text)
    chosen = tester.run(tests[0], SETTING, lambda name: name == "y")
    assert [(result.name, result.line) for result in chosen] == [("y", 3)]
