"""What is kept of a mail answers the rules that judged it as the mail did, and others as far as it can."""

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mailguard.cli.packaged import default_rules
from mailguard.document import yaml
from mailguard.document.model import validate
from mailguard.errors import NotKept
from mailguard.history import Learn
from mailguard.intake.facts import gather
from mailguard.intake.keep import keep, recall
from mailguard.mail import address
from mailguard.mail.message import Message
from mailguard.people import People, empty
from mailguard.people import load as load_people
from mailguard.records import Kept, Mail, Match, Need
from mailguard.rules import sample
from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from mailguard.rules.loader import load
from mailguard.rules.rule import RuleSet
from mailguard.rules.tester import CORP
from mailguard.rules.testfile import Case, TestFile
from tests.unit.rules.judge import HOLDS, PEOPLE, facts, rule, rules

LEARN = Learn(mails=10, days=5)
ROUND_TRIP = TypeAdapter(Kept)


def stored(found: Facts) -> Mail:
    """The row of this mail, as far as its facts need it."""
    return Mail(
        "Q1", found.envelope, found.identity, 1, b"", found.now.astimezone(UTC), (), (), (), (), (), "",
        subject=found.subject, automatic=found.automatic,
    )  # fmt: skip


def again(found: Facts, people: People = PEOPLE, learn: Learn = LEARN) -> Facts:
    """Kept, written, read and recalled."""
    said = ROUND_TRIP.dump_json(keep(found), exclude_defaults=True)
    return recall(stored(found), ROUND_TRIP.validate_json(said), people, learn)


def asked(text: str, found: Facts) -> Match | None:
    """What the rule of this file says; NotKept is raised."""
    answer = rules(text).rules[0].when.ask(found)
    if error := getattr(answer, "error", None):
        raise error
    return answer if isinstance(answer, Match) else None


def shipped() -> list[tuple[Path, Case]]:
    files = sorted(default_rules().glob("*.test.yaml"))
    found = [(path, validate(yaml.read(path), TestFile)[0]) for path in files]
    return [(path, case) for path, file in found if file is not None for case in file.tests]


@pytest.fixture(scope="module")
def people() -> People:
    beside = default_rules() / "people.yaml"
    return load_people(beside, CORP) if beside.exists() else empty(CORP)


@pytest.fixture(scope="module")
def policy(people: People) -> RuleSet:
    return load([default_rules()], people)


@pytest.mark.parametrize(("path", "case"), shipped(), ids=lambda one: getattr(one, "name", ""))
def test_the_same_rules_say_the_same_of_what_was_kept(path: Path, case: Case, people: People, policy: RuleSet) -> None:
    at = case.moment(people.organization.clock_zone)
    raw, envelope, identity = sample.build(case, path.parent, at)
    known = sample.known(case, address.key(identity.address), at)
    found = gather(Message(raw), envelope, identity, people, known, at, LEARN)
    found = found.knowing(sent_files=sample.sent_files(case, found.reading), contents=(None,) * 99)
    then = evaluate(policy, found, HOLDS)
    now = evaluate(policy, again(found, people), HOLDS)
    assert now.action is then.action
    assert [(hit.rule, hit.recipients) for hit in now.hits] == [(hit.rule, hit.recipients) for hit in then.hits]
    assert [(hold.rule, hold.approvers) for hold in now.holds] == [(hold.rule, hold.approvers) for hold in then.holds]


@pytest.mark.parametrize(
    ("when", "true"),
    [
        ("{recipients: {any: external}}", True),
        ("{to: {any: external}}", False),
        ("{bcc: {any: {domain: rival.example}}}", True),
        ("{recipient_count: {at_least: 3}}", True),
        ("{sender: {in: [ann@corp.example]}}", True),
        ("{words: {any: [quote], in: [subject]}}", True),
        ("{words: {any: [plan], in: [file_names]}}", True),
        ("{attachment: {name: '*.pdf', larger_than: 10B}}", True),
        ("{attachment: {name: '*.zip'}}", False),
        ("{header: {name: X-Project, present: true}}", True),
        ("{header: {name: X-Other, present: true}}", False),
        ("{header: {name: Importance, is: high}}", True),
        ("{label: {any: [Secret]}}", True),
        ("{message: {is: confidential}}", True),
        ("{message: {is: calendar_reply}}", False),
        ("{time: {inside: 'Wed 11:00-13:00'}}", True),
    ],
)
def test_a_new_rule_can_ask_for_what_is_kept(when: str, true: bool) -> None:
    found = again(full())
    assert (asked(rule(when), found) is not None) is true


@pytest.mark.parametrize(
    "when",
    [
        "{words: {any: [falcon]}}",
        "{pattern: {re: falcon, in: [body]}}",
        "{identifier: {kind: [iban], in: [body]}}",
        "{header: {name: X-Project, contains: fal}}",
        "{attachment: {macros: true}}",
        "{attachment: {missing: true}}",
        "{recipients: {any: unexpected}}",
        "{recipients: {any: lookalike}}",
        "{recipients: {any: undeliverable}}",
        "{greeting: no_recipient}",
        "{thread: {quotes_others: true}}",
    ],
)
def test_what_was_not_kept_is_neither_true_nor_false(when: str) -> None:
    with pytest.raises(NotKept):
        asked(rule(when), again(full()))


def test_what_a_condition_said_then_stands_in_for_the_text_it_asks_for() -> None:
    found = full()
    live = rules(rule("{recipients: {any: external}, words: {any: [falcon]}}"))
    evaluate(live, found, HOLDS)
    draft = rule("{cc: {any: external}, words: {any: [falcon]}}")
    assert asked(draft, again(found)) is not None
    with pytest.raises(NotKept):  # other words are another question
        asked(rule("{words: {any: [falcon, eagle]}}"), again(found))


def test_a_list_that_changed_is_another_question() -> None:
    found = full()
    text = "version: 1\nlists: {secret: [%s]}\n" + rule("{words: {list: secret}}").partition("\n")[2]
    evaluate(rules(text % "falcon"), found, HOLDS)
    assert asked(text % "falcon", again(found)) is not None
    with pytest.raises(NotKept):
        asked(text % "falcon, eagle", again(found))


def test_nothing_the_mail_says_is_in_what_is_kept() -> None:
    found = full()
    evaluate(rules(rule("{words: {any: [falcon]}}")), found, HOLDS)
    said = ROUND_TRIP.dump_json(keep(found)).decode().casefold()
    assert "plan.pdf" in said  # file names are kept, as the decision's own record keeps them
    assert not [word for word in ("falcon", "hello", "quote", "ann example") if word in said]


def test_who_was_known_then_is_known_again_only_if_it_was_asked() -> None:
    given = {"history": [{"from": "ann@corp.example", "to": ["kim@client.example"], "days_ago": 30, "times": 20}]}
    found = facts(to=["kim@client.example"], cc=["mo@rival.example"], given=given)
    first = rule("{recipients: {any: first_contact}}")
    with pytest.raises(NotKept):
        asked(first, again(found))
    live = asked(first, found)
    assert Need.PAST in found.wanted
    assert (now := asked(rule("{cc: {any: first_contact}}"), again(found))) is not None
    assert live is not None
    assert now.recipients == live.recipients == {"mo@rival.example"}


def full(**more: Any) -> Facts:
    found = facts(
        sender="Ann Example <ann@corp.example>", to=["bob@corp.example"], cc=["kim@client.example"],
        bcc=["mo@rival.example"], subject="Quote", body="Hello,\n\nproject Falcon is on.\n",
        headers={"X-Project": "Falcon", "Importance": "high", "X-Classification": "Secret"},
        attach=[{"name": "plan.pdf", "type": "application/pdf", "text": "%PDF-1.4 the falcon flies"}], **more,
    )  # fmt: skip
    return replace(found)
