"""uvicorn inside our own event loop: it takes no signals, logs no address of a page, and stops when told."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from starlette.types import ASGIApp

from mailguard.document.units import host_port
from mailguard.errors import ConfigError
from mailguard.web.settings import LOOPBACK

_GRACE = 5  # seconds for the requests under way when stopping


class WebServer:
    """One application on one address; port 0 takes any free one, `port` says which."""

    def __init__(
        self, app: ASGIApp, bind: str, closing: Callable[[], None] = lambda: None, *, shared: bool = False,
        proxies: Iterable[IPv4Network | IPv6Network] = LOOPBACK,
    ) -> None:  # fmt: skip
        """`closing` ends what would stream for ever, when the server stops. `shared`: other processes listen there.

        `proxies` are believed when they say whom they speak for.
        """
        self._app, self._bind, self._closing, self._shared = app, bind, closing, shared
        self._proxies = [str(network) for network in proxies]
        self._server: _Embedded | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Listening when it returns. ConfigError when the address can't be bound."""
        listener = listen(self._bind, shared=self._shared)
        self.port = int(listener.getsockname()[1])
        server = _Embedded(
            uvicorn.Config(
                self._app, log_config=None, access_log=False, lifespan="off", http="h11", ws="none",
                server_header=False, proxy_headers=True, forwarded_allow_ips=self._proxies,
                timeout_graceful_shutdown=_GRACE,
            )
        )  # fmt: skip
        self._server, self._task = server, asyncio.create_task(server.serve(sockets=[listener]))
        await server.listening.wait()

    async def stop(self) -> None:
        """Let the requests under way end, then close."""
        if self._server and self._task:
            self._closing()
            self._server.told.set()
            await self._task
            self._server = self._task = None


class _Embedded(uvicorn.Server):
    """Ends as soon as it is told to; uvicorn's own looks ten times a second, and sleeps a tenth before it closes."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening, self.told = asyncio.Event(), asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM drains the whole service, not this server alone: leave the signals to whom they belong."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.listening.set()

    async def main_loop(self) -> None:
        while not self.told.is_set():
            await self.on_tick(0)  # the next second's Date
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)  # who was just let in is counted
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        for listener in sockets or []:
            listener.close()


def listen(bind: str, *, shared: bool = False) -> socket.socket:
    """Bound, but not listening yet. ConfigError when it can't be, in words."""
    host, port = host_port(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # said to be TCP: asyncio turns Nagle's algorithm off only then, which holds a page's body back for 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"can't listen on {bind}: {error.strerror}. Choose another address, or stop what uses it."
        ) from error
    listener.setblocking(False)
    return listener
