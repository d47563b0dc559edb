"""The rules beside this package are sound, and do what their tests say: by the real engine, with this package in it."""

import json
import subprocess
from pathlib import Path

RULES = Path(__file__).parents[1] / "rules"


def mailguard(*arguments: str) -> str:
    return subprocess.run(["mailguard", *arguments], check=True, capture_output=True, text=True).stdout


def test_the_rules_are_sound() -> None:
    mailguard("check", "--strict", str(RULES))


def test_the_rules_catch_what_they_must_and_nothing_beside_it() -> None:
    assert "1 of 1 rules have a hit and a near miss" in mailguard("test", "--coverage", str(RULES))


def test_an_editor_completes_the_words() -> None:
    defs = json.loads(mailguard("schema", "rules"))["$defs"]
    assert "at_least" in defs["condition.shouting"]["properties"]
    assert "minutes" in defs["action.cool_off"]["properties"]
