"""How the service is: for `healthcheck`, the API, the console and Prometheus."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mailguard.admin.guard import aside_json
from mailguard.clock import Clock
from mailguard.config import Config
from mailguard.config.live import Live
from mailguard.curbs import Bypass, Curbs
from mailguard.desk.shapes import node_json
from mailguard.extract.pool import Pool
from mailguard.intake.watch import RuleWatch
from mailguard.metrics import Metrics
from mailguard.records import State
from mailguard.smtpd.server import SmtpServer
from mailguard.store.base import Store
from mailguard.web import console

EVERY = 5.0  # seconds between two looks at what is this process's alone, where another one is asked for it


class Health:
    """Asks every room; keeps nothing."""

    def __init__(
        self, config: Config, store: Store, clock: Clock, metrics: Metrics, live: Live, smtp: SmtpServer, curbs: Curbs,
        bypass: Bypass, watch: RuleWatch, files: Pool, *, ready: Callable[[], Awaitable[bool]],
        reload_failed: Callable[[], str],
    ) -> None:  # fmt: skip
        self._config, self._store, self._clock, self._metrics = config, store, clock, metrics
        self._live, self._smtp, self._curbs, self._bypass = live, smtp, curbs, bypass
        self._watch, self._files, self._ready, self._reload_failed = watch, files, ready, reload_failed

    async def said(self) -> Mapping[str, Any]:
        """What `healthcheck` and the admin socket say."""
        counts = await self._store.counts(self._clock.now())
        return {
            "ready": await self._ready(),
            "paused": self._store.paused,
            "rules": self._live.policy.rules.hash,
            "listeners": list(self._smtp.addresses),
            "queue": {state.value: counts.deliveries.get(state, 0) for state in State},
            "notices_undelivered": counts.notices_undelivered,
            "bypass": aside_json(self._bypass.now),
            "frozen": [standing.about for standing in self._curbs.all_frozen],
            "suspects": self._suspects(),
            "nodes": [node_json(node) for node in await self._store.nodes()],
        }

    async def condition(self) -> console.Condition:
        """What the console says of the service."""
        hop = self._config.next_hop
        return console.Condition(
            await self._store.counts(self._clock.now()), await self._store.free_bytes(), self._store.reserve_spent,
            self._reload_failed(), tuple(self._smtp.addresses), hop.smarthost or "MX", await self._store.sealed(),
            self._live.heard, tuple(standing.about for standing in self._curbs.all_frozen), tuple(self._suspects()),
            tuple(await self._store.nodes()), tuple(await self._store.legal_holds()),
            await self._store.held_back(self._clock.now(), self._config.retention.keep),
        )  # fmt: skip

    async def scrape(self) -> bytes:
        """Everything, in Prometheus' text format."""
        now = self._clock.now()
        counts = await self._store.counts(now)
        for state in State:
            self._metrics.queue.labels(state.value).set(counts.deliveries.get(state, 0))
            oldest = counts.oldest.get(state)
            self._metrics.oldest.labels(state.value).set((now - oldest).total_seconds() if oldest else 0)
        self._metrics.reserve.set(self._store.reserve_spent)
        self._metrics.paused.set(bool(self._store.paused))
        self._metrics.notices_undelivered.set(counts.notices_undelivered)
        self._metrics.journals_undelivered.set(counts.journals_undelivered)
        self._metrics.nodes.set(len(await self._store.nodes()) or 1)
        self._measure()
        return self._metrics.render()

    async def measure_often(self) -> None:
        """For ever: what another process says for all of this host must be known before it is asked."""
        while True:
            self._measure()
            await self._clock.sleep(EVERY)

    def _measure(self) -> None:
        """What is this process's own."""
        self._metrics.unread.set(self._files.waiting)
        self._metrics.connections.set(self._smtp.connections)
        self._metrics.frozen.set(len(self._curbs.all_frozen))
        self._metrics.bypass.set(self._bypass.now is not None)
        self._metrics.suspects.set(len(self._suspects()))
        self._live.measure()

    def _suspects(self) -> list[str]:
        """Rules that suddenly hold much."""
        return self._watch.suspects(self._clock.monotonic())
