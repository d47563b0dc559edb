"""How long pages and the API take with 100,000 mails in the store: from the request to the last byte.

Beside each stands how long the same bytes take from the standard library's file server, asked in turn.
"""

import asyncio
import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette

from benchmarks import crowd
from mailguard import tokens
from mailguard.desk import Desk, Operator, Programs, Staff
from mailguard.history import HistorySettings
from mailguard.intake.judge import IntakeSettings
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.notices.settings import NoticeSettings
from mailguard.people import Directory, Organization, People, Person
from mailguard.people.access import Access
from mailguard.records import Actor, Login, Role, Token
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.store.search import Search
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import MONDAY, FakeClock
from mailguard.web.api import Parts
from mailguard.web.app import create_app
from mailguard.web.console import Condition, Sources
from mailguard.web.server import WebServer
from mailguard.web.settings import WebSettings

MAILS, TARGET, TIMES = 100_000, 50.0, 15  # mails, milliseconds, requests a page
ADA, SENDER, PROGRAM = "ada@corp.example", "person7@corp.example", "a program"
CONSOLE = {
    "the newest mails": "",
    "of a sender": "?from=person7@corp.example",
    "to a recipient": "?to={recipient}",
    "to a recipient, by how it begins": "?to=contact7",
    "to a domain": "?domain=client77.example",
    "words of a subject": "?subject=quote+umowa",
    "nothing found": "?subject=zebra&from=corp.example",
    "by five fields": "?from=corp.example&domain=client77.example&rule=external-delay&subject=quote&older=30d",
    "a rule": "?rule=unexpected-cc",
    "a rule of most mail, that failed": "?rule=external-delay&state=failed",
    "a subject, that failed": "?subject=quote&state=failed",
    "a file by its SHA-256": "?file={file}",
    "a file by its SHA-256, of a rule": "?file={file}&rule=external-delay",
    "a day, of a rule": "?newer=301d&older=300d&rule=external-delay",
    "that failed": "?state=failed",
    "cancelled, of a sender": "?state=cancelled&from=person7",
    "all that waits": "?state=waiting",
    "older than 300 days": "?older=300d&state=sent",
    "page 2": "?from=corp.example&after={middle}",
    "a mail": "/mail/{middle}",
    "preview of 50 mails": "/preview?do=stop&all=1&state=waiting&subject=quote",
    "people": "/people?address=person7@corp.example",
    "health": "/health",
    "rules, counted before": "/rules",
}
OWN = {
    "outbox": "/outbox",
    "a mail of one's own": "/outbox/{own}",
    "its text": "/outbox/{own}/text",
    "approvals": "/approvals",
}
API = {
    "the newest mails": "/mails",
    "of a sender": "/mails?sender=person7@corp.example",
    "to a recipient": "/mails?recipient={recipient}",
    "to a recipient without mail": "/mails?recipient=nobody@client77.example",
    "a rule": "/mails?rule=unexpected-cc",
    "a rule of most mail, that failed": "/mails?rule=external-delay&state=failed",
    "a rule without mail": "/mails?rule=no-such-rule",
    "of a sender to a recipient": "/mails?sender=person7@corp.example&recipient={recipient}",
    "all that waits": "/mails?waiting=true",
    "before a day": "/mails?before=2026-01-01T00:00:00Z",
    "that failed": "/mails?state=failed",
    "page 2": "/mails?after={middle}",
    "a mail": "/mails/{middle}",
    "its history": "/mails/{middle}/events",
    "rules": "/rules",
    "health": "/health",
}
# who asks, and for what
PAGES = (
    *((ADA, f"console: {page}", f"/console{path}") for page, path in CONSOLE.items()),
    *((SENDER, page, path) for page, path in OWN.items()),
    *((PROGRAM, f"API: {page}", f"/api/v1{path}") for page, path in API.items()),
)


@dataclass(frozen=True)
class Pace:
    """Milliseconds: the median, the quickest and the slowest; and the least that the processor worked for one.

    That is of the pages' process, in which the client works too; other programs' work is not in it.
    """

    page: str
    median: float
    quickest: float
    slowest: float
    cpu: float
    peer: float  # the median of the same bytes from a file server


def main(screen: Console, *, quick: bool = False, at: Path | None = None) -> list[str]:
    """Measured, shown, and what was missed. `at`: a store that is filled already."""
    folder = Path(tempfile.mkdtemp(prefix="mailguard-bench-", dir="/var/tmp"))
    count = MAILS // 10 if quick else MAILS
    try:
        if at is None:
            crowd.fill(folder / "mail.db", count, MONDAY)
        paces = asyncio.run(_measured(at or folder / "mail.db", count))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    title = f"{count:,} mails in the store; at most {TARGET:.0f} ms is wanted"
    table = Table(
        "page", "median, ms", "quickest", "slowest", "CPU, at least", "http.server, the same bytes", title=title
    )
    for pace in paces:
        figures = (pace.median, pace.quickest, pace.slowest, pace.cpu, pace.peer)
        table.add_row(pace.page, *(f"{figure:.1f}" for figure in figures))
    screen.print(table)
    return [f"{pace.page}: {pace.median:.0f} ms" for pace in paces if pace.median > TARGET]


async def _measured(path: Path, count: int) -> list[Pace]:
    store, clock = SqliteStore(path), FakeClock()
    await store.open()
    shown = await _let_in(store, clock.now())
    server = WebServer(_pages(store, clock), "127.0.0.1:0")
    await server.start()
    (own,) = await store.search(Search(sender=SENDER, limit=1))
    places = {"middle": f"{count // 2:08X}", "file": crowd.file(7).hex(), "own": own.queue_id}
    places["recipient"] = own.deliveries[0].address
    paces = []
    with _peer() as (peer, files):
        async with httpx.AsyncClient(timeout=120) as client:
            for person, page, place in PAGES:
                url = f"http://127.0.0.1:{server.port}{place.format(**places)}"
                client.headers = httpx.Headers([shown[person]])
                paces.append(await _pace(client, page, url, peer, files))
    await server.stop()
    await store.close()
    return paces


async def _let_in(store: SqliteStore, now: datetime) -> dict[str, tuple[str, str]]:
    """The field of each request that says who asks: two people who signed in, and a program with a token."""
    secrets, until = {who: tokens.new() for who in (ADA, SENDER, PROGRAM)}, now + timedelta(hours=1)
    for person in (ADA, SENDER):
        await store.open_login(tokens.digest(secrets[person]), Login(person, until))
    token = Token(PROGRAM, Role.ADMIN, "", ADA, now, until)
    await store.add_token(token, tokens.digest(secrets[PROGRAM]), by=Actor(ADA, "cli"), now=now)
    signed_in = {person: ("Cookie", f"mailguard-session={secrets[person]}") for person in (ADA, SENDER)}
    return {**signed_in, PROGRAM: ("Authorization", f"Bearer {secrets[PROGRAM]}")}


async def _pace(client: httpx.AsyncClient, page: str, url: str, peer: str, files: dict[str, bytes]) -> Pace:
    taken, worked, beside = [], [], []
    for _ in range(TIMES + 1):
        answer, spent, cpu = await _timed(client, url)
        files["/page"] = answer.content
        taken.append(spent)
        worked.append(cpu)
        beside.append((await _timed(client, peer + "/page"))[1])
    del taken[0], worked[0], beside[0]  # the first one makes the templates
    return Pace(page, median(taken), min(taken), max(taken), min(worked), median(beside))


async def _timed(client: httpx.AsyncClient, url: str) -> tuple[httpx.Response, float, float]:
    """The answer, how many milliseconds went by, and how many of the processor's."""
    start, worked = time.perf_counter(), time.process_time()
    answer = await client.get(url)
    spent, cpu = time.perf_counter() - start, time.process_time() - worked
    answer.raise_for_status()
    return answer, spent * 1000, cpu * 1000


@contextlib.contextmanager
def _peer() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A file server of the standard library in a thread, and what it serves by path."""
    files: dict[str, bytes] = {}

    class Files(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", files
        server.shutdown()


def _pages(store: SqliteStore, clock: FakeClock) -> Starlette:
    people = People(Organization(name="Corp", domains=("corp.example",), zone="UTC"), Directory((Person(ADA),)))
    access, log, metrics = Access(admin=(ADA,)), Log(), Metrics()
    desk = Desk(store, lambda: people, clock, log, metrics, _Bell(), lambda: access)
    operator = Operator(desk, store, clock, log, _Bell(), lambda *_: [])
    staff = Staff(store, operator, desk.rights, lambda: access, lambda: people, clock, log, desk.marks)
    notices = NoticeSettings(sender="mailguard@corp.example")
    settings = IntakeSettings(
        "mail.corp.example", HoldSettings(fallback=ADA), HistorySettings(), notices, timedelta(seconds=10)
    )

    async def condition() -> Condition:
        return Condition(await store.counts(clock.now()), None, False, "", (), "", None, None, (), ())

    sources = Sources.of(staff, store, clock, RuleSet, settings, metrics.lags, condition)
    api = Parts(Programs(desk, store, clock), store, RuleSet, _health)
    return create_app(desk, WebSettings(), clock, console=sources, api=api)


async def _health() -> dict[str, Any]:
    return {"ready": True, "paused": "", "rules": "", "queue": {}, "notices_undelivered": 0}


class _Bell:
    def wake(self) -> None:
        """Nothing leaves here."""
