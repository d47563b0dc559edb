"""Every `*.txt` here is an SMTP session that must go exactly like that: paste a bug report, and it is a test.

`C: …` the client sends this line, `S: …` the server answers with this line; `...` in it stands for anything.
`C*100: …{n}` and `S*100: …` are that many lines. `C~ …` sends bytes with \\r, \\n and \\xff as they are written.
`=== TLS` the client does its handshake, `=== wait 301` that many seconds pass, `=== closed` the server hangs up,
`=== accepted N` so many mails have been accepted by now. `#` begins a comment.
Lines before the first of these set the stage: `listener: open | starttls | implicit | elsewhere`,
`limits.size: 1MB` (any setting), `intake: held RULE | reject TEXT | crash`, `disk: full`,
`logins: upstream-down`.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailguard.errors import PermanentFailure
from mailguard.records import Accepted
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.upstream import UpstreamUsers
from mailguard.testing import FakeClock
from tests.unit.smtpd.conftest import (  # noqa: F401 - fixtures
    OPEN,
    SUBMISSION,
    SUBMISSIONS,
    Serve,
    authority,
    certificate,
    clock,
    connect,
    intake,
    serve,
    trust,
    watch,
)
from tests.unit.smtpd.peer import Client, Intake

FOLDER = Path(__file__).parent
DIALOGS = sorted(FOLDER.glob("*.txt"))
LISTENERS: dict[str, dict[str, Any]] = {
    "open": OPEN,
    "starttls": SUBMISSION,
    "implicit": SUBMISSIONS,
    "elsewhere": {**OPEN, "networks": ["192.0.2.0/24"]},
}
STEP = re.compile(r"(?P<who>[CS])(?:\*(?P<times>\d+))?(?P<raw>[:~]) ?(?P<text>.*)|=== ?(?P<event>.*)")


@pytest.mark.parametrize("path", DIALOGS, ids=lambda path: path.stem)
async def test_dialog(
    path: Path,
    serve: Serve,  # noqa: F811
    connect: Callable[..., Any],  # noqa: F811
    intake: Intake,  # noqa: F811
    clock: FakeClock,  # noqa: F811
    trust: Any,  # noqa: F811
) -> None:
    stage, steps = _read(path)
    server = await _set(stage, serve, intake)
    client = await connect(server, tls=stage.get("listener") == "implicit", greet=False)
    for number, step in steps:
        where = f"{path.name}:{number}: {step[0]}"
        if step["event"] is not None:
            await _event(step["event"], client, clock, intake, trust, where)
        else:
            await _line(step, client, where)


def _read(path: Path) -> tuple[dict[str, str], list[tuple[int, re.Match[str]]]]:
    stage: dict[str, str] = {}
    steps: list[tuple[int, re.Match[str]]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if step := STEP.fullmatch(line):
            steps.append((number, step))
        else:
            assert not steps, f"{path.name}:{number}: {line!r} is no step"
            name, _, value = line.partition(":")
            stage[name.strip()] = value.strip()
    return stage, steps


async def _set(stage: dict[str, str], serve: Serve, intake: Intake) -> SmtpServer:  # noqa: F811
    stage = dict(stage)
    what, _, text = stage.pop("intake", "").partition(" ")
    answers: dict[str, Callable[[], Any] | None] = {
        "": None,
        "held": lambda: Accepted("Q1", text),
        "reject": lambda: _raise(PermanentFailure(f"rejected by rule {text}")),
        "loop": lambda: _raise(PermanentFailure("the mail runs in a circle", code=554, enhanced="5.4.6")),
        "crash": lambda: _raise(RuntimeError("/secret/path")),
    }
    intake.answer = answers[what]
    full = stage.pop("disk", "") == "full"
    listener = LISTENERS[stage.pop("listener", "open")]
    more: dict[str, Any] = {}
    if stage.pop("logins", ""):
        more["users"] = UpstreamUsers("smtp.corp.example:587", _unreachable, FakeClock())
    settings: dict[str, Any] = {}
    for path, value in stage.items():
        section, _, name = path.partition(".")
        settings.setdefault(section, {})[name] = int(value) if value.isdigit() else value

    async def room(_: int) -> bool:
        return not full

    return await serve(listener, room=room, **more, **settings)


async def _unreachable(server: str, name: str, password: str) -> bool:
    raise ConnectionRefusedError


def _raise(error: Exception) -> None:
    raise error


async def _line(step: re.Match[str], client: Client, where: str) -> None:
    for n in range(int(step["times"] or 1)):
        if step["who"] == "S":
            said = await client.line()
            pattern = ".*".join(re.escape(part) for part in step["text"].split("..."))
            assert re.fullmatch(pattern, said), f"{where}\n  said instead: {said}"
        elif step["raw"] == "~":
            client.send(step["text"].encode("latin-1").decode("unicode_escape").encode("latin-1"))
        else:
            client.send(step["text"].replace("{n}", str(n)) + "\r\n")


async def _event(event: str, client: Client, clock: FakeClock, intake: Intake, trust: Any, where: str) -> None:  # noqa: F811
    what, _, value = event.partition(" ")
    if what == "TLS":
        await client.writer.start_tls(trust, server_hostname="localhost")
    elif what == "wait":
        await asyncio.sleep(0.01)  # what was sent has arrived
        await clock.advance(float(value))
    elif what == "closed":
        assert await client.closed(), f"{where}: the server goes on"
    elif what == "accepted":
        assert len(intake.mails) == int(value), where
    else:
        raise AssertionError(f"{where}: nobody knows this event")


def test_every_reply_of_the_documentation_has_a_dialog() -> None:
    """surface: SMTP replies."""
    said = "\n".join(path.read_text() for path in DIALOGS)
    for reply in (
        "250 2.0.0 queued as", "250 2.0.0 held as", "451 4.3.0", "452 4.3.1", "421 4.7.0", "530 5.7.0", "535 5.7.8",
        "550 5.7.1", "552 5.3.4", "554 5.6.0", "501 5.1.3", "503 5.5.1", "452 4.5.3", "454 4.7.0", "553 5.6.7",
        "554 5.4.6",
    ):  # fmt: skip
        assert re.search(rf"^S: {re.escape(reply)}", said, re.MULTILINE), reply
