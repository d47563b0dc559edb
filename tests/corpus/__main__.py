"""`python -m tests.corpus`: the week's table; `-v` also names each mail that was held or told of, and each slip."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.corpus.mails import ordinary, slips
from tests.corpus.table import fate, lines
from tests.corpus.week import Played, play


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play([*ordinary(), *slips()], Path(folder)))
    week = [one for one in played if not one.mail.caught]
    wrong = [one for one in played if one.mail.caught]
    print("\n".join(lines(week, wrong)))
    if "-v" in sys.argv:
        for one in (*(one for one in week if one.rules), *wrong):
            print(_told(one))


def _told(one: Played) -> str:
    what = fate(one) if one.mail.caught else "held" if one.held else "told" if one.told else "passed"
    said = "".join(f"\n    {hit.rule}: {hit.reason}" for hit in one.verdict.hits if hit.rule != "external-delay")
    return f"{one.mail.name}: {what}{said}" if said or one.mail.caught else f"{one.mail.name}: {what}"


if __name__ == "__main__":
    main()
