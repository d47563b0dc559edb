"""The verbs of the installed command, as an admin types them."""

import asyncio
import json
import re
import smtplib
import subprocess
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import httpx
import pyotp
import pytest

from mailguard.demo.world import OutsideWorld
from tests.installed import COMMAND, Installed


def send(installed: Installed, to: str, subject: str = "Quote") -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@corp.example", to, subject
    message.set_content("Hello\n")
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as client:
        client.ehlo()
        client.mail("ann@corp.example")
        client.rcpt(to)
        _, reply = client.data(message.as_bytes(policy=SMTP))
    return reply.decode().split(" as ")[1].split(":")[0].split()[0]


def rows(installed: Installed, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in installed.command("queue", "list", "--json", *arguments).splitlines()]


async def test_queue_shows_what_waits_and_acts_on_it(installed: Installed, sink: OutsideWorld) -> None:
    def admin() -> None:
        installed.start()
        queue_id = send(installed, "kim@client.example")
        (row,) = rows(installed)
        assert (row["queue_id"], row["state"], row["rules"]) == (queue_id, "queued", ["external-delay"])
        assert queue_id in installed.command("queue", "list", "--from", "ann@corp.example")
        assert "external-delay" in installed.command("queue", "show", queue_id)
        assert rows(installed, "--from", "nobody@corp.example") == []
        assert "done" in installed.command("queue", "stop", queue_id)
        assert rows(installed)[0]["state"] == "held"
        assert "done" in installed.command("queue", "send", queue_id)

    await asyncio.to_thread(admin)
    arrived = await sink.wait_for(lambda mail: "kim@client.example" in mail.recipients)
    assert arrived.subject == "Quote"


async def test_queue_cancel_by_filter_asks_first_and_tells_the_truth_afterwards(
    installed: Installed, sink: OutsideWorld
) -> None:
    def admin() -> None:
        installed.start()
        queue_id = send(installed, "kim@client.example")
        installed.command("queue", "cancel", "--to", "kim@client.example", "--dry-run")
        assert rows(installed)[0]["state"] == "queued"
        installed.command("queue", "cancel", "--to", "kim@client.example", code=1)  # nobody said yes
        assert rows(installed)[0]["state"] == "queued"
        assert "done" in installed.command("queue", "cancel", "--to", "kim@client.example", "--yes")
        again = installed.command("queue", "cancel", queue_id, code=1)
        assert re.search(r"already at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", again.strip()), again
        assert "no such mail" in installed.command("queue", "cancel", "0000000000000", code=1)

    await asyncio.to_thread(admin)
    assert not [mail for mail in sink.caught if "kim@client.example" in mail.recipients]


async def test_what_waits_for_a_next_hop_that_is_away_can_be_bounced(installed: Installed, sink: OutsideWorld) -> None:
    await sink.stop()

    def admin() -> None:
        installed.start()
        queue_id = send(installed, "bob@corp.example")
        deadline = time.monotonic() + 20
        while not rows(installed)[0]["deliveries"][0]["attempts"]:  # type: ignore[index]
            assert time.monotonic() < deadline
        assert "done" in installed.command("queue", "bounce", queue_id)
        waiting = rows(installed)
        assert [row["sender"] for row in waiting] == [""], "the report to the sender waits for the next hop"
        assert rows(installed, "--state", "failed")[0]["queue_id"] == queue_id

    await asyncio.to_thread(admin)


async def test_reload_is_all_or_nothing(installed: Installed) -> None:
    def admin() -> None:
        installed.start()
        installed.command("reload")
        broken = installed.folder / "rules" / "90-broken.yaml"
        broken.write_text("version: 1\nrules: [{id: a, when: {always: true}, then: [{dely: 5m}]}]\n")
        installed.command("reload", code=1)
        assert "ready" in installed.command("healthcheck", "--wait", "20")
        send(installed, "kim@client.example")
        assert rows(installed)[0]["rules"] == ["external-delay"], "the old rules are live"
        assert "rules.reload_failed" in installed.log

    await asyncio.to_thread(admin)


async def test_an_added_user_logs_in_and_once_disabled_no_more(installed: Installed) -> None:
    def login() -> None:
        with smtplib.SMTP("127.0.0.1", installed.ports["starttls"], timeout=20) as client:
            client.starttls()
            client.login("pat", "battery staple")

    def admin() -> None:
        add = ("user", "add", "pat", "--send-as", "pat@corp.example", "--password-stdin")
        installed.command(*add, stdin="battery staple\n")
        installed.start()
        login()
        installed.command("user", "disable", "pat")
        assert "disabled" in installed.command("user", "list")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            login()

    await asyncio.to_thread(admin)


async def test_app_passwords_are_listed_and_revoked_from_the_command_line(installed: Installed) -> None:
    def admin() -> None:
        installed.start(MAILGUARD_SMTP__USERS__APP_PASSWORDS__MOST="3")
        assert "PERSON" in installed.command("user", "app-passwords")
        for arguments in (("pat@corp.example", "--revoke", "Phone"), ("pat@corp.example", "--revoke-all")):
            with pytest.raises(AssertionError, match="has none"):
                installed.command("user", "app-passwords", *arguments)

    await asyncio.to_thread(admin)


async def test_a_users_password_and_second_factor_open_the_pages_until_one_is_taken_away(installed: Installed) -> None:
    def signed_in(pages: httpx.Client, code: str) -> bool:
        form = {"name": "pat", "password": "battery staple", "code": code}
        pages.post("/outbox/password", data=form)
        return "Signed in as pat@corp.example" in pages.get("/outbox").text

    def admin() -> None:
        add = ("user", "add", "pat", "--send-as", "pat@corp.example", "--password-stdin")
        installed.command(*add, stdin="battery staple\n")
        installed.start(MAILGUARD_WEB__PASSWORDS="true")
        uri, *recovery = installed.command("user", "totp", "PAT").splitlines()
        app = pyotp.parse_uri(uri)
        assert isinstance(app, pyotp.TOTP)
        assert (app.issuer, app.name, len(recovery)) == ("mailguard Corp Example", "pat", 10)
        with httpx.Client(base_url=f"http://127.0.0.1:{installed.ports['web']}") as pages:
            assert not signed_in(pages, "x")
            assert signed_in(pages, app.now())
            installed.command("user", "passwd", "pat", "--password-stdin", stdin="battery staple\n")
            assert "Signed in" not in pages.get("/outbox").text
            assert signed_in(pages, recovery[0])
            installed.command("user", "totp", "pat", "--remove")
            assert not signed_in(pages, recovery[1])
        assert "a wrong code" in installed.log
        assert not any(secret in installed.log for secret in (app.secret, *recovery))

    await asyncio.to_thread(admin)


def test_without_a_service_the_exit_code_is_69(bare: Installed) -> None:
    bare.command("queue", "list", code=69)
    bare.command("healthcheck", code=69)
    bare.command("reload", code=69)


def test_serve_with_a_bad_configuration_says_what_and_exits_78(bare: Installed) -> None:
    bare.config.write_text("version: 1\nsmpt: {}\n")
    done = subprocess.run(
        [COMMAND, "--config", bare.config, "serve"], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 78
    assert 'did you mean "smtp"?' in done.stderr
    assert "Traceback" not in done.stderr


def test_check_finds_every_problem_and_init_makes_what_it_accepts(bare: Installed, tmp_path: Path) -> None:
    bare.command("check")
    folder = tmp_path / "fresh"
    bare.command("init", str(folder))
    other = Installed(folder, {})
    other.command("check", code=None)
    assert "Traceback" not in other.command("check", code=None)
    assert other.command("init", str(folder)) == "", "a second init touches nothing"


def test_a_mistyped_verb_or_variable_is_answered_with_the_right_one(bare: Installed) -> None:
    done = subprocess.run([COMMAND, "qeue"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "Did you mean 'queue'?" in done.stderr
    done = subprocess.run(
        [COMMAND, "--config", bare.config, "check"], capture_output=True, text=True, timeout=20, check=False,
        env={"PATH": "", "MAILGUARD_SMTP__HOSTNAM": "x"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "HOSTNAME" in done.stdout + done.stderr


def test_tests_of_the_shipped_rules_pass_and_junit_is_written(bare: Installed, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    assert " 0 failed" in bare.command("test", "--junit", str(junit))
    assert "<testsuite" in junit.read_text()


def test_explain_says_each_rule_and_the_fact_that_decided(bare: Installed, tmp_path: Path) -> None:
    mail = tmp_path / "m.eml"
    mail.write_bytes(b"From: ann@corp.example\r\nTo: kim@client.example\r\nSubject: Confidential plan\r\n\r\nhello\r\n")
    said = json.loads(bare.command("explain", str(mail), "--json"))
    assert said["verdict"] == "hold"
    by_id = {rule["id"]: rule for rule in said["rules"]}
    assert by_id["confidential-marked"]["matched"] is True
    assert by_id["executive-assistant"]["matched"] is False


@pytest.mark.parametrize("what", ["config", "rules", "people"])
def test_schema_is_json(bare: Installed, what: str) -> None:
    assert json.loads(bare.command("schema", what))["$schema"]


async def test_a_bypass_is_begun_shown_and_ended(installed: Installed) -> None:
    def admin() -> None:
        installed.start()
        assert "no bypass" in installed.command("bypass")
        installed.command("bypass", "--for", "30m", code=2)
        installed.command("bypass", "--for", "25h", "--reason", "x", code=1)
        assert "BYPASS until" in installed.command("bypass", "--for", "30m", "--reason", "the rules misfire")
        send(installed, "kim@client.example")
        shown = subprocess.run(
            [COMMAND, "--config", installed.config, "queue", "list"], check=True, capture_output=True, text=True
        )
        assert "the rules misfire" in shown.stderr
        healthy = subprocess.run(
            [COMMAND, "--config", installed.config, "healthcheck"], check=True, capture_output=True, text=True
        )
        assert "BYPASS until" in healthy.stderr
        assert json.loads(installed.command("bypass", "--json"))["reason"] == "the rules misfire"
        assert "no bypass" in installed.command("bypass", "--end")
        installed.command("bypass", "--end", code=1)

    await asyncio.to_thread(admin)


async def test_a_disabled_user_is_known_to_the_service_when_the_command_returns(installed: Installed) -> None:
    def admin() -> None:
        assert "ann" in installed.command("user", "list")
        installed.start()
        installed.command("user", "disable", "ann")
        assert "disabled" in installed.command("user", "list")
        installed.command("user", "disable", "ann", "--again")
        installed.command("user", "thaw", "ann", code=1)

    await asyncio.to_thread(admin)
