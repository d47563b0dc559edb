"""A client that sends one mail after another in one session, and writes down how long each waited for its 250."""

import smtplib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from benchmarks.sink import RECIPIENT, SENDER

PAUSE = 0.05  # seconds between two mails


class Client(threading.Thread):
    """`waits`: when each mail was begun (time.monotonic), and the seconds from its dot to its 250."""

    def __init__(self, port: int, mail: Path) -> None:
        super().__init__(daemon=True)
        self._port, self._letter = port, mail.read_bytes().replace(b"\n", b"\r\n")
        self._done = threading.Event()
        self.waits: list[tuple[float, float]] = []

    def __enter__(self) -> "Client":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join(60)

    def run(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._port, "client", timeout=60) as client:
            client.ehlo()
            while not self._done.wait(PAUSE):
                sent = time.monotonic()
                self.waits.append((sent, post(client, self._letter)))


def post(client: smtplib.SMTP, letter: bytes) -> float:
    """Seconds from the dot of one mail to its 250."""
    client.mail(SENDER)
    client.rcpt(RECIPIENT)
    client.docmd("DATA")
    client.send(letter + b".\r\n")
    dot = time.perf_counter()
    code, text = client.getreply()
    assert code == 250, text
    return time.perf_counter() - dot


def p99(waits: Sequence[float]) -> float:
    """The 99th of 100."""
    return quantiles(waits, n=100)[98] if len(waits) > 1 else float("nan")
