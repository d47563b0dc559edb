"""The composition root: builds every room from the configuration, starts, reloads, drains and stops them."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from mailguard import process
from mailguard.admin.app_passwords import AppPasswordVerbs
from mailguard.admin.factors import FactorVerbs
from mailguard.admin.guard import GuardVerbs
from mailguard.admin.history import HistoryVerbs
from mailguard.admin.server import AdminServer
from mailguard.answers import Answers
from mailguard.clock import Clock, SystemClock
from mailguard.config import Config, signing
from mailguard.config import load as load_config
from mailguard.config.live import Live
from mailguard.curbs import Bypass, Curbs, InForce, Reasons
from mailguard.departures import Departures
from mailguard.desk import Desk, Enrolment, Factors, Operator, Passwords, Programs, Staff
from mailguard.directory.keeper import Answer
from mailguard.directory.logins import asker
from mailguard.document.problem import Problem
from mailguard.errors import ConfigError
from mailguard.extract.pool import Pool
from mailguard.health import Health
from mailguard.intake import queue_id as ids
from mailguard.intake.accept import Intake
from mailguard.intake.again import Again
from mailguard.intake.alarm import Alarm
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.judge import IntakeSettings, Judge
from mailguard.intake.ledgers import Ledgers
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.nodes import Nodes, Refresh
from mailguard.people import People
from mailguard.people.alerts import Alerts
from mailguard.records import Actor
from mailguard.rules.rule import RuleSet
from mailguard.smtpd.app_passwords import AppPasswords
from mailguard.smtpd.guesses import Guesses
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.settings import Auth
from mailguard.smtpd.users import disabled, enabled, load_users
from mailguard.smtpd.watching import Reporter
from mailguard.stamp import Stamps
from mailguard.store.places import place
from mailguard.tasks import Tasks, countdown
from mailguard.web import console
from mailguard.web.api import Parts
from mailguard.web.app import create_app, metrics_app
from mailguard.web.server import WebServer
from mailguard.web.sign_in import Ways

DRAIN = 25.0  # seconds for what is on the wire; systemd and compose give 30
SWITCH = 0.001  # seconds for which a thread that reads a large mail keeps the interpreter from the others
MIN_FREE = 256 << 20  # bytes that stay free besides three times the mail (room for WAL and checkpoint)
LOOK = 0.1  # seconds for which we believe what the disk said of it


class Service:
    """One mailguard process; `worker`: the how manieth on this host, which share their ports. 0: it is alone."""

    def __init__(
        self, config: Config, clock: Clock | None = None, stream: TextIO | None = None, *, worker: int = 0
    ) -> None:
        self.config = self._read = config  # of the start; and of the latest reload, whose `smtp` is in force
        self.clock = clock or SystemClock()
        self.log, self.metrics = Log(config.log, stream), Metrics()
        self.live = Live(config, self.clock, self.log, self.metrics)
        self.access, self.signer, self.stamps = config.access, signing.signer(config), Stamps(config.smtp.stamp)
        self.alerts = Alerts(config.holds.fallback, lambda: self.access, lambda: self.people)
        self.reload_failed = ""
        self._hashes: dict[str, str] = {}
        self.failed: BaseException | None = None
        self._open_for_mail = False
        self._stopping, self._hang_up = asyncio.Event(), asyncio.Event()
        self._looked = float("-inf")
        self._free: int | None = None  # bytes, when we last looked
        hostname, shared, self._first = config.smtp.hostname, worker > 0, worker <= 1
        self._shared, self._measuring = shared, Tasks()
        self.store = place(config.store_url, config.encryption).store(self._broken)
        self.departures = Departures(
            config, self.store, self.clock, self.log, self.metrics, new_id=self._new_id, broken=self._broken,
            people=lambda: self.people, signer=lambda: self.signer, stamps=lambda: self.stamps,
        )  # fmt: skip
        self.courier, self.scheduler = self.departures.courier, self.departures.scheduler
        self.app_passwords = AppPasswords(
            self.store, lambda: self.people, self.clock, self.log.failure, on=config.smtp.app_passwords > 0,
            listed=config.directory.ldap is not None,
        )  # fmt: skip
        self.desk = Desk(
            self.store, lambda: self.people, self.clock, self.log, self.metrics, self.scheduler,
            lambda: self.access, self.alerts, config.web.session, config.preferences,
            again=lambda *about: self._again(*about), app_passwords=config.smtp.app_passwords,
        )  # fmt: skip
        self.live.told(self.desk.absences.now, self.desk.preferences.now)
        operator = Operator(self.desk, self.store, self.clock, self.log, self.scheduler, self.departures.reports.of)
        staff = Staff(
            self.store, operator, self.desk.rights, lambda: self.access, lambda: self.people, self.clock, self.log,
            self.desk.marks,
        )  # fmt: skip
        self.curbs = Curbs(
            self.store, Reasons(lambda: self.people, config.holds), self.clock, self.log, self.alerts,
            self.scheduler.wake, others=self.app_passwords.admits,
        )  # fmt: skip
        self.bypass = Bypass(self.store, self.clock, self.log, self.alerts, self.scheduler.wake)
        self.in_force = InForce(self.store, self.clock)
        within = config.smtp.limits.decide
        deciding = IntakeSettings(hostname, config.holds, config.history, config.notices, within)
        self.files = Pool(config.attachments.limits, config.attachments.workers, within.total_seconds(), self.metrics)
        ledgers = Ledgers(self.store, config.history)
        judge = Judge(
            self.store, lambda: self.rules, lambda: self.people, self.courier.destination, deciding, self.log,
            self.bypass.at, files=self.files, familiar=Acquaintances(self.store, self.clock),
            ledgers=ledgers, reach=self.courier.reach,
        )  # fmt: skip
        self._again = Again(self.store, judge, self.clock)
        self.intake = Intake(
            self.store, judge, lambda: self.rules, deciding, self.clock, self.log, self.metrics, self.scheduler.wake,
            stricter=self.curbs.stricter, alerts=self.alerts, stamps=lambda: self.stamps,
            ring=lambda *about: self.alarm.ring(*about),
        )  # fmt: skip
        self.answers = Answers(
            self.intake, self.desk.by_mail, self.store, self.clock, self.log, self.scheduler.wake,
            config.notices.sender,
        )  # fmt: skip
        self.alarm, self.guesses = (
            Alarm(self._alert, self.clock, self.log), Guesses(self.store, self.clock, self.log.failure)
        )  # fmt: skip
        self.smtp = SmtpServer(
            config.smtp, self.answers if config.notices.answers else self.intake, self.clock,
            internal=lambda person: self.people.internal(person), notices_sender=config.notices.sender,
            room=self._room, watcher=Reporter(self.log, self.metrics, self.guesses.note, self.alarm.ring),
            try_login=self.courier.try_login, warden=self.curbs, users_changed=self._users_changed,
            ask_directory=asker(config.directory.ldap, self.clock.monotonic),
            logins_elsewhere=config.web.passwords, shared=shared, app_passwords=self.app_passwords,
        )  # fmt: skip
        self.health = Health(
            config, self.store, self.clock, self.metrics, self.live, self.smtp, self.curbs, self.bypass,
            self.intake.watch, self.files, ready=self._ready, reload_failed=lambda: self.reload_failed,
        )  # fmt: skip
        factors = Factors(self.store, self.clock)
        pages = create_app(
            self.desk, config.web, self.clock, self._ready, zone=lambda: self.people.organization.zone,
            language=config.notices.language, report=lambda error: self.log.failure("web", error),
            paused=lambda: bool(self.store.paused),
            aside=lambda: self.bypass.now.until if self.bypass.now else None,
            api=Parts(Programs(self.desk, self.store, self.clock), self.store, lambda: self.rules, self.health.said),
            console=console.Sources.of(
                staff, self.store, self.clock, lambda: self.rules, deciding, self.metrics.lags, self.health.condition
            ),
            ways=Ways.of(
                config.web, self.clock, self.log, Passwords(self.desk, factors, self.smtp.log_in, self.log),
                Enrolment(factors, self.smtp.log_in, lambda: self.people, self.desk.marks, self.clock, self.log),
            ),
        )  # fmt: skip
        self.web = WebServer(
            pages, config.web.bind, pages.state.streams.close, shared=shared, proxies=config.web.proxies
        )
        scraped = config.metrics.bind if self._first else None  # one process speaks for all
        self.scrape = WebServer(metrics_app(self.health.scrape), scraped) if scraped else None
        self.nodes = Nodes(
            self.store, self.clock, self.log, self._read_again(), self._reload_here,
            lambda: {**self._hashes, "failed": self.reload_failed}, self.intake.know_again,
        )  # fmt: skip
        self.admin = AdminServer(
            config.socket_path, operator, self.store, self.clock, self.log, reload=self.reload,
            followed=self.nodes.followed, health=self.health.said,
            guard=GuardVerbs(
                self.curbs, self.bypass, forgive=self.smtp.meter.forgive, look_at_users=self.smtp.look_at_users
            ),
            factors=FactorVerbs(factors, self.store, config.organization.name),
            app_passwords=AppPasswordVerbs(self.desk.app_passwords),
            history=HistoryVerbs(self.store, self.clock, ledgers.forget),
        )  # fmt: skip

    @property
    def people(self) -> People:
        return self.live.policy.people

    @property
    def rules(self) -> RuleSet:
        return self.live.policy.rules

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
        process.tell_systemd("READY=1")

    async def _open(self) -> None:
        await self.store.open()
        self.desk.marks.secret = await self.store.secret()
        enabled, users = await asyncio.to_thread(self._enabled), (await self.in_force.known()).get("users")
        moved = users is not None and bool(users) is (self.config.users_path is None)
        await self.curbs.start(enabled, moved=moved)
        await self.bypass.start()
        await self.desk.absences.start()
        await self.desk.preferences.start()
        await self.departures.open()
        await self.store.configure_legal_holds(
            self.config.legal_hold, by=Actor("configuration", "policy"), now=self.clock.now()
        )
        await self._note(Actor("start", "policy"))
        await self.intake.resume()
        await self.scheduler.start()
        await self.live.watch(self.curbs.people_changed, self._alert)
        await self.web.start()
        if self.scrape:
            await self.scrape.start()
        if self._first:
            await self.admin.start()
        await self.smtp.start()
        await self.nodes.start()
        self.departures.sent_copies.start()
        if self._shared:
            self._measuring.spawn(self.health.measure_often())

    async def stop(self, drain: float = DRAIN) -> None:
        """Close the doors; what was accepted stays safe in the store. All under way has `drain` seconds together."""
        process.tell_systemd("STOPPING=1")
        left = countdown(drain)
        self.departures.finish()
        await self.nodes.stop()
        await self.departures.sent_copies.stop()
        await self._measuring.end(0.0)
        await self.live.stop()
        await asyncio.gather(self.smtp.stop(left()), self.web.stop())
        await self.guesses.stop()
        await self.alarm.stop(left())
        await self.intake.drain(left())
        await self.curbs.stop(left())
        await self.bypass.stop()
        await self.admin.stop()
        if self.scrape:
            await self.scrape.stop()
        await self.departures.stop(left())
        await self.files.close()
        await self.courier.close()
        await self.store.close()

    def end(self) -> None:
        """As SIGTERM does."""
        self._stopping.set()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT, reload on SIGHUP. The exit code: 0, or 1 after the store broke."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.end)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up.set)
        await self.start()
        process.collect_rarely()
        sys.setswitchinterval(SWITCH)
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
        path, listeners = self._read.users_path, self._read.smtp.listeners
        needs_login = any(one.auth is Auth.REQUIRED for one in listeners) or self.config.web.passwords
        if path is None or not needs_login:
            self.app_passwords.barred = frozenset()
            return None
        users = load_users(path)
        self.app_passwords.barred = disabled(users)
        return enabled(users)

    async def _users_changed(self, enabled: frozenset[str] | None) -> None:
        await asyncio.to_thread(self._enabled)
        await self.curbs.users_changed(enabled)
        await self._note(Actor("users.yaml", "policy"))

    async def _note(self, by: Actor) -> None:
        """What is in force now, for the audit."""
        users = self._read.users_path
        digest = await asyncio.to_thread(_digest, users) if users else ""
        self._hashes = {"rules": self.rules.hash, "configuration": self.config.digest, "users": digest}
        await self.in_force.note(by, self._hashes)

    def _read_again(self) -> tuple[Refresh, ...]:
        """What the store remembers, and another process may have changed."""
        return (self._thaw, self.bypass.refresh, self.desk.absences.start, self.desk.preferences.start)

    async def _thaw(self) -> None:
        for name in await self.curbs.refresh():
            self.smtp.meter.forgive(name)

    async def _alert(self, data: Mapping[str, str]) -> None:
        await self.store.notify(self.alerts(data), self.clock.now())
        self.scheduler.wake()

    def _new_id(self) -> str:
        return ids.new(self.clock.now())

    # reload
    async def reload(self, actor: str) -> str:
        """All or nothing: rules, people, users, certificates, DKIM keys; the new rule set's hash. Raises ConfigError.

        Whatever shares the store with us reads its own files as well, once ours are live.
        """
        rules = await self._reload_here(actor)
        await self.nodes.tell(actor)
        return rules

    async def _reload_here(self, actor: str) -> str:
        """One after the other: what was read first must not become live last."""
        answer = await self.live.ask()
        async with self.live.changing:
            rules = await self._reload(actor, answer)
        await self.live.tell()
        return rules

    async def _reload(self, actor: str, answer: Answer | None) -> str:
        try:
            config = await asyncio.to_thread(load_config, self.config.path, os.environ)
            policy = await self.live.read(config, answer)
            signer = await asyncio.to_thread(signing.signer, config)
            await self.smtp.reload(config.smtp)
        except ConfigError as error:
            self.metrics.reload_ok.set(0)
            self.reload_failed = _places(error)
            self.log.reload_failed(self.reload_failed, actor)
            raise
        self.live.take(policy)
        self._read = config
        self.access, self.signer, self.stamps = config.access, signer, Stamps(config.smtp.stamp)
        self.reload_failed = ""
        await self._note(Actor(actor, "reload"))
        await self.curbs.people_changed()
        if config.users_path is None:
            await self.curbs.users_changed(self._enabled())
        await self.smtp.look_at_users()
        self.metrics.reload_ok.set(1)
        self.log.reloaded(policy.rules.hash, actor)
        return policy.rules.hash

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

    async def _ready(self) -> bool:
        return self._open_for_mail and self.failed is None and not self._stopping.is_set()

    async def _room(self, size: int) -> bool:
        """For the answer to MAIL FROM; the store looks again when it puts the mail."""
        now = self.clock.monotonic()
        if now >= self._looked + LOOK:
            self._looked, self._free = now, await self.store.free_bytes()
        return self._free is None or self._free > MIN_FREE + 3 * size


def _places(error: ConfigError) -> str:
    """Where, for the log: a finding's words may show a value of the file, and that may be a secret."""
    found = [p for p in error.problems if isinstance(p, Problem)]
    return ", ".join(f"{p.path}:{p.line}: {p.code}" for p in found[:5]) or str(error)


def _digest(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""
