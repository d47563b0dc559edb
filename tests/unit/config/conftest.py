"""A folder with a small configuration in it, to be changed and loaded."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mailguard import config
from mailguard.config import Config
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError

SMALL = """\
version: 1
organization: {domains: [corp.example]}
rules: [rules/*.yaml]
store: sqlite:mail.db
smtp: {hostname: mail.corp.example}
next_hop: {smarthost: "smtp.corp.example:587"}
notices: {sender: mailguard@corp.example}
holds: {fallback: postmaster@corp.example}
"""


class Folder:
    """Write, load, and look at what is said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "mailguard.yaml"
        (path / "rules").mkdir()
        self.write("rules/10-base.yaml", "version: 1\nrules: []\n")

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.path / name
        path.write_text(text, "utf-8")
        path.chmod(mode)
        return path

    def load(self, extra: str = "", environ: Mapping[str, str] | None = None, **changed: str) -> Config:
        """`changed` replaces whole sections of the small configuration."""
        lines = [changed.pop(line.split(":")[0], line.partition(": ")[2]) for line in SMALL.splitlines()]
        keys = [line.split(":")[0] for line in SMALL.splitlines()]
        text = "".join(f"{key}: {line}\n" for key, line in zip(keys, lines, strict=True) if line)
        text += "".join(f"{key}: {value}\n" for key, value in changed.items()) + extra
        self.write("mailguard.yaml", text)
        return config.load(self.file, environ or {})

    def wrong(self, extra: str = "", environ: Mapping[str, str] | None = None, **changed: str) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            self.load(extra, environ, **changed)
        return [problem for problem in caught.value.problems if isinstance(problem, Problem)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
