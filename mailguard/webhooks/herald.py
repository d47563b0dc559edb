"""Tells other systems: one call at a time to each, tried again until it is heard or a day old."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx

from mailguard.clock import Clock
from mailguard.errors import ClaimLost
from mailguard.log import Log
from mailguard.records import CallClaim
from mailguard.store.base import Store
from mailguard.tasks import Tasks
from mailguard.webhooks import message
from mailguard.webhooks.settings import Webhook

PATIENCE = 10.0  # seconds for a whole call, answer included
LEASE = timedelta(minutes=1)
GIVE_UP = timedelta(hours=24)
MOST = 10_000  # calls that wait for one URL
_RETRY = (10, 30, 120, 600, 1800, 3600)  # seconds


class Herald:
    """Works off the calls that the store made with its events."""

    def __init__(
        self,
        store: Store,
        hooks: Sequence[Webhook],
        clock: Clock,
        log: Log,
        wake: Callable[[], None],
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._store, self._clock, self._log, self._wake = store, clock, log, wake
        self._hooks = {hook.url: hook for hook in hooks}
        self._busy: set[str] = set()
        self._tasks = Tasks()
        self._tls = tls
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """What the configuration says is what is told from now on."""
        await self._store.set_hooks({url: message.kinds(hook.events) for url, hook in self._hooks.items()})
        if self._hooks:
            tls = self._tls if self._tls else await asyncio.to_thread(ssl.create_default_context)
            self._client = httpx.AsyncClient(
                verify=tls, follow_redirects=False, trust_env=False, timeout=PATIENCE,
                limits=httpx.Limits(max_keepalive_connections=0),
            )  # fmt: skip

    async def stop(self, drain: float) -> None:
        await self._tasks.end(drain)
        if self._client:
            await self._client.aclose()
            self._client = None

    async def tell(self) -> int:
        """Start on what is due; how many calls that makes."""
        if self._client is None:
            return 0
        claims = await self._store.claim_calls(self._clock.now(), lease=LEASE, busy=self._busy, most=MOST)
        for claim in claims:
            self._busy.add(claim.url)
            self._tasks.spawn(self._call(claim, self._client))
        return len(claims)

    async def _call(self, claim: CallClaim, client: httpx.AsyncClient) -> None:
        try:
            answer = await self._post(claim, client)
            await self._settle(claim, answer)
        except ClaimLost:
            pass  # its lease ran out: another attempt has it
        except Exception as error:
            self._log.failure("webhooks", error)
        finally:
            self._busy.discard(claim.url)
            self._wake()

    async def _settle(self, claim: CallClaim, answer: str) -> None:
        now = self._clock.now()
        if not answer:
            await self._store.settle_call(claim)
            return
        over = now - claim.created_at >= GIVE_UP
        wait = timedelta(seconds=_RETRY[min(claim.attempts, len(_RETRY)) - 1])
        await self._store.settle_call(claim, None if over else now + wait)
        self._log.webhook_failed(claim, answer, over=over)

    async def _post(self, claim: CallClaim, client: httpx.AsyncClient) -> str:
        """'' when it was heard, else what happened. Of an answer nothing but its status is read."""
        hook, now = self._hooks[claim.url], self._clock.now()
        content = message.body(claim, subjects=self._log.settings.subjects)
        secret = hook.secret.get_secret_value() if hook.secret else ""
        try:
            async with asyncio.timeout(PATIENCE):
                headers = message.headers(claim, content, secret, now)
                async with client.stream("POST", hook.url, content=content, headers=headers) as answer:
                    return "" if answer.is_success else f"answered {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # TimeoutError is one
            return type(error).__name__
