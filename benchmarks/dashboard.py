"""The dashboard's panels with data of a load run: `python -m benchmarks.dashboard` draws docs/plots/dashboard.svg.

A real Prometheus scrapes the installed service and answers the queries of deploy/grafana/mailguard.json; Grafana itself
(under the AGPL) is not installed: the lines are drawn by `plots`.
"""

import asyncio
import random
import re
import smtplib
import tempfile
import time
from pathlib import Path

from benchmarks.plots import Chart, charts
from mailguard.admin import client
from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from tests import tools
from tests.installed import PASSWORD, Installed, install
from tests.prometheus import Panel, Prometheus, panels, running

ROOT = Path(__file__).parents[1]
SECONDS = 90.0
_SUBJECTS = ("Lunch", "Minutes of Monday", "Offer 117", "Confidential: figures", "Re: Plan")


def load(installed: Installed, seconds: float, rate: float = 10.0) -> None:
    """Mail inside and outside, some held, some let go, some refused, some logins wrong; about `rate` mails a second."""
    end, chance, number = time.monotonic() + seconds, random.Random(1), 0
    while time.monotonic() < end:
        with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
            for _ in range(10):
                number += 1
                inside = chance.random() < 0.6  # noqa: PLR2004
                to = f"{'lee' if inside else 'kim'}@{'corp' if inside else 'client'}.example"
                subject = chance.choice(_SUBJECTS)
                session.sendmail("ann@corp.example", [to], _letter(number, to, subject))
                time.sleep(chance.expovariate(rate))
        _wrong_login(installed)
        _let_one_go(installed)
        _refused(installed)


def _letter(number: int, to: str, subject: str) -> bytes:
    head = f"From: ann@corp.example\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@corp.example>\r\n"
    parts = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\nAs we said, number {number}.\r\n"
        '--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="figures.csv"\r\n\r\na,b\r\n1,2\r\n--b--\r\n'
    )
    return (head + parts).encode()


def _wrong_login(installed: Installed) -> None:
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        session.noop()


def _refused(installed: Installed) -> None:
    """Nobody may send as somebody of another company."""
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=20) as session:
        session.helo()
        session.mail("mallory@elsewhere.example")
        session.rcpt("kim@client.example")


def _let_one_go(installed: Installed) -> None:
    socket = installed.folder / "admin.sock"
    held = client.ask(socket, "list", state="waiting", limit=1)
    if held:
        client.ask(socket, "act", act="send", queue_id=held[0]["queue_id"])
