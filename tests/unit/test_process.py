"""A process is told from every other one there ever was."""

import subprocess
import sys

import pytest

from mailguard import process

ASK = "from mailguard import process; print(process.identity(), flush=True); input()"


def test_it_is_gone_when_it_has_ended_and_not_before() -> None:
    with subprocess.Popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        identity = one.stdout.readline().strip()
        assert not process.is_gone(identity)
        one.kill()
        one.wait()
        assert process.is_gone(identity)


def test_another_process_of_the_same_number_is_not_it() -> None:
    world, pid, started = process.identity().rsplit(" ", 2)
    assert not process.is_gone(f"{world} {pid} {started}")
    assert process.is_gone(f"{world} {pid} {int(started) - 1}")


@pytest.mark.parametrize("identity", ["", "another-boot pid:[1] 1 1", "1", "\N{SNOWMAN} x y"])
def test_of_what_is_elsewhere_nobody_says_that_it_is_gone(identity: str) -> None:
    assert not process.is_gone(identity)
