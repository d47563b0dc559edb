"""What the command line says to a person: tables that fit, and a way on where something is missing."""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import VERBS, cli, common, mails
from mailguard.cli.common import Context, Exit
from mailguard.dkim import keys
from mailguard.errors import ConfigError

ZONE = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Context(), env={"MAILGUARD_CONFIG": ""})


def row(**more: Any) -> dict[str, Any]:
    def copy(address: str, **of: Any) -> dict[str, Any]:
        usual = {"state": "queued", "due_at": "2026-03-04T09:05:00.123456Z", "attempts": 0, "behind": "", "flagged": ""}
        return {"address": address, "added": False, "last_reply": "", **usual, **of}

    deliveries = [
        copy("kim@client.example", flagged="outside"),
        copy("gone@client.example", state="cancelled", due_at=None),
    ]
    return {
        "queue_id": "1M83BQMF5CS78", "state": "queued", "sender": "ann@corp.example", "subject": "Quote\x1b[31m",
        "rules": ["external-delay"], "hold": None, "deliveries": deliveries, **more,
    }  # fmt: skip


@pytest.mark.parametrize("width", [80, 160])
def test_the_list_fits_and_never_breaks_a_queue_id(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mails, "width", lambda: width)
    monkeypatch.setattr(common, "width", lambda: width)
    mails.show_list([row(), row(subject="A very long subject " * 6)], ZONE, NOW)
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("1M83BQMF5CS78") == 2
    assert "10:05:00" in text, "the organization's time"
    assert "CET" in text
    assert "!kim@client.example" in text
    assert "gone@client.example" not in text, "who was taken off gets nothing"
    assert "\x1b" not in text


def test_a_held_mail_says_until_when_not_when_it_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    hold = {"until": ["sender"], "expires_at": "2026-03-05T11:00:00Z", "on_expiry": "return"}
    mails.show_list([row(state="held", hold=hold)], ZONE, NOW)
    assert "2026-03-05 12:00:00" in capsys.readouterr().out


def test_a_pipe_gets_a_line_a_mail(capsys: pytest.CaptureFixture[str]) -> None:
    mails.show_list([row(subject="long " * 100)], ZONE, NOW)
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("verb", ["check", "serve", "healthcheck"])
def test_without_a_configuration_it_says_how_to_get_one(verb: str, tmp_path: Path) -> None:
    done = run("--config", str(tmp_path / "mailguard.yaml"), verb)
    assert done.exit_code == (Exit.CONFIG if verb == "serve" else Exit.FAILED)
    assert f"mailguard init {tmp_path}" in done.output


def test_a_folder_of_ones_own_needs_nothing_outside_it(tmp_path: Path) -> None:
    begun = run("init", str(tmp_path))
    assert begun.exit_code == 0
    program = "mailguard" if shutil.which("mailguard") else sys.argv[0]
    assert f"  {program} --config {tmp_path / 'mailguard.yaml'} check\n" in begun.output
    text = (tmp_path / "mailguard.yaml").read_text()
    assert "\nstore: sqlite:mail.db\n" in text
    assert "socket: admin.sock" in text
    assert run("--config", str(tmp_path / "mailguard.yaml"), "check", "--strict").exit_code == 0
    assert "nothing was written" in run("init", str(tmp_path)).output


def test_the_help_of_no_verb_is_cut_short() -> None:
    lines = run("--help").output.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in lines if line] == list(VERBS)
    assert [line for line in lines if line.endswith("...")] == []


def test_check_names_a_role_that_nobody_has(tmp_path: Path) -> None:
    assert run("init", str(tmp_path)).exit_code == 0
    with (tmp_path / "mailguard.yaml").open("a") as file:
        file.write("access:\n  admin: [it@corp.example]\n  auditor: [{group: audit}]\n")
    done = run("--config", str(tmp_path / "mailguard.yaml"), "check")
    assert done.exit_code == 0
    assert "warning[MG309]: nobody is in the group audit" in done.output
    assert "auditor: [{group: audit}]" in done.output


def test_a_new_dkim_key_is_written_once_for_its_reader_alone_with_the_record_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dkim.pem"
    made = run("dkim", "new-key", "Corp.Example", "mg1", "--type", "ed25519", "--out", "dkim.pem")
    assert made.exit_code == 0
    key = keys.read("corp.example", "mg1", path.read_bytes())
    assert made.stdout == f"{key.zone_line}\n"
    assert f"dkim: [{{domain: corp.example, selector: mg1, key_file: {path}}}]" in made.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    again = run("dkim", "new-key", "corp.example", "mg1", "--out", str(path))
    assert (again.exit_code, path.read_bytes()) == (Exit.FAILED, before)
    assert "nothing was written" in again.stderr
    assert "BEGIN" not in made.output + again.output


@pytest.mark.parametrize(("domain", "selector"), [("corp", "mg1"), ("corp.example", "a b"), ("-x.example", "mg1")])
def test_what_is_no_domain_or_selector_gets_no_key(domain: str, selector: str, tmp_path: Path) -> None:
    done = run("dkim", "new-key", "--out", str(tmp_path / "k"), "--", domain, selector)
    assert done.exit_code == Exit.USAGE
    assert "write " in done.output
    assert not (tmp_path / "k").exists()


def test_the_records_of_all_keys_are_printed_and_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    assert run("init", str(tmp_path)).exit_code == 0
    path, configured = tmp_path / "dkim.pem", ("--config", str(tmp_path / "mailguard.yaml"))
    assert "no keys" in run(*configured, "dkim", "records").output
    made = run("dkim", "new-key", "corp.example", "mg1", "--out", str(path))
    with (tmp_path / "mailguard.yaml").open("a") as file:
        file.write("dkim: [{domain: corp.example, selector: mg1, key_file: dkim.pem}]\n")
    assert run(*configured, "check", "--strict").exit_code == 0
    assert run(*configured, "dkim", "records").stdout == made.stdout
    path.write_text("no key")
    assert isinstance(run(*configured, "dkim", "records").exception, ConfigError)  # which `main` shows as `check` does


def test_without_the_library_dkim_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailguard.cli.dkim.find_spec", lambda _: None)
    done = run("dkim", "new-key", "corp.example", "mg1")
    assert done.exit_code == Exit.FAILED
    assert "pip install 'mailguard[dkim]'" in done.stderr
