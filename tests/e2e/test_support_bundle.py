"""The support bundle of a running installation: strings planted everywhere, and not one of them is in it."""

import asyncio
import json
import re
import smtplib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.testing import eventually
from tests.installed import PASSWORD, Installed

# Where it is planted -> what must not leave the house
PLANTED = {
    "the organization": "Zanzibar Holding",
    "an own domain": "zanzibar.example",
    "a sender": "ann.quokka",
    "a recipient": "kim.wombat",
    "a recipient's domain": "numbat.example",
    "a subject": "Potoroo merger",
    "a body": "bilby clause seven",
    "a file's name": "bandicoot.csv",
    "a secret": "hunter2-dingo",
    "a rule of one's own": "project-kangaroo",
    "a rule's words": "kangaroo pays",
    "a login": "koala",
    "a next hop": "wallaby.zanzibar.example",
    "a message id": "echidna-4711",
    "a certificate's key": "PRIVATE KEY",
    "the password": PASSWORD,
}
RULE = """\
version: 1
rules:
  - id: project-kangaroo
    when: {words: {any: [kangaroo pays]}}
    then: [{hold: {until: sender_confirms}}]
"""


def planted(installed: Installed) -> None:
    text = installed.config.read_text()
    text = text.replace("Corp Example", "Zanzibar Holding").replace("corp.example", "zanzibar.example")
    text = text.replace(
        "next_hop: {", 'next_hop: {routes: {numbat.example: {smarthost: "wallaby.zanzibar.example:25"}}, '
    )
    text += "log: {subjects: true}\nwebhooks:\n"
    text += '  - {url: "https://chat.zanzibar.example/x", events: [held], secret: hunter2-dingo-hunter2-dingo}\n'
    installed.config.write_text(text)
    (installed.folder / "rules" / "50-project.yaml").write_text(RULE)
    people = installed.folder / "people.yaml"
    people.write_text(people.read_text().replace("corp.example", "zanzibar.example"))
    users = json.loads((installed.folder / "users.yaml").read_text())
    users["users"][0] |= {"name": "koala", "send_as": ["ann.quokka@zanzibar.example"]}
    (installed.folder / "users.yaml").write_text(json.dumps(users))


def send(installed: Installed) -> None:
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        session.sendmail(
            "ann.quokka@zanzibar.example", ["kim.wombat@numbat.example"],
            'From: ann.quokka@zanzibar.example\r\nTo: "Kim" <kim.wombat@numbat.example>\r\nSubject: Potoroo merger\r\n'
            'Message-ID: <echidna-4711@zanzibar.example>\r\nMIME-Version: 1.0\r\n'
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nbilby clause seven: kangaroo pays\r\n'
            "--b\r\nContent-Disposition: attachment; filename=bandicoot.csv\r\n\r\na,b\r\n--b--\r\n",
        )  # fmt: skip


def opened(path: Path) -> dict[str, str]:
    with tarfile.open(path) as bundle:
        return {Path(entry.name).name: file.read().decode() for entry in bundle if (file := bundle.extractfile(entry))}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


@pytest.mark.slow
async def test_nothing_that_somebody_wrote_is_in_it(installed: Installed) -> None:
    planted(installed)
    await asyncio.to_thread(installed.start)
    await asyncio.to_thread(send, installed)
    await eventually(lambda: '"message.held"' in installed.log, within=20)
    with pytest.raises(smtplib.SMTPResponseException):
        await asyncio.to_thread(_refused, installed)
    await eventually(lambda: '"smtp.rejected"' in installed.log, within=20)
    log = installed.folder / "service.log"
    log.write_text(
        installed.log + "Traceback: Potoroo merger\n" + json.dumps({"event": "x.y", "novel": "a kim.wombat"})
    )
    said = [installed.log, installed.config.read_text(), RULE, (installed.folder / "users.yaml").read_text()]
    assert [
        what for what in ("Potoroo", "numbat.example", "project-kangaroo", "echidna-4711") if what not in said[0]
    ] == []

    target = installed.folder / "bundle.tar.gz"
    await asyncio.to_thread(installed.command, "support-bundle", str(target), "--log", str(log))
    assert target.stat().st_mode & 0o777 == 0o600
    parts = opened(target)
    assert sorted(parts) == [
        "check.txt", "files.json", "health.json", "log.jsonl", "metrics.txt", "settings.json", "versions.json",
    ]  # fmt: skip
    for where, what in PLANTED.items():
        words = [what, *what.split()] if where != "a certificate's key" else [what]
        found = [(name, word) for name, text in parts.items() for word in words if word.lower() in text.lower()]
        assert found == [], where
    assert [text for text in parts.values() if "@" in text] == [], "no address at all"
    assert str(installed.folder) not in "".join(parts.values())

    # and it is of use
    settings, health = json.loads(parts["settings.json"]), json.loads(parts["health.json"])
    assert settings["smtp"]["limits"]["recipients"] == 1000
    assert settings["retry"]["give_up"] == "2d"
    assert settings["smtp"]["listeners"][0]["tls"] == "none"
    assert health["ready"] is True
    assert health["queue"]["held"] == 1
    events = [json.loads(line) for line in parts["log.jsonl"].splitlines()]
    assert events[-1] == {"not_json": 1}
    held = next(event for event in events if event.get("event") == "message.held")
    assert re.fullmatch(r"~[0-9a-f]{12}", held["rules"][0])
    accepted = next(event for event in events if event.get("event") == "smtp.accepted")
    assert accepted["size"] > 100
    assert 'mailguard_queue_messages{state="held"} 1.0' in parts["metrics.txt"]
    assert json.loads(parts["files.json"])["files"]["store"]["size"] > 0
    assert "pydantic" in json.loads(parts["versions.json"])["libraries"]


def _refused(installed: Installed) -> None:
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        session.helo()
        session.mail("ann.quokka@elsewhere.example")
        code, text = session.rcpt("kim.wombat@numbat.example")
        raise smtplib.SMTPResponseException(code, text)


def test_without_a_service_or_a_configuration_the_rest_is_there(bare: Installed) -> None:
    target = bare.folder / "bundle.tar.gz"
    bare.command("support-bundle", str(target))
    parts = opened(target)
    assert parts["health.json"] == "not to be had: Unreachable"
    assert "recipients" in parts["settings.json"]
    bare.command("support-bundle", str(target), code=1)
    bare.config.write_text("version: 1\nsecret: hunter2-dingo\n")
    bare.command("support-bundle", str(bare.folder / "second.tar.gz"))
    parts = opened(bare.folder / "second.tar.gz")
    assert "error[MG1" in parts["check.txt"]
    assert "dingo" not in "".join(parts.values())
