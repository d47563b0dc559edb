"""The dashboard's panels with data of a load run: `python -m benchmarks.dashboard` draws docs/plots/dashboard.svg.

A real Prometheus scrapes the installed service and answers the queries of deploy/grafana/mailguard.json; Grafana itself
(under the AGPL) is not installed: the lines are drawn by `plots`.
"""

import asyncio
import contextlib
import random
import smtplib
import ssl
import tempfile
import time
from pathlib import Path

from benchmarks.plots import Chart, charts
from mailguard.admin import client
from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from tests import tools
from tests.installed import Installed, install
from tests.prometheus import Panel, Prometheus, panels, running

ROOT = Path(__file__).parents[1]
SECONDS = 60.0
_SUBJECTS = ("Lunch", "Minutes of Monday", "Offer 117", "Confidential: figures", "Re: Plan")


def load(installed: Installed, seconds: float, at_least: int = 0, rate: float = 10.0) -> None:
    """Mail inside and outside, some held, some let go, some refused, some logins wrong; about `rate` mails a second."""
    end, chance, number = time.monotonic() + seconds, random.Random(1), 0
    while time.monotonic() < end or number < at_least:
        with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=60) as session:
            for _ in range(10):
                number += 1
                subject = _SUBJECTS[number % len(_SUBJECTS)]
                inside = chance.random() < 0.6 and "Confidential" not in subject
                to = f"{'lee' if inside else 'kim'}@{'corp' if inside else 'client'}.example"
                session.sendmail("ann@corp.example", [to], _letter(number, to, subject))
                time.sleep(chance.expovariate(rate))
        _let_one_go(installed)
        _refused(installed)
        _wrong_login(installed, f"nobody{number}")


def _letter(number: int, to: str, subject: str) -> bytes:
    head = f"From: ann@corp.example\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@corp.example>\r\n"
    parts = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\nAs we said, number {number}.\r\n"
        "--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=figures.csv\r\n\r\na,b\r\n1,2\r\n"
        "--b--\r\n"
    )
    return (head + parts).encode()


def _wrong_login(installed: Installed, name: str) -> None:
    """Another one each time: who fails again waits ever longer for the answer."""
    trusting = ssl.create_default_context(cafile=installed.folder / "ca.pem")
    port, refused = installed.ports["implicit"], contextlib.suppress(smtplib.SMTPAuthenticationError)
    with smtplib.SMTP_SSL("127.0.0.1", port, timeout=60, context=trusting) as session, refused:
        session.login(name, "not a password")


def _refused(installed: Installed) -> None:
    """Nobody may send as somebody of another company."""
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=60) as session:
        session.helo()
        session.mail("mallory@elsewhere.example")
        session.rcpt("kim@client.example")


def _let_one_go(installed: Installed) -> None:
    socket = installed.folder / "admin.sock"
    held = client.ask(socket, "list", state="held", limit=1)
    if held:
        client.ask(socket, "act", act="send", queue_id=held[0]["queue_id"])


def _chart(prometheus: Prometheus, panel: Panel, start: float, end: float) -> Chart:
    lines = {}
    for query, legend in panel.queries:
        for found in prometheus.series(query, start, end, 1.0):
            name = legend
            for label, value in found["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            lines[name] = [(float(at), float(value)) for at, value in found["values"]]
    if not lines:
        raise SystemExit(f"the panel {panel.title} has no data")
    return Chart(panel.title, panel.unit, lines)


async def main() -> None:
    """One run, one picture."""
    program = tools.find("prometheus")
    if program is None:
        raise SystemExit("prometheus is not installed: tests/install-tools")
    world = OutsideWorld(SystemClock())
    await world.start()
    with tempfile.TemporaryDirectory() as name:
        installed = await asyncio.to_thread(install, Path(name), world.port)
        await asyncio.to_thread(installed.start)
        try:
            with running(program, Path(name), [installed.ports["metrics"]]) as prometheus:
                start = time.time()
                await asyncio.to_thread(load, installed, SECONDS)
                drawn = [_chart(prometheus, panel, start + 5, time.time()) for panel in panels()]
        finally:
            await asyncio.to_thread(installed.end)
            await world.stop()
    charts(ROOT / "docs" / "plots" / "dashboard.svg", f"The dashboard after {SECONDS:.0f} seconds of load", drawn)


if __name__ == "__main__":
    asyncio.run(main())
