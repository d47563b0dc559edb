"""The composition root: builds every room from the configuration, starts, reloads, drains and stops them."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from mailguard import people as directory
from mailguard import rules as policy
from mailguard.admin.guard import GuardVerbs, aside_json
from mailguard.admin.server import AdminServer
from mailguard.clock import Clock, SystemClock
from mailguard.config import Config
from mailguard.config import load as load_config
from mailguard.courier import Courier
from mailguard.curbs import Bypass, Curbs, Reasons
from mailguard.desk import Desk, Operator
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError
from mailguard.intake import Intake, IntakeSettings
from mailguard.intake import queue_id as ids
from mailguard.log import Log
from mailguard.mail.envelope import Envelope, Session
from mailguard.metrics import Metrics
from mailguard.people import People
from mailguard.postman import Postman
from mailguard.records import Accepted, State
from mailguard.rules import RuleSet
from mailguard.scheduler import Attempts, Reports, Scheduler
from mailguard.smtpd import SmtpServer, enabled, load_users
from mailguard.smtpd.settings import Auth
from mailguard.store.sqlite import SqliteStore
from mailguard.tasks import Tasks
from mailguard.web import WebServer, create_app, metrics_app

DRAIN = 25.0  # seconds for what is on the wire; systemd and compose give 30
MIN_FREE = 256 << 20  # bytes that stay free besides three times the mail (room for WAL and checkpoint)


class Service:
    """One mailguard process."""

    def __init__(self, config: Config, clock: Clock | None = None, stream: TextIO | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.log = Log(config.log, stream)
        self.metrics = Metrics()
        self.people, self.rules = _load(config)
        self.failed: BaseException | None = None
        self._open_for_mail = False
        self._stopping = asyncio.Event()
        self._hang_up = asyncio.Event()
        self._reloading = asyncio.Lock()
        hostname = config.smtp.hostname
        self.store = SqliteStore(config.store_path, on_broken=self._broken)
        self.courier = Courier(config.next_hop, self.clock, hostname)
        self.postman = Postman(
            self.store, self.courier, self.clock, self.log, config.notices, url=config.web.url,
            zone=lambda: self.people.organization.zone, internal=lambda person: self.people.internal(person),
            hostname=hostname, new_id=self._new_id, wake=lambda: self.scheduler.wake(),
        )  # fmt: skip
        reports = Reports(hostname, config.notices.sender, config.retry, self._new_id, self.courier.destination)
        attempts = Attempts(self.store, self.courier, self.clock, self.log, self.metrics, config.retry, reports)
        self.scheduler = Scheduler(
            self.store, attempts, self.clock, self.log, self.metrics, worker=hostname, retention=config.retention.keep,
            post_notices=self.postman.post, broken=self._broken,
        )  # fmt: skip
        self.desk = Desk(self.store, lambda: self.people, self.clock, self.log, self.metrics, self.scheduler)
        operator = Operator(self.desk, self.store, self.clock, self.log, self.scheduler, reports.of)
        self.curbs = Curbs(
            self.store, Reasons(lambda: self.people, config.holds), self.clock, self.log, self.scheduler.wake,
        )  # fmt: skip
        self.bypass = Bypass(
            self.store, self.clock, self.log, config.holds.fallback, self.scheduler.wake
        )  # fmt: skip
        self.intake = Intake(
            self.store, lambda: self.rules, lambda: self.people, self.courier.destination,
            IntakeSettings(
                hostname, config.holds, config.history.learn, config.notices, config.smtp.limits.decide
            ),
            self.clock, self.log, self.metrics, self.scheduler.wake, stricter=self.curbs.stricter,
            aside=self.bypass.at,
        )  # fmt: skip
        self.smtp = SmtpServer(
            config.smtp, self.intake, self.clock, internal=lambda person: self.people.internal(person),
            notices_sender=config.notices.sender, watcher=_Watch(self.log, self.metrics), room=self._room,
            try_login=self.courier.try_login, warden=self.curbs, users_changed=self.curbs.users_changed,
        )  # fmt: skip
        self.web = WebServer(
            create_app(
                self.desk,
                config.web,
                self.clock,
                self._ready,
                zone=lambda: self.people.organization.zone,
                language=config.notices.language,
                report=lambda error: self.log.failure("web", error),
                paused=lambda: bool(self.store.paused),
                aside=lambda: self.bypass.now.until if self.bypass.now else None,
            ),
            config.web.bind,
        )
        self.scrape = WebServer(metrics_app(self._scrape), config.metrics.bind) if config.metrics.bind else None
        self.admin = AdminServer(
            config.socket_path,
            operator,
            self.store,
            self.clock,
            self.log,
            reload=self.reload,
            health=self.health,
            guard=GuardVerbs(
                self.curbs, self.bypass, forgive=self.smtp.meter.forgive, look_at_users=self.smtp.look_at_users
            ),
        )

    # life
    async def start(self) -> None:
        """Open the store first and the doors last: nothing is accepted before it can be kept."""
        try:
            await self._open()
        except BaseException:
            await self.admin.stop()
            raise
        self._open_for_mail = True
        if self.store.paused:
            self.log.paused(self.store.paused)
        self.log.ready(self.smtp.addresses, self.rules.hash, f"127.0.0.1:{self.web.port}")
        _tell_systemd("READY=1")

    async def _open(self) -> None:
        await self.store.open()
        await self.curbs.start(await asyncio.to_thread(self._enabled))
        await self.bypass.start()
        await self.intake.resume()
        await self.scheduler.start()
        await self.web.start()
        if self.scrape:
            await self.scrape.start()
        await self.admin.start()
        await self.smtp.start()

    async def stop(self, drain: float = DRAIN) -> None:
        """Close the doors first; what was accepted stays safe in the store."""
        _tell_systemd("STOPPING=1")
        await self.smtp.stop(drain)
        await self.intake.drain(drain)
        await self.curbs.stop(drain)
        await self.bypass.stop()
        await self.admin.stop()
        await self.web.stop()
        if self.scrape:
            await self.scrape.stop()
        await self.scheduler.stop(drain)
        await self.postman.stop(drain)
        await self.courier.close()
        await self.store.close()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT, reload on SIGHUP. The exit code: 0, or 1 after the store broke."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up.set)
        await self.start()
        _collect_rarely()
        reloads = Tasks()
        reloads.spawn(self._reload_when_told())
        try:
            await self._stopping.wait()
            self.log.stopping("the store is broken" if self.failed else "asked to")
        finally:
            await reloads.end(0.0)
            await self.stop(0.0 if self.failed else DRAIN)
        return 1 if self.failed else 0

    def _broken(self, error: BaseException) -> None:
        """The store can't be trusted: accept nothing more, keep the file, leave with an exit code."""
        if self.failed is None:
            self.failed = error
            self.log.failure("store", error)
            self._stopping.set()

    def _enabled(self) -> frozenset[str] | None:
        """Who may log in by users.yaml; None: there is none."""
        path = self.config.users_path
        needs_login = any(one.auth is Auth.REQUIRED for one in self.config.smtp.listeners)
        return enabled(load_users(path)) if path is not None and needs_login else None

    def _new_id(self) -> str:
        return ids.new(self.clock.now())

    # reload
    async def reload(self, actor: str) -> str:
        """All or nothing: rules, people, users and certificates; the new rule set's hash. Raises ConfigError.

        One after the other: what was read first must not become live last.
        """
        async with self._reloading:
            return await self._reload(actor)

    async def _reload(self, actor: str) -> str:
        try:
            config = await asyncio.to_thread(load_config, self.config.path, os.environ)
            people, rules = await asyncio.to_thread(_load, config)
            await self.smtp.reload(config.smtp)
        except ConfigError as error:
            self.metrics.reload_ok.set(0)
            self.log.reload_failed(_places(error), actor)
            raise
        self.people, self.rules = people, rules
        await self.curbs.people_changed()
        await self.smtp.look_at_users()
        self.metrics.reload_ok.set(1)
        self.log.reloaded(rules.hash, actor)
        return rules.hash

    async def _reload_when_told(self) -> None:
        """However many SIGHUPs came while one is done, one more reads what they were about."""
        while True:
            await self._hang_up.wait()
            self._hang_up.clear()
            try:
                await self.reload("SIGHUP")
            except ConfigError:
                pass  # it is in the log
            except Exception as error:  # the store could not be told of what became stricter: the next reload does it
                self.log.failure("reload", error)

    # health
    async def _ready(self) -> bool:
        return self._open_for_mail and self.failed is None and not self._stopping.is_set()

    async def health(self) -> Mapping[str, Any]:
        """What `healthcheck` and the admin socket say."""
        counts = await self.store.counts(self.clock.now())
        return {
            "ready": await self._ready(),
            "paused": self.store.paused,
            "rules": self.rules.hash,
            "listeners": list(self.smtp.addresses),
            "queue": {state.value: counts.deliveries.get(state, 0) for state in State},
            "notices_undelivered": counts.notices_undelivered,
            "bypass": aside_json(self.bypass.now),
            "frozen": [standing.about for standing in self.curbs.all_frozen],
            "suspects": self.intake.watch.suspects(self.clock.monotonic()),
        }

    async def _scrape(self) -> bytes:
        now = self.clock.now()
        counts = await self.store.counts(now)
        for state in State:
            self.metrics.queue.labels(state.value).set(counts.deliveries.get(state, 0))
            oldest = counts.oldest.get(state)
            self.metrics.oldest.labels(state.value).set((now - oldest).total_seconds() if oldest else 0)
        self.metrics.paused.set(bool(self.store.paused))
        self.metrics.notices_undelivered.set(counts.notices_undelivered)
        self.metrics.connections.set(self.smtp.connections)
        self.metrics.frozen.set(len(self.curbs.all_frozen))
        self.metrics.bypass.set(self.bypass.now is not None)
        self.metrics.suspects.set(len(self.intake.watch.suspects(self.clock.monotonic())))
        return self.metrics.render()

    async def _room(self, size: int) -> bool:
        free = await self.store.free_bytes()
        return free is None or free > MIN_FREE + 3 * size


class _Watch:
    """What the SMTP server sees goes to log and metrics; accepted mail is logged by intake, which knows more."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log, self._metrics = log, metrics

    def smtp_accepted(
        self, _session: Session, _envelope: Envelope, _size: int, _accepted: Accepted, seconds: float
    ) -> None:
        self._metrics.answered.observe(seconds)

    def smtp_rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        self._metrics.rejected.labels(reply[:3]).inc()
        self._log.rejected(reply, session_id=session_id, peer=peer, listener=listener, sender=sender)

    def auth_failed(self, name: str, peer: str, session_id: str) -> None:
        self._metrics.auth_failures.inc()
        self._log.auth_failed(name, peer, session_id)

    def failure(self, where: str, error: BaseException) -> None:
        self._log.failure(where, error)


def _places(error: ConfigError) -> str:
    """Where, for the log: a finding's words may show a value of the file, and that may be a secret."""
    found = [p for p in error.problems if isinstance(p, Problem)]
    return ", ".join(f"{p.path}:{p.line}: {p.code}" for p in found[:5]) or str(error)


def _load(config: Config) -> tuple[People, RuleSet]:
    people = directory.load(config.people_path, config.organization)
    return people, policy.load(config.rule_files(), people)


def _collect_rarely() -> None:
    """What is here at the start stays; looking through all of it again and again would stop everybody for that long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _tell_systemd(state: str) -> None:
    """sd_notify(3): one datagram to the socket that systemd named."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect("\0" + address[1:] if address.startswith("@") else address)
        notify.send(state.encode())


def serve(path: Path, environ: Mapping[str, str]) -> int:
    """Run one service to its end; ConfigError when the configuration is wrong."""
    config = load_config(path, environ)

    async def main() -> int:
        return await Service(config).run()

    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    return uvloop.run(main())
