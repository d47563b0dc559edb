"""What README.md and docs/ show must work: every YAML block loads, every verb exists, every link leads somewhere."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import generate_latest

from mailguard import config, people
from mailguard.cli import VERBS, cli
from mailguard.cli.common import Context
from mailguard.courier.settings import NextHop
from mailguard.directory.settings import DirectorySettings
from mailguard.document import yaml
from mailguard.metrics import Metrics
from mailguard.people import Organization, People
from mailguard.people.calendar import Calendar
from mailguard.people.hours import parse
from mailguard.rules import loader
from mailguard.smtpd.settings import Listener, Users
from tests.web.screenshots import LOOKS, PICTURED

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RULES = [ROOT / "README.md", ROOT / "docs" / "writing-rules.md", ROOT / "docs" / "tutorials" / "rules.md"]

_BLOCK = re.compile(r"^(?P<indent> *)```yaml\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_PEOPLE = """\
version: 1
people:
  - {address: ceo@corp.example, groups: [executives], assistant: assistant@corp.example, manager: chair@corp.example}
groups: {legal: [lex@corp.example], it: [it@corp.example]}
"""
_CORP = Organization(name="Corp", domains=("corp.example",), calendar=Calendar(hours=parse("Mon-Fri 08:00-18:00")))
# What the pieces of rules refer to; the page itself shows these lists.
_LISTS = {"secret": ["bluebird"], "partners": ["kim@client.example"]}


def blocks(page: Path) -> list[tuple[int, str]]:
    """(line, text) of every YAML block."""
    text = page.read_text("utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines()]
        found.append((text.count("\n", 0, match.start()) + 2, "\n".join(lines) + "\n"))
    return found


EXAMPLES = [
    pytest.param(text, id=f"{page.name}:{line}") for page in RULES for line, text in blocks(page)
]  # fmt: skip


@pytest.fixture
def staff(tmp_path: Path) -> People:
    (tmp_path / "people.yaml").write_text(_PEOPLE)
    return people.load(tmp_path / "people.yaml", _CORP)


def as_file(data: Mapping[str, Any]) -> dict[str, Any]:
    """A whole rule file around a piece of one."""
    if "rules" in data or set(data) <= {"version", "lists"}:
        return dict(data)
    rule = {"id": "example", "when": {"recipients": {"any": "external"}}, "then": [{"delay": "5m"}], **data}
    if "assistant_of_matched" in str(rule["then"]):
        rule["when"] = {"recipients": {"any": "has_assistant"}}
    return {"version": 1, "lists": _LISTS, "rules": [rule]}


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_loads(text: str, staff: People, tmp_path: Path) -> None:
    data = yaml.parse(text, "example.yaml").data
    assert isinstance(data, dict)
    if "tests" not in data:  # those are run below
        path = tmp_path / "example.yaml"
        path.write_text(json.dumps(as_file(data), default=str))  # JSON is YAML
        loader.load([path], staff)


@pytest.mark.parametrize("name", ["project-name-outside", "rule tests"])
def test_the_tests_shown_pass(name: str, tmp_path: Path) -> None:
    """The first rule of the page with its tests, and the example of everything a test can say."""
    shown = [text for _, text in blocks(ROOT / "docs" / "writing-rules.md")]
    tests = [text for text in shown if "tests:" in text]
    assert len(tests) == 2
    for rule in (ROOT / "rules").glob("[0-9]*[a-z].yaml"):
        if not rule.name.endswith(".test.yaml"):
            shutil.copy(rule, tmp_path)
    (tmp_path / "50-projects.yaml").write_text(next(text for text in shown if name in text or "id: project" in text))
    (tmp_path / "50-projects.test.yaml").write_text(tests[name == "rule tests"])
    done = CliRunner().invoke(cli, ["test", str(tmp_path)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert done.exit_code == 0, done.output
    assert " 0 failed" in done.output


def test_the_rule_of_the_tutorial_passes_its_tests(tmp_path: Path) -> None:
    (_, rule), (_, tests) = blocks(ROOT / "docs" / "tutorials" / "rules.md")
    (tmp_path / "50-bluebird.yaml").write_text(rule)
    (tmp_path / "50-bluebird.test.yaml").write_text(tests)
    done = CliRunner().invoke(cli, ["test", str(tmp_path)], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    assert done.exit_code == 0, done.output
    assert "2 passed" in done.output


def test_the_mistake_shown_is_answered_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "writing-rules.md"
    (_, rule), *_ = blocks(page)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "50-projects.yaml").write_text(rule.replace("any: external}", "any: externl}"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["check", "rules/50-projects.yaml"], obj=Context(), env={"MAILGUARD_CONFIG": ""})
    text = "\n".join(line.strip() for line in page.read_text("utf-8").splitlines())
    for line in done.output.splitlines()[:-1]:
        assert line.strip() in text


def test_the_listener_shown_for_a_printer_loads(tmp_path: Path) -> None:
    (_, text), (_, proxied) = blocks(ROOT / "docs" / "connecting-a-client.md")
    whole: dict[str, Any] = yaml.parse((ROOT / "deploy" / "mailguard.yaml").read_text("utf-8"), "mailguard.yaml").data
    shown: dict[str, Any] = yaml.parse(text, "example.yaml").data
    whole |= {"people": None, "rules": [], "smtp": whole["smtp"] | shown["smtp"]}
    (tmp_path / "mailguard.yaml").write_text(json.dumps(whole, default=str))
    (listener,) = config.load(tmp_path / "mailguard.yaml", {}).smtp.listeners
    assert listener.senders == ("scanner@corp.example",)
    behind: dict[str, Any] = yaml.parse(proxied, "example.yaml").data
    assert Listener.model_validate(behind["smtp"]["listeners"][0]).proxy_from


def test_the_logins_shown_load() -> None:
    """Those of mail clients, and ours at the next hop."""
    page = ROOT / "docs" / "signing-in.md"
    shown: list[dict[str, Any]] = [yaml.parse(text, "example.yaml").data for _, text in blocks(page)]
    users = [one["smtp"]["users"] for one in shown if "smtp" in one] + [one for one in shown if set(one) == {"oauth"}]
    assert [sorted(Users.model_validate(one).model_dump(exclude_none=True)) for one in users] == [
        ["app_passwords"], ["ldap"], ["file", "oauth"], ["oauth"],
    ]  # fmt: skip
    hops = [one["next_hop"] for one in shown if "next_hop" in one] + [one for one in shown if "smarthost" in one]
    assert [bool(NextHop.model_validate(one).oauth) for one in hops] == [True, True]
    (ldap,) = [one["directory"] for one in shown if "directory" in one]
    assert DirectorySettings.model_validate(ldap).ldap


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = _CODE.sub("", page.read_text("utf-8"))
    broken = []
    for target in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (heading and heading not in headings(file)):
            broken.append(target)
    assert broken == []


def headings(page: Path) -> set[str]:
    """As GitHub names them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_operating_names_every_verb_and_no_other() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    table = page.partition("| command | does |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`mailguard ([\w-]+)", table)) == set(VERBS)


def test_operating_names_every_log_event() -> None:
    source = (ROOT / "mailguard" / "log.py").read_text("utf-8")
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    methods = source[source.index("    # service\n") :]
    events = set(re.findall(r'"([a-z]+\.[a-z_]+)"', methods))
    assert len(events) > 20
    assert {event for event in events if f"`{event}`" not in page} == set()


def test_operating_names_only_metrics_there_are() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    scraped = generate_latest(Metrics().registry).decode()
    named = set(re.findall(r"`(mailguard_\w+)", page))
    assert len(named) > 5
    assert {name for name in named if name not in scraped} == set()


def test_every_page_has_its_pictures_and_every_picture_is_shown() -> None:
    """`make pictures` takes them."""
    wanted = {f"{page}-{look}.webp" for page in PICTURED for look in LOOKS}
    assert {path.name for path in (ROOT / "docs" / "images").iterdir()} == wanted
    shown = re.findall(r"\(images/([^)]+)\)", (ROOT / "docs" / "pages.md").read_text("utf-8"))
    assert wanted <= set(shown)
