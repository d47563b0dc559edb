"""Failpoints: each has a row, and none is there in the product."""

import subprocess
import sys

import pytest

from tests.torture import failpoints
from tests.torture.faults import kill

ELSEWHERE = {
    "store.recovering", "intake.resuming", "store.purging", "store.checkpointing", "store.migrating",
}  # fmt: skip
"""Points that only a second start comes to: rows of their own."""


def test_every_failpoint_has_a_row_and_every_row_a_failpoint() -> None:
    assert {point.name for point in kill.FIRST} | ELSEWHERE == set(failpoints.points())


def test_an_order_that_means_nothing_is_refused() -> None:
    assert failpoints.orders("a.b=kill@3,c=nap@1+2") == {
        "a.b": failpoints.Order("kill", 3, 0.0),
        "c": failpoints.Order("nap", 1, 2.0),
    }
    with pytest.raises(ValueError, match="write name=kill@3"):
        failpoints.orders("a.b=explode")


def run(*lines: str) -> int:
    """The exit code of a process of its own with a failpoint armed."""
    program = "\n".join([*lines, "from mailguard.rules import engine, load", "print(engine.evaluate.__code__)"])
    environ = {"MAILGUARD_FAILPOINTS": "rules.asked=kill@1", "PATH": ""}
    code = program + "\n" + _ASK
    return subprocess.run([sys.executable, "-c", code], env=environ, check=False, timeout=60).returncode


_ASK = """
from types import SimpleNamespace
from mailguard.records import Mode
rule = SimpleNamespace(mode=Mode.ENFORCE, skippable=False)
try:
    engine.evaluate(SimpleNamespace(rules=[rule]), None, None)
except AttributeError:
    pass
"""


def test_the_process_dies_at_the_point_only_where_failpoints_were_installed() -> None:
    assert run("from tests.torture import failpoints", "failpoints.install()") == -9
    assert run() == 0
