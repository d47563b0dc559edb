"""Failpoints: each has a row, and none is there in the product."""

import asyncio
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

import mailguard
from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from tests.installed import install
from tests.torture import failpoints
from tests.torture.failpoints import armed
from tests.torture.faults import kill, shared

ELSEWHERE = {
    "store.recovering", "intake.resuming", "store.purging", "store.checkpointing", "store.migrating",
    "store.sealing", "store.moving", "store.moved",
    "curbs.freezing", "curbs.frozen",
}  # fmt: skip
"""Points that only a second start, a login at its quota or another command comes to: rows of their own."""


def test_every_failpoint_has_a_row_and_every_row_a_failpoint() -> None:
    assert {point.name for point in (*kill.FIRST, *shared.POINTS)} | ELSEWHERE == set(failpoints.points())


def test_every_module_can_be_armed_and_every_mark_becomes_a_call() -> None:
    for path in Path(mailguard.__file__).parent.rglob("*.py"):
        source = path.read_text("utf-8")
        calls = armed(source).count('fromlist=["hit"]).hit("')
        assert calls == source.count("# failpoint:"), f"{path}: a mark that is no line of its own"
        compile(armed(source), path, "exec")


def test_an_order_that_means_nothing_is_refused() -> None:
    assert failpoints.orders("a.b=kill@3,c=nap@1+2") == {
        "a.b": failpoints.Order("kill", 3, 0.0),
        "c": failpoints.Order("nap", 1, 2.0),
    }
    with pytest.raises(ValueError, match="write name=kill@3"):
        failpoints.orders("a.b=explode")


def run(*lines: str) -> int:
    """The exit code of a process of its own with a failpoint armed."""
    program = "\n".join([*lines, "from mailguard.rules import engine, loader", "print(engine.evaluate.__code__)"])
    environ = {"MAILGUARD_FAILPOINTS": "rules.asked=kill@1", "PATH": ""}
    code = program + "\n" + _ASK
    return subprocess.run([sys.executable, "-c", code], env=environ, check=False, timeout=60).returncode


_ASK = """
from types import SimpleNamespace
from mailguard.records import Mode
rule = SimpleNamespace(mode=Mode.ENFORCE, skippable=False, when=SimpleNamespace(sought=(), gate=None))
try:
    engine.evaluate(SimpleNamespace(rules=[rule]), SimpleNamespace(lacks=bool, denied=()), None)
except AttributeError:
    pass
"""


def test_the_process_dies_at_the_point_only_where_failpoints_were_installed() -> None:
    assert run("from tests.torture import failpoints", "failpoints.install()") == -9
    assert run() == 0


@pytest.mark.slow
async def test_the_installed_command_knows_no_failpoints(tmp_path: Path) -> None:
    """Every one of them is armed; it takes a mail and brings it away all the same."""
    world = OutsideWorld(SystemClock())
    await world.start()
    site = await asyncio.to_thread(install, tmp_path, world.port)
    await asyncio.to_thread(site.start, MAILGUARD_FAILPOINTS=",".join(f"{name}=kill@1" for name in failpoints.points()))
    try:
        await asyncio.to_thread(_send, site.ports["plain"])
        await world.wait_for(lambda mail: mail.subject == "Hello")
    finally:
        assert await asyncio.to_thread(site.end) == 0
        await world.stop()


def _send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(
            "ann@corp.example", ["bob@corp.example"], "From: ann@corp.example\r\nSubject: Hello\r\n\r\nHi\r\n"
        )
