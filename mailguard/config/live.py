"""The policy in force: read from files by a person's word, and bound anew when the directory has news."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mailguard.clock import Clock
from mailguard.config import Config
from mailguard.config.policy import Policy, load
from mailguard.directory.keeper import Answer, Keeper
from mailguard.errors import TemporaryFailure
from mailguard.locale import sayings
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.people import Delegate, Found, Preference
from mailguard.tasks import Tasks

Changed = Callable[[], Awaitable[None]]
Alert = Callable[[Mapping[str, str]], Awaitable[None]]


class Live:
    """Rules and people as they are now. Blocks while it is made; raises ConfigError."""

    def __init__(self, config: Config, clock: Clock, log: Log, metrics: Metrics) -> None:
        self._config, self._log, self._metrics = config, log, metrics
        self.absences: Mapping[str, Delegate] = {}  # of everybody who is live, whatever was read anew
        self.preferences: Mapping[str, Preference] = {}
        self.changing = asyncio.Lock()  # held from reading to `take`: what was read first must not become live last
        self._tasks = Tasks()
        ldap = config.directory.ldap
        self._directory = Keeper(ldap, config.directory_path, clock, log, metrics) if ldap else None
        self.policy = self._directory.open(partial(load, config)) if self._directory else load(config)

    @property
    def policy(self) -> Policy:
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        policy.people.absences, policy.people.preferences = self.absences, self.preferences
        self._policy = policy

    async def watch(self, changed: Changed, alert: Alert) -> None:
        """From now on the directory is asked again and again. `changed` is called after other people became live."""
        self._alert = alert
        if self._directory:
            await self.tell()
            self._tasks.spawn(self._directory.run(partial(self._renew, changed)))

    def told(self, absences: Mapping[str, Delegate], preferences: Mapping[str, Preference]) -> None:
        """Who is away by their own word, and what they chose, from now on and after every reload."""
        self.absences, self.preferences = absences, preferences
        self.take(self.policy)

    async def stop(self) -> None:
        await self._tasks.end(0.0)

    async def ask(self) -> Answer | None:
        """What the directory says now. None: there is none."""
        return await self._directory.ask() if self._directory else None

    async def read(self, config: Config, answer: Answer | None) -> Policy:
        """The files as they are now, over what the directory says. Raises ConfigError; nothing is live yet."""
        return await asyncio.to_thread(self._settled, answer, partial(load, config))

    def take(self, policy: Policy) -> None:
        self.policy = policy

    async def tell(self) -> None:
        """What happened to the directory, to whoever answers for the service. What fails is told with the next news."""
        news = self._directory.news if self._directory else []
        while news:
            about, why = news[0]
            data = {"about": about, "name": str(self._config.directory_path), "why": sayings.pack(why)}
            try:
                await self._alert(data)
            except TemporaryFailure as error:
                self._log.failure("directory alert", error)
                return
            news.pop(0)

    @property
    def heard(self) -> tuple[float, int] | None:
        """How long ago the directory answered, in seconds, and how many people it knows. None: there is none."""
        return (self._directory.age(), self._directory.people) if self._directory else None

    def measure(self) -> None:
        """The gauges, as of now."""
        if self._directory:
            self._metrics.directory_age.set(self._directory.age())
            self._metrics.directory_people.set(self._directory.people)

    async def _renew(self, changed: Changed, answer: Answer) -> None:
        async with self.changing:
            policy = await asyncio.to_thread(self._settled, answer, self._over)
            if policy is not self.policy:
                self.policy = policy
                await changed()
        await self.tell()

    def _settled(self, answer: Answer | None, bind: Callable[[Found | None], Policy]) -> Policy:
        return bind(None) if self._directory is None or answer is None else self._directory.settle(answer, bind)

    def _over(self, found: Found | None) -> Policy:
        return self.policy.over(found) if found is not None else self.policy
