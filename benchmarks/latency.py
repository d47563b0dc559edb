"""One client, one mail at a time: how long it waits for the 250; and what TLS and a login cost beside plain text.

The client is ours, because smtp-source speaks no TLS and tells no times: both relays have the same one.
"""

import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from rich.table import Table

from benchmarks import processes
from benchmarks.client import post
from benchmarks.relays import LOGIN, PASSWORD, Mailguard, Postfix, Relay
from benchmarks.sink import Sink

SLOWEST = 0.5  # of Postfix's time to the 250
PLAIN, TLS, AUTH = "in plain", "TLS", "TLS and AUTH"


@dataclass(frozen=True)
class Waits:
    """Of one run, over its mails. Seconds; `cpu` of the relay's own processes, for each mail."""

    relay: str
    session: str
    accepted: tuple[float, ...]  # from the dot to the 250
    whole: tuple[float, ...]  # from the first packet to the goodbye
    cpu: float


def measure(ours: Mailguard, peer: Postfix, sink: Sink, mail: Path, *, pairs: int, mails: int) -> list[Waits]:
    """Both relays in plain and with TLS, mailguard with a login too: in turns, a new session for every mail."""
    letter = mail.read_bytes().replace(b"\n", b"\r\n")
    found = []
    for pair in range(pairs):
        first, second = (ours, peer) if pair % 2 == 0 else (peer, ours)
        for session in (PLAIN, TLS):
            for relay in (first, second):
                port = relay.port if session == PLAIN else relay.tls_port
                found.append(_run(relay, session, port, sink, letter, mails))
        found.append(_run(ours, AUTH, ours.login_port, sink, letter, mails))
    return found


def _run(relay: Relay, session: str, port: int, sink: Sink, letter: bytes, mails: int) -> Waits:
    before, cpu = sink.count(), processes.tree_cpu(relay.pid)
    accepted, whole = [], []
    for _ in range(mails):
        began = time.perf_counter()
        with _connected(port, session) as client:
            accepted.append(post(client, letter))
        whole.append(time.perf_counter() - began)
    sink.wait(before + mails, time.monotonic() + 60)
    return Waits(
        relay.name, session, tuple(accepted), tuple(whole), (processes.tree_cpu(relay.pid) - cpu) / mails
    )  # fmt: skip


def _connected(port: int, session: str) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, "client", timeout=30)
    client.ehlo()
    if session != PLAIN:
        client.starttls(context=ssl._create_unverified_context())  # the certificate is nobody's, and costs the same
        client.ehlo()
    if session == AUTH:
        client.login(LOGIN, PASSWORD)
    return client


def table(found: Sequence[Waits]) -> Table:
    """A row for each kind of session and relay."""
    shown = Table(title="one client, one mail at a time, a session each: ms")
    for heading in ("session", "relay"):
        shown.add_column(heading)
    for heading in ("dot to 250", "of the runs", "99 %", "whole session", "own CPU, × Postfix in plain"):
        shown.add_column(heading, justify="right")
    base = median(one.cpu for one in found if (one.relay, one.session) == ("postfix", PLAIN))
    for session, relay, runs in _kinds(found):
        each = [median(run.accepted) for run in runs]
        every = [wait for run in runs for wait in run.accepted]
        shown.add_row(
            session, relay, f"{median(each) * 1000:.2f}", f"{min(each) * 1000:.2f}-{max(each) * 1000:.2f}",
            f"{quantiles(every, n=100)[98] * 1000:.1f}",
            f"{median(wait for run in runs for wait in run.whole) * 1000:.1f}",
            f"{median(run.cpu for run in runs) / base:.2f}",
        )  # fmt: skip
    return shown


def missed(found: Sequence[Waits]) -> list[str]:
    """What took longer than is wanted."""
    ratio = waited(found)
    return [f"time to the 250 ({ratio:.2f} × Postfix, ≤ {SLOWEST:g} wanted)"] if ratio > SLOWEST else []


def waited(found: Sequence[Waits]) -> float:
    """In plain, mailguard ÷ Postfix, the median over the pairs."""
    ours, peers = (
        [median(one.accepted) for one in found if (one.relay, one.session) == (relay, PLAIN)]
        for relay in ("mailguard", "postfix")
    )
    return median(our / peer for our, peer in zip(ours, peers, strict=True))


def _kinds(found: Sequence[Waits]) -> Iterator[tuple[str, str, list[Waits]]]:
    for session in (PLAIN, TLS, AUTH):
        for relay in ("mailguard", "postfix"):
            if runs := [one for one in found if (one.session, one.relay) == (session, relay)]:
                yield session, relay, runs
