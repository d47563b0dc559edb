"""The Postfix recipes, read and run by the real Postfix."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.sink import Load, Sink
from tests import postfix

Tool = Callable[[str], str]
every_recipe = pytest.mark.parametrize("recipe", ["next-hop", "satellite", "same-host"])


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


@pytest.mark.clients("postfix")
@every_recipe
def test_postfix_knows_every_name_in_the_recipe(recipe: str, tmp_path: Path, tool: Tool) -> None:
    postfix.configure(recipe, tmp_path)
    said = run(tool("postconf"), "-c", str(tmp_path), "-n") + run(tool("postconf"), "-c", str(tmp_path), "-M")
    assert "warning" not in said
    for name, value in re.findall(r"^(\w+) =[ ]?(.*)$", postfix.part(recipe, "main.cf"), flags=re.M):
        assert f"{name} = {value}".rstrip() in [line.rstrip() for line in said.splitlines()]


@pytest.mark.clients("postfix")
@pytest.mark.skipif(os.getuid() != 0, reason="only root may run postfix check")
@every_recipe
def test_postfix_check_has_no_complaint(recipe: str, tmp_path: Path, tool: Tool) -> None:
    postfix.configure(recipe, tmp_path)
    command = [tool("postfix"), "-c", str(tmp_path), "check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.clients("postfix")
def test_an_unknown_name_would_be_noticed(tmp_path: Path, tool: Tool) -> None:
    postfix.configure("next-hop", tmp_path, "smtpd_forbid_bear_newline = yes\n")
    assert "unused parameter: smtpd_forbid_bear_newline" in run(tool("postconf"), "-c", str(tmp_path), "-n")


@pytest.mark.clients("postfix", "smtp-sink", "smtp-source")
def test_the_next_hop_recipe_carries_mail_on(tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    try:
        with postfix.next_hop(sink.port) as port:
            Load(4096, 3, sessions=1).send(port, timeout=20)
            sink.wait(3, time.monotonic() + 20)
    finally:
        sink.stop()


def test_the_readme_speaks_of_every_recipe() -> None:
    text = (postfix.RECIPES / "README.md").read_text("utf-8")
    folders = [path.name for path in postfix.RECIPES.iterdir() if path.is_dir()]
    assert sorted(folders) == ["next-hop", "same-host", "satellite"]
    assert [name for name in folders if f"`{name}/`" not in text] == []
