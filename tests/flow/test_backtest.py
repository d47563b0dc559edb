"""Rules tried on past mail: on the facts that a house has kept, and on mail in files."""

import json
import mailbox
import os
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.intake.judge import IntakeSettings
from mailguard.intake.trial import on_kept
from mailguard.records import Action, Actor
from mailguard.rules import loader
from mailguard.rules.backtest import Report
from mailguard.store.sqlite import onlooker
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, MO, House

WORDS = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
  - id: secret
    when: {recipients: {any: external}, words: {any: [falcon]}}
    then: [{hold: {until: sender_confirms}}]
"""


async def tried(house: House, text: str, tmp_path: Path) -> Report:
    """These rules on everything the house has kept, read beside it."""
    draft = tmp_path / "draft.yaml"
    draft.write_text(text, "utf-8")
    people, config = house.service.people, house.config
    settings = IntakeSettings("", config.holds, config.history, config.notices, timedelta(seconds=10))
    rules, report = loader.load([draft], people), Report(ZoneInfo("UTC"))
    async with onlooker(config.store_path) as store:
        async for mail, kept in store.kept(
            house.clock.now() - timedelta(days=9), house.clock.now() + timedelta(hours=1)
        ):
            report.add(on_kept(mail, kept, rules, people, settings))
    return report


async def test_the_live_rules_decide_as_they_did(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house(rules=WORDS)
    await house.send([KIM], body="about Falcon")
    await house.send([MO])
    await house.send([BOB], body="about Falcon")
    await house.wait(minutes=10)
    report = await tried(house, WORDS, tmp_path)
    assert (report.mails, report.changed, dict(report.unjudged)) == (3, [], {})
    assert {new for _, new in report.verdicts} == {Action.HOLD, Action.DELAY, Action.PASS}


async def test_a_draft_shows_what_it_would_change_and_what_it_cannot_judge(
    open_house: OpenHouse, tmp_path: Path
) -> None:
    house = await open_house(rules=WORDS)
    held = await house.send([KIM], body="about Falcon")
    rival = await house.send([MO], sender=LEE, subject="Price list")
    await house.send([BOB])
    await house.wait(minutes=10)
    draft = """
version: 1
rules:
  - id: rival
    when: {recipients: {any: {domain: rival.example}}}
    then: [{hold: {until: {approved_by: boss@corp.example}}}]
  - {id: price, when: {words: {any: [price], in: [subject]}}, then: [{delay: 1h}]}
  - {id: secret, when: {words: {any: [falcon, eagle]}}, then: [{hold: {until: sender_confirms}}]}
"""
    report = await tried(house, draft, tmp_path)
    changed = {trial.name: (trial.old and trial.old.action, trial.new.action) for trial in report.changed}
    assert changed == {held: (Action.DELAY, Action.PASS), rival: (Action.DELAY, Action.HOLD)}
    assert dict(report.unjudged) == {"secret": 3}  # other words than were asked for: left out on both sides
    assert [(one.rule, one.fired, one.held) for one in report.loudest] == [("rival", 1, 1), ("price", 1, 0)]
    assert (report.holds.total, report.holds.worst, report.holds.person) == (1, 1, LEE)
    assert (report.notices.total, report.notices.median) == (2, 1)  # Lee's and the boss's; Ann has none
    assert report.holds_before.total == 0


async def test_what_a_rule_asked_for_then_is_still_known(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house(rules=WORDS)
    await house.send([KIM], body="about Falcon")
    report = await tried(
        house, WORDS.replace("words: {any: [falcon]}", "words: {any: [falcon]}, sender: internal"), tmp_path
    )
    assert (report.mails, report.changed, dict(report.unjudged)) == (1, [], {})
    assert report.loudest[0].rule == "secret"


async def test_the_facts_outlive_the_bytes_and_say_nothing_of_the_text(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house(rules=WORDS)
    queue_id = await house.send([KIM], body="about Falcon 4711")
    await house.service.desk.call_off(await house.mail(queue_id), Actor("uid 0", "cli"))
    await house.wait(minutes=1)
    assert await house.service.store.purge(house.clock.now() + timedelta(days=8), house.config.retention.keep) == 1
    await house.stop()
    stored = b"".join(path.read_bytes() for path in house.config.store_path.parent.glob("mail.db*"))
    assert not [word for word in (b"4711", b"Falcon") if word in stored]
    report = await tried(house, WORDS, tmp_path)
    assert dict(report.verdicts) == {(Action.HOLD, Action.HOLD): 1}


# --- mail in files --------------------------------------------------------------------------------------------


def letter(number: int, to: str = KIM, *, at: datetime | None = None, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = headers.pop("From", ANN), to, headers.pop("Subject", "Quote")
    mail["Message-ID"] = f"<{number}@corp.example>"
    moment = at or datetime(2026, 3, 2, 9, tzinfo=ZoneInfo("UTC")) + timedelta(hours=number)
    mail["Date"] = moment.strftime("%a, %d %b %Y %H:%M:%S +0000")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(f"Hello,\n\nFrom what I hear in 2026 it is fine.\n\nnumber {number}\n")
    return mail


def backtest(*arguments: object) -> Result:
    """Without a configuration: the shipped rules are what is live."""
    return CliRunner(env={"MAILGUARD_CONFIG": ""}).invoke(cli, ["backtest", *map(str, arguments)], obj=Context())


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    path = tmp_path / "rules" / "draft.yaml"
    path.write_text(WORDS, "utf-8")
    return path


def test_a_folder_is_replayed_next_to_the_live_rules(tmp_path: Path, draft: Path) -> None:
    folder = tmp_path / "mail"
    (folder / "2026").mkdir(parents=True)
    (folder / "a.eml").write_bytes(letter(1, Subject="[confidential] plan").as_bytes())
    (folder / "2026" / "b.EML").write_bytes(letter(2, BOB).as_bytes())
    (folder / "copy.eml").write_bytes(letter(2, BOB).as_bytes())
    (folder / "c.eml").write_bytes(letter(3, ANN, From=KIM).as_bytes())
    result = backtest(folder, "--rules", draft, "--json")
    changed, last = rows(result)
    assert (changed["mail"], changed["old"]["verdict"], changed["new"]["verdict"]) == ("a.eml", "hold", "delay")
    assert changed["new"]["rules"] == ["wait"]
    assert (last["mails"], last["changed"]) == (2, 1)
    assert "passed over: 1 that nobody of Corp Example wrote" in result.stderr
    assert "passed over: 1 that are there already" in result.stderr
    shown = backtest(folder, "--rules", draft).stdout
    assert "hold → delay" in shown
    assert "a.eml" in shown


def test_an_mbox_of_odd_mail_is_counted_named_and_never_a_crash(tmp_path: Path) -> None:
    box = tmp_path / "odd.mbox"
    sound, quoted = letter(1).as_bytes(), letter(2).as_bytes().replace(b"\n", b"\r\n")
    odd = [
        sound,
        quoted,
        b"",
        b"\xff\xfe\x00 no header at all",
        letter(3).as_bytes().replace(b"Date: ", b"Date: yesterday "),
        letter(4).as_bytes().replace(b"Date: ", b"X-Date: "),
        letter(5).as_bytes().replace(b"To: kim@client.example\n", b""),
        letter(6).as_bytes().replace(b"kim@client.example", b"kim@@client"),
        letter(7, at=datetime(9999, 12, 31, 23, 59, tzinfo=ZoneInfo("UTC"))).as_bytes().replace(b"+0000", b"-2359"),
        letter(8).as_bytes() + b"\nFrom here it goes on: no separator, for it has no year.\n",
        letter(9).as_bytes().replace(b"text/plain", b"multipart/mixed; boundary=x"),
        b"Content-Type: multipart/mixed; boundary=b\n" * 3 + letter(10).as_bytes() + b"--b\n" * 5000,
    ]
    box.write_bytes(b"".join(b"From ann@corp.example Mon Mar  2 09:00:00 2026\n" + one + b"\n\n" for one in odd))
    result = backtest(box, "--json")
    last = rows(result)[-1]
    why = {one["file"].rpartition(":")[2]: one["why"] for one in last["bad"]}
    assert why == {
        "3": "no mail: it has no header", "4": "no mail: it has no header", "5": "its Date cannot be read",
        "6": "it has no Date", "7": "this message names no recipient", "8": why["8"], "9": "its Date cannot be read",
    }  # fmt: skip
    assert last["mails"] == 5
    assert "not judged: odd.mbox:5: its Date cannot be read" in result.stderr
    assert backtest(box, "--json").stdout == result.stdout  # the same again, to the letter


def test_a_folder_of_rubbish_is_counted_and_not_recited(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.eml").write_bytes(b"nothing")
    os.mkfifo(tmp_path / "00.eml.eml")
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    result = backtest(tmp_path)
    assert result.exit_code == 1
    assert "not judged: 00.eml.eml: no file" in result.stderr
    assert "not judged: 12 more (32 in all)" in result.stderr
    assert len(result.stderr.splitlines()) == 22


def test_a_maildir_is_read_like_a_folder(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "Maildir")
    box.add(letter(1))
    box.add(letter(2, BOB))
    assert rows(backtest(tmp_path / "Maildir", "--json"))[-1]["mails"] == 2


def test_the_past_grows_in_the_order_of_dates_not_of_files(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    draft = tmp_path / "rules" / "draft.yaml"
    draft.write_text(
        "version: 1\nrules: [{id: new, when: {recipients: {any: first_contact}}, then: [{delay: 5m}]}, "
        "{id: gains, when: {thread: {gains: domain}}, then: [{hold: {until: sender_confirms}}]}]\n"
    )
    folder = tmp_path / "mail"
    folder.mkdir()
    start = datetime(2026, 1, 5, 9, tzinfo=ZoneInfo("UTC"))
    for number in range(120):  # what is learnt of a sender needs a hundred mails and a fortnight
        mail = letter(number, at=start + timedelta(hours=4 * number))
        (folder / f"{999 - number}.eml").write_bytes(mail.as_bytes())
    reply = letter(500, f"{KIM}, {MO}", at=start + timedelta(days=30), In_Reply_To="<119@corp.example>")
    (folder / "000.eml").write_bytes(reply.as_bytes())  # the first by name, the last by date
    last = rows(backtest(folder, "--rules", draft, "--json"))[-1]
    assert {one["id"]: one["matched"] for one in last["rules"]} == {"gains": 1, "new": 1}


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["mail", "--since", "7d"], []])
def test_what_makes_no_sense_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "mail").mkdir()
    result = backtest(*[tmp_path / "mail" if one == "mail" else one for one in arguments])
    assert result.exit_code == 2, result.output


def test_a_draft_with_a_mistake_is_said_with_its_place(tmp_path: Path, draft: Path) -> None:
    draft.write_text("version: 1\nrules: [{id: r, when: {recipients: {any: externl}}, then: [{delay: 5m}]}]\n")
    (tmp_path / "one.eml").write_bytes(letter(1).as_bytes())
    result = backtest(tmp_path / "one.eml", "--rules", draft)
    assert result.exit_code == 1
    assert "draft.yaml:2:" in result.stderr
    assert 'did you mean "external"?' in result.stderr
