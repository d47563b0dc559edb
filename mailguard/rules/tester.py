"""Rule tests: x.test.yaml beside x.yaml. Each mail is made, judged by the real engine, and compared."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mailguard.document import yaml
from mailguard.document.model import validate
from mailguard.document.problem import ordered, summary
from mailguard.document.units import short
from mailguard.errors import CannotTell, RuleError
from mailguard.mail import address, headers
from mailguard.mail.envelope import Envelope, Identity
from mailguard.mail.message import Message
from mailguard.people import Organization, People, empty
from mailguard.people import load as load_people
from mailguard.people import parse as parse_people
from mailguard.people.holidays import with_holidays
from mailguard.records import Action, Content, Known, Need, Verdict
from mailguard.rules import sample
from mailguard.rules.codes import Code
from mailguard.rules.engine import RuleReport, explain
from mailguard.rules.facts import Facts
from mailguard.rules.loader import TEST_SUFFIX, load
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.rules.testfile import Case, Expect, TestFile

Gather = Callable[[bytes, Envelope, Identity, Known, datetime, People], Facts]
Read = Callable[[Message], tuple[Content | None, ...] | None]
CHOICE = Code.CHOICE.value
CORP = Organization(name="Corp Example", domains=("corp.example",))


@dataclass(frozen=True, slots=True)
class Result:
    """How one test went: no failures means it passed."""

    path: str
    line: int
    name: str
    failures: tuple[str, ...] = ()
    matched: Mapping[str, bool | None] = field(default_factory=dict)  # what each rule said; empty for unreadable mail

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class Setting:
    """What tests run in: `gather` is intake's, `read` looks into attached files; `people` those of the configuration.

    `together`: every rule file of the folder applies, not only the one the test file stands beside.
    """

    gather: Gather
    holds: HoldSettings
    people: People | None = None
    together: bool = False
    read: Read = lambda _: None


def test_files(paths: Sequence[Path]) -> list[Path]:
    """The test files that files and folders mean; a rule file means the tests beside it."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found |= set(path.glob(f"*{TEST_SUFFIX}"))
        elif path.name.endswith(TEST_SUFFIX):
            found.add(path)
        elif (beside := path.with_name(path.stem + TEST_SUFFIX)).exists():
            found.add(beside)
    return sorted(found)


test_files.__test__ = False  # type: ignore[attr-defined] # for pytest: this is no test


@dataclass(frozen=True, slots=True)
class Bench:
    """A test file that was read, with the rules and people it is about."""

    path: Path
    document: yaml.Document
    file: TestFile
    people: People
    rules: RuleSet

    def line(self, number: int) -> int:
        return self.document.mark(("tests", number))[0]


def run(path: Path, setting: Setting, wanted: Callable[[str], object] = lambda _: True) -> list[Result]:
    """Every test of the file whose name is `wanted`. Raises ConfigError when it, its rules or people are wrong."""
    bench = prepared(path, setting)
    _check_names(bench.document, bench.file, bench.rules)
    return [_result(case, number, bench, setting) for number, case in enumerate(bench.file.tests) if wanted(case.name)]


def prepared(path: Path, setting: Setting, folder: Path | None = None) -> Bench:
    """The test file, and the rules it is about: those in `folder`, or beside it. Raises ConfigError."""
    document = yaml.read(path)
    file, problems = validate(document, TestFile)
    if file is None:
        raise RuleError(summary(problems), ordered(problems))
    people = setting.people or _people(file, path)
    files = _rule_files(file, (folder or path.parent) / path.name, together=setting.together)
    if folder is not None:  # what is new since then has no rules there
        files = [one for one in files if one.exists() or any(sign in one.name for sign in "*?[")]
    return Bench(path, document, file, people, load(files, people) if files else RuleSet())


def _organization(file: TestFile, path: Path) -> Organization:
    organization, problems = with_holidays(file.organization or CORP, path.parent)
    if problems:
        raise RuleError(summary(problems), ordered(problems))
    return organization


def _people(file: TestFile, path: Path) -> People:
    organization = _organization(file, path)
    if isinstance(file.people, str):
        return load_people(path.parent / file.people, organization)
    if file.people is not None:
        whole = file.people if isinstance(file.people, dict) else {"people": file.people}
        return parse_people(yaml.parse(json.dumps(whole), str(path)), organization)  # JSON is YAML
    beside = path.with_name("people.yaml")
    return load_people(beside, organization) if beside.exists() else empty(organization)


def _rule_files(file: TestFile, path: Path, *, together: bool) -> list[Path]:
    if together:
        return [path.parent]
    if file.rules:
        return [path.parent / pattern for pattern in file.rules]
    return [path.with_name(path.name.removesuffix(TEST_SUFFIX) + ".yaml")]


def _check_names(document: yaml.Document, file: TestFile, rules: RuleSet) -> None:
    """A rule that is spelt wrong under not_fired would never fail."""
    known = {rule.id for rule in rules.rules}
    problems = [
        document.problem(("tests", number, "expect", key, place), CHOICE, f'there is no rule "{name}" here')
        for number, case in enumerate(file.tests)
        for key in ("fired", "not_fired")
        for place, name in enumerate(getattr(case.expect, key))
        if name not in known
    ]
    if problems:
        raise RuleError(summary(problems), ordered(problems))


def _result(case: Case, number: int, bench: Bench, setting: Setting) -> Result:
    said = Result(str(bench.path), bench.line(number), case.name)
    try:
        verdict, reports, facts = judged(case, bench, setting)
    except CannotTell as error:
        return replace(said, failures=(f"the mail could not be read: {error}",))
    matched = {report.id: report.matched for report in reports}
    return replace(said, failures=tuple(_compare(case.expect, verdict, reports, facts)), matched=matched)


def judged(case: Case, bench: Bench, setting: Setting) -> tuple[Verdict, list[RuleReport], Facts]:
    """What the rules say of a test's mail. Raises CannotTell when it cannot be read."""
    at = case.moment(bench.people.organization.clock_zone)
    raw, envelope, identity = sample.build(case, bench.path.parent, at)
    known = sample.known(case, address.key(identity.address), at)
    facts = setting.gather(raw, envelope, identity, known, at, bench.people)
    facts = facts.knowing(sent_files=sample.sent_files(case, facts.reading))
    verdict, reports = explain(bench.rules, facts, setting.holds)
    if Need.CONTENTS in facts.wanted:
        facts = facts.knowing(contents=setting.read(facts.message))
        verdict, reports = explain(bench.rules, facts, setting.holds)
    return verdict, reports, facts


def _compare(expect: Expect, verdict: Verdict, reports: Sequence[RuleReport], facts: Facts) -> Iterable[str]:
    got: list[tuple[str, Any, Any]] = []
    if expect.verdict is not None:
        got.append(("verdict", expect.verdict, verdict.action.name.lower()))
    if expect.delay is not None:
        got.append(("delay", short(expect.delay), short(longest(verdict, facts.now))))
    got += _changed(expect, verdict, facts)
    for one, wanted in expect.recipients.items():
        got.append((one, wanted, recipient_action(verdict, address.key(one), facts)))
    if expect.added is not None:
        already = {address.key(key) for key in facts.recipients}
        added = {address.key(copy.address) for copy in verdict.added} - already
        got.append(("added", _said(map(address.key, expect.added)), _said(added)))
    differ = [f"{what}: expected {wanted}, got {have}" for what, wanted, have in got if wanted != have]
    if differ:
        differ.append(f"why: {_why(reports)}")
    said = {report.id: report for report in reports}
    for name in expect.fired:
        if said[name].matched is not True:
            differ.append(f"{name}: expected to fire, but {said[name].reason or 'it did not'}")
    for name in expect.not_fired:
        if said[name].matched is not False:
            differ.append(f"{name}: expected not to fire, but {said[name].reason or 'it did'}")
    return differ


def _changed(expect: Expect, verdict: Verdict, facts: Facts) -> Iterable[tuple[str, Any, Any]]:
    """Of what rules change in the mail."""
    if expect.hidden is not None:
        hidden = {address.key(edit.address) for edit in verdict.edits if isinstance(edit, headers.Hide)}
        yield "hidden", _said(map(address.key, expect.hidden)), _said(hidden)
    if expect.disclaimer is not None:
        yield "disclaimer", expect.disclaimer, any(isinstance(edit, headers.Splice) for edit in verdict.edits)
    if expect.headers:
        left = Message(headers.apply(bytes(facts.message.raw[: facts.message.head_size]), verdict.edits))
        yield from ((name, wanted, left.get(name) or "") for name, wanted in expect.headers.items())


def longest(verdict: Verdict, now: datetime) -> timedelta:
    """The longest wait of a recipient."""
    return max((wait.due_at - now for wait in verdict.waits.values()), default=timedelta())


def recipient_action(verdict: Verdict, key: str, facts: Facts) -> str:
    """What the verdict means for one recipient's copy; 'no recipient' for somebody else."""
    if key not in facts.recipients and key not in {address.key(copy.address) for copy in verdict.added}:
        return "no recipient"
    if key in verdict.dropped:
        return "drop"
    if verdict.action in (Action.HOLD, Action.REJECT):
        return verdict.action.name.lower()
    return "delay" if key in verdict.waits else "pass"


def _why(reports: Sequence[RuleReport]) -> str:
    fired = [f"{report.id}: {report.reason}" for report in reports if report.matched is not False]
    return "; ".join(fired) or "no rule matched"


def _said(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)) or "nobody"
