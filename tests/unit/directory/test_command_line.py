"""check asks a directory; people, explain and test use the copy that the service keeps."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context, Exit
from mailguard.clock import SystemClock
from mailguard.config import load
from mailguard.directory import copy
from mailguard.directory.copy import Known
from tests.slapd import BASE, PASSWORD, READER, Slapd, group, person
from tests.unit.directory.server import known

pytestmark = pytest.mark.clients("slapd")

RULES = "version: 1\nrules: [{id: heads, when: {recipients: {any: {group: heads}}}, then: [{delay: 5m}]}]\n"
FIRM = (
    person("Head", "head@corp.example", "title: Head", f"secretary: cn=Pat,ou=people,{BASE}"),
    person("Pat", "pat@corp.example", f"manager: cn=nobody,{BASE}"),
    group("Heads", "Head"),
    group("All", "Head", "Pat", mail="all@corp.example"),
)


@pytest.fixture
def site(tmp_path: Path, slapd: Slapd) -> Path:
    """A configuration with a directory that runs."""
    slapd.load(*FIRM)
    slapd.start()
    configure(tmp_path, slapd)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text(RULES)
    return tmp_path


def configure(folder: Path, server: Slapd, **changes: Any) -> None:
    ldap = {"url": server.url, "bind": READER, "password": PASSWORD, "base": BASE, "timeout": "2s", **changes}
    said = {
        "organization": {"domains": ["corp.example"]}, "rules": ["rules/*.yaml"], "store": "sqlite:mail.db",
        "version": 1, "smtp": {"hostname": "mail.corp.example"}, "next_hop": {"smarthost": "smtp.corp.example:587"},
        "notices": {"sender": "mailguard@corp.example"}, "holds": {"fallback": "postmaster@corp.example"},
        "directory": {"ldap": ldap},
    }  # fmt: skip
    path = folder / "mailguard.yaml"
    path.write_text(json.dumps(said))
    path.chmod(0o600)


def run(site: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(site / "mailguard.yaml"), *arguments], obj=Context())


def keep(site: Path, server: Slapd) -> None:
    """As the service does it."""
    config = load(site / "mailguard.yaml", {})
    assert config.directory.ldap is not None
    copy.write(config.directory_path, Known(known(server), SystemClock().now()), config.directory.ldap)


def test_check_asks_and_writes_nothing(site: Path, slapd: Slapd) -> None:
    before = sorted(site.rglob("*.directory*"))
    done = run(site, "check")
    assert done.exit_code == 0
    assert "MG502" in done.output
    assert f"(cn=Pat,ou=people,{BASE})" in done.output
    assert sorted(site.rglob("*.directory*")) == before == []
    assert run(site, "check", "--strict").exit_code == Exit.FINDINGS


def test_check_says_that_it_is_not_reachable(site: Path, slapd: Slapd) -> None:
    slapd.stop()
    done = run(site, "check")
    assert done.exit_code == Exit.FAILED
    assert "error[MG505]: no answer from the directory" in done.output


def test_check_uses_the_copy_while_it_is_down(site: Path, slapd: Slapd) -> None:
    keep(site, slapd)
    slapd.stop()
    done = run(site, "check")
    assert done.exit_code == 0, done.output
    assert "warning[MG505]: no answer from the directory" in done.output
    configure(site, slapd, password="wrong")
    slapd.start()
    done = run(site, "check")
    assert done.exit_code == Exit.FAILED
    assert "does not accept bind and password" in done.output
    assert "wrong" not in done.output.replace("1 error", "")


def test_check_says_that_far_less_is_known(site: Path, slapd: Slapd) -> None:
    slapd.load(*FIRM, *(person(f"p{n}", f"p{n}@corp.example") for n in range(9)))
    keep(site, slapd)
    slapd.load(*FIRM)
    assert "MG506" in run(site, "check").output


def test_a_thousand_mistakes_are_few_lines(site: Path, slapd: Slapd) -> None:
    slapd.load(*FIRM, *(person(f"p{n}", f"p{n}@corp.example", f"manager: cn=x,{BASE}") for n in range(30)))
    said = run(site, "check").output
    assert said.count("warning[MG502]") == 11
    assert "and 21 more entries like these" in said


def test_people_says_what_is_known_of_somebody(site: Path, slapd: Slapd) -> None:
    keep(site, slapd)
    slapd.stop()
    said = run(site, "people", "HEAD@corp.example").output
    assert said.splitlines() == [
        "address: head@corp.example", "name: Head", "title: Head", "groups: all, heads",
        "assistant: pat@corp.example", f"entry: cn=Head,ou=people,{BASE}",
    ]  # fmt: skip
    pat = json.loads(run(site, "people", "pat@corp.example", "--json").output)
    assert pat["assistant_of"] == ["head@corp.example"]
    listed = json.loads(run(site, "people", "all@corp.example", "--json").output)
    assert listed["members"] == ["head@corp.example", "pat@corp.example"]
    assert run(site, "people", "who@corp.example").exit_code == Exit.FAILED


def test_explain_uses_the_copy_or_says_that_there_is_none(site: Path, slapd: Slapd) -> None:
    mail = site / "mail.eml"
    mail.write_text("From: pat@corp.example\nTo: head@corp.example\nSubject: x\n\ny\n")
    done = run(site, "explain", str(mail))
    assert done.exit_code == Exit.FAILED
    assert "MG507" in done.output
    keep(site, slapd)
    slapd.stop()
    done = run(site, "explain", str(mail))
    assert "verdict: delay" in done.output
    assert "MG507" not in done.output


def test_serve_without_any_answer_may_be_tried_again(site: Path, slapd: Slapd) -> None:
    slapd.stop()
    done = run(site, "serve")
    assert done.exit_code == Exit.UNREACHABLE
    assert "no answer from the directory" in done.output
