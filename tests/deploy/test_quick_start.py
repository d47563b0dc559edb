"""docs/quick-start.md, its commands word for word in a bash on a machine of its own: a network namespace and a home."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quick-start.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[tuple[str, str]]:
    """(commands, what they print)"""
    found: list[tuple[str, str]] = []
    for kind, text in _BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "sh":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def script() -> str:
    """All of it; a line before each block, and the end of whatever command fails."""
    lines = ["set -e"]
    for number, (commands, _) in enumerate(blocks()):
        lines += [f"echo '=== {number}'", commands]
    return "\n".join(lines)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What is in the repository, with the environment that `make install` would make."""
    copy = tmp_path / "mailguard"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    stamp = (ROOT / ".venv" / ".installed").stat().st_mtime
    for name in ("pyproject.toml", "constraints.txt", ".ci/venv"):  # as old as they were when it was made
        os.utime(copy / name, (stamp - 1, stamp - 1))
    return copy


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.clients("curl", "ip", "tmpfs")  # leave to make a namespace is asked for like leave to mount
def test_every_command_does_what_the_page_says(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "home").mkdir()
    environ = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", f"ip link set lo up\n{script()}"],
        cwd=checkout, env=environ, capture_output=True, text=True, timeout=350, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    parts = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(parts) == len(blocks()) > 6
    for printed, (commands, wanted) in zip(parts, blocks(), strict=True):
        whole = printed + done.stderr
        for line in wanted.splitlines():
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(rf"^{pattern}$", whole, re.MULTILINE), f"{commands}\n{line!r} is not in\n{whole}"
    assert (tmp_path / "home" / "mailguard" / "log.jsonl").read_text().count("delivery.sent") == 0


def test_an_answer_that_is_another_would_be_noticed() -> None:
    assert [wanted for _, wanted in blocks() if wanted]
    assert all(line.strip("…") for _, wanted in blocks() for line in wanted.splitlines())
