"""An admin's round: a rule in audit, what it and a draft would have done, the rule acts, and what people made of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_command_line import send
from tests.installed import Installed

RULES = """\
version: 1
rules:
  - id: rival   # since Monday
    mode: audit
    when: {recipients: {any: {domain: rival.example}}}
    then: [{hold: {until: sender_confirms}}]
"""


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.timeout(300)  # nine processes that read the rules, on a machine that may be busy
async def test_from_audit_to_enforce_and_back(installed: Installed, tmp_path: Path) -> None:
    await asyncio.to_thread(_round, installed, tmp_path)


def _round(installed: Installed, tmp_path: Path) -> None:
    own = installed.folder / "rules" / "60-own.yaml"
    own.write_text(RULES)
    draft = tmp_path / "draft.yaml"
    draft.write_text(RULES.replace("    mode: audit\n", ""))
    installed.start()
    for to in ("kim@client.example", "mo@rival.example", "mo@rival.example"):
        send(installed, to, "Price list 4711")

    *changed, last = lines(installed.command("backtest", "--since", "1h", "--rules", str(draft), "--json"))
    assert [(one["old"]["verdict"], one["new"]["verdict"]) for one in changed] == [
        ("delay", "pass"), ("delay", "hold"), ("delay", "hold"),
    ]  # fmt: skip
    assert (last["mails"], last["unjudged"]) == (3, {})

    shown = installed.command("promote", "rival", code=1)  # nobody said yes
    assert "it would hold 2 mails in 1 day: 2.0 a day, at most 2" in shown
    assert "rival.example" in shown
    assert not [word for word in ("4711", "mo@") if word in shown]  # no subject, and no address
    assert own.read_text() == RULES
    assert "+     mode: enforce" in installed.command("promote", "rival", "--yes")
    assert own.read_text() == RULES.replace("audit", "enforce")
    installed.command("reload")
    installed.command("queue", "cancel", send(installed, "mo@rival.example"))

    rival = next(one for one in lines(installed.command("rules", "stats", "--json")) if one["rule"] == "rival")
    assert (rival["matched"], rival["held"], rival["cancelled"], rival["audit"], rival["would_hold"]) == (1, 1, 1, 2, 2)
    installed.command("promote", "rival", "--back", "--yes")
    assert own.read_text() == RULES
