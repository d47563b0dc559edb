"""`python -m tests.extract`: the table of what is found in attached files; --write puts it into docs/attachments.md."""

import re
import sys
from pathlib import Path

from tests.extract.table import markdown, rows

PAGE = Path(__file__).parents[2] / "docs" / "attachments.md"
_MARKS = re.compile(r"(<!-- written by python -m tests.extract: begin -->\n).*(<!-- .*: end -->)", re.S)


def main() -> int:
    found = list(rows())
    table = markdown(found)
    print(table)
    if "--write" in sys.argv:
        PAGE.write_text(_MARKS.sub(lambda mark: f"{mark[1]}{table}\n{mark[2]}", PAGE.read_text("utf-8")), "utf-8")
    return 1 if any(row.missed for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
