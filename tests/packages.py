"""Packages with entry points, laid beside the installed ones as pip would, and forgotten again."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailguard.rules import actions, condition, entry_points

PREFIX = "acme_"  # of their names


class Packages:
    """A folder on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lay(self, name: str, code: str, points: str, group: str = "conditions") -> None:
        """One module, and what its package says of its entry points."""
        assert name.startswith(PREFIX)
        (self.folder / f"{name}.py").write_text(code, "utf-8")
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[mailguard.{group}]\n{points}\n", "utf-8")


@contextmanager
def forgotten() -> Iterator[None]:
    """What packages bring in here is unknown again behind it."""
    before = [(register, dict(register)) for register in (condition.REGISTER, actions.ACTIONS, entry_points._brought)]
    try:
        yield
    finally:
        for register, kept in before:
            register.clear()
            register.update(kept)  # type: ignore[arg-type]
        for name in [name for name in sys.modules if name.startswith(PREFIX)]:
            del sys.modules[name]
