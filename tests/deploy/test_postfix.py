"""The Postfix recipes, read by the real Postfix."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "deploy" / "postfix"
# Debian keeps the untouched files here, whatever the machine's own Postfix is set to.
STOCK = Path("/usr/share/postfix")

Tool = Callable[[str], str]


def configured(recipe: str, folder: Path) -> Path:
    """A configuration folder as Debian ships it, with the recipe appended, on queue folders of its own."""
    folder.chmod(0o755)
    queue, data = folder / "queue", folder / "data"
    queue.mkdir(mode=0o755)
    data.mkdir(mode=0o755)
    main = (STOCK / "main.cf.debian").read_text("utf-8")
    own = (RECIPES / recipe / "main.cf").read_text("utf-8")
    main += f"\ncompatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n{own}"
    (folder / "main.cf").write_text(main, "utf-8")
    master = (STOCK / "master.cf.dist").read_text("utf-8")
    lines = RECIPES / recipe / "master.cf"
    (folder / "master.cf").write_text(master + (lines.read_text("utf-8") if lines.exists() else ""), "utf-8")
    cool(folder)
    return folder


def cool(folder: Path) -> None:
    """Postfix waits two seconds before it reads a file that was only just written."""
    for name in ("main.cf", "master.cf"):
        os.utime(folder / name, (1, 1))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


@pytest.mark.clients("postfix")
@pytest.mark.parametrize("recipe", ["next-hop", "satellite", "same-host"])
def test_postfix_knows_every_name_in_the_recipe(recipe: str, tmp_path: Path, tool: Tool) -> None:
    folder = configured(recipe, tmp_path)
    said = run(tool("postconf"), "-c", str(folder), "-n") + run(tool("postconf"), "-c", str(folder), "-M")
    assert "warning" not in said
    for name, value in settings(recipe):
        assert f"{name} = {value}".rstrip() in [line.rstrip() for line in said.splitlines()]


def settings(recipe: str) -> list[tuple[str, str]]:
    text = (RECIPES / recipe / "main.cf").read_text("utf-8")
    return re.findall(r"^(\w+) =[ ]?(.*)$", text, flags=re.M)


@pytest.mark.clients("postfix")
@pytest.mark.skipif(os.getuid() != 0, reason="only root may run postfix check")
@pytest.mark.parametrize("recipe", ["next-hop", "satellite", "same-host"])
def test_postfix_check_has_no_complaint(recipe: str, tmp_path: Path, tool: Tool) -> None:
    folder = configured(recipe, tmp_path)
    done = subprocess.run(
        [tool("postfix"), "-c", str(folder), "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.clients("postfix")
def test_an_unknown_name_would_be_noticed(tmp_path: Path, tool: Tool) -> None:
    folder = configured("next-hop", tmp_path)
    with (folder / "main.cf").open("a") as main:
        main.write("smtpd_forbid_bear_newline = yes\n")
    cool(folder)
    assert "unused parameter: smtpd_forbid_bear_newline" in run(tool("postconf"), "-c", str(folder), "-n")


def test_the_readme_speaks_of_every_recipe() -> None:
    text = (RECIPES / "README.md").read_text("utf-8")
    folders = [path.name for path in RECIPES.iterdir() if path.is_dir()]
    assert sorted(folders) == ["next-hop", "same-host", "satellite"]
    assert [name for name in folders if f"`{name}/`" not in text] == []
