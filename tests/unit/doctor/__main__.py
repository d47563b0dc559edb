"""What `mailguard doctor` says of the good and of the bad set-up; --write puts it into docs/doctor.md."""

import asyncio
import io
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from mailguard.cli.doctor import show
from mailguard.clock import SystemClock
from mailguard.doctor.run import examine
from tests.unit.doctor.setup import set_up

PAGE = Path(__file__).parents[3] / "docs" / "doctor.md"


async def said(*, good: bool) -> str:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        async with set_up(Path(folder), good=good, memory=None if good else Path(memory)) as at:
            out = io.StringIO()
            with redirect_stdout(out):
                show(await examine(at.config, at.outside, SystemClock()))
            return out.getvalue().replace(memory, "/dev/shm").replace(folder, "/etc/mailguard")


def main() -> None:
    text = PAGE.read_text("utf-8")
    for name in ("good", "bad"):
        output = asyncio.run(said(good=name == "good"))
        print(output)
        block = f"<!-- {name} -->\n```text\n{output.rstrip()}\n```\n<!-- /{name} -->"
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = before + block + rest.partition(f"<!-- /{name} -->")[2]
    if "--write" in sys.argv:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
