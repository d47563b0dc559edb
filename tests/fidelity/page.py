"""The table in docs/fidelity.md, read and written."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
_MARKS = re.compile(r"(<!-- written by make fidelity: begin -->\n)(.*)\n(<!-- .*: end -->)", re.DOTALL)


def said() -> str:
    """The table as the page has it."""
    found = _MARKS.search(PAGE.read_text("utf-8"))
    assert found
    return found[2]


def put(table: str) -> None:
    PAGE.write_text(_MARKS.sub(lambda mark: f"{mark[1]}{table}\n{mark[3]}", PAGE.read_text("utf-8")), "utf-8")
