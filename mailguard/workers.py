"""One process, or several on one host that share their ports: started, watched, told, and ended together."""

import asyncio
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from mailguard import process
from mailguard.clock import SystemClock
from mailguard.config import load as load_config
from mailguard.errors import ConfigError
from mailguard.log import Log
from mailguard.metrics import TOGETHER
from mailguard.service import DRAIN, Service
from mailguard.web.server import listen

MOST = 64
AGAIN = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds before a worker that ended is started again; the first for one that RAN
RAN = 60.0  # seconds
PATIENCE = DRAIN + 4.0  # seconds for a worker to end; systemd and compose give 30


def serve(path: Path, environ: Mapping[str, str], *, worker: int = 0) -> int:
    """Run one service to its end; ConfigError when the configuration is wrong. `worker`: as of `Service`."""
    config = load_config(path, environ)

    async def main() -> int:
        service = Service(config, worker=worker)
        if worker:
            process.when_orphaned(service.end)
        return await service.run()

    return _run(main())


def supervise(path: Path, environ: Mapping[str, str], workers: int) -> int:
    """So many services, which share the store and the ports, until SIGTERM. ConfigError when they can't be."""
    config = load_config(path, environ)
    if not config.store_url.startswith("postgresql:"):
        raise ConfigError(
            "--workers needs `store: postgresql://…`: an SQLite file is one process's, which alone knows what of its "
            "queue is on the wire. `mailguard db copy` moves a queue"
        )
    for bind in [*(one.bind for one in config.smtp.listeners), config.web.bind]:
        listen(bind).close()  # a shared port would hide that it is another program's, which would get some of the mail
    with tempfile.TemporaryDirectory(prefix="mailguard-") as numbers:
        environ = {**environ, TOGETHER: numbers}
        return _run(Supervisor(path, environ, workers, Log(config.log)).run())


def _run(main: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


class Supervisor:
    """Keeps `count` workers running. Their standard input ends with this process, so that none outlives it."""

    def __init__(self, path: Path, environ: Mapping[str, str], count: int, log: Log) -> None:
        self._command = (sys.executable, "-m", "mailguard", "--config", str(path), "serve", "--worker")
        self._environ, self._count, self._log, self._clock = environ, count, log, SystemClock()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """The exit code: 0, or that of a worker which never became ready."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailguard-")))
            ears = [stack.enter_context(self._ear(folder, number)) for number in range(1, self._count + 1)]
            await asyncio.gather(*(self._keep(number, folder / str(number)) for number in range(1, self._count + 1)))
            for ear in ears:
                loop.remove_reader(ear)
        return self._code

    def _ear(self, folder: Path, number: int) -> socket.socket:
        """Where a worker says that it is ready, as it would say to systemd."""
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ear.bind(str(folder / str(number)))
        asyncio.get_running_loop().add_reader(ear, partial(self._hear, number, ear))
        return ear

    def _hear(self, number: int, ear: socket.socket) -> None:
        if b"READY=1" in ear.recv(4096):
            self._ready.add(number)
            if len(self._ready) == self._count:
                process.tell_systemd("READY=1")

    async def _keep(self, number: int, ear: Path) -> None:
        """Start it, and again when it ends, until all are told to stop."""
        tries = 0
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            code = await self._life(number, ear)
            if self._stopping.is_set():
                break
            if number not in self._ready:  # what is wrong from the start is for whoever started us
                self._code = code or 1
                self._stopping.set()
                break
            tries = 0 if self._clock.monotonic() - began > RAN else tries + 1
            pause = AGAIN[min(tries, len(AGAIN) - 1)]
            self._log.worker_ended(number, code, pause)
            await self._until(asyncio.ensure_future(self._clock.sleep(pause)))

    async def _life(self, number: int, ear: Path) -> int:
        """From its start to its exit code; told to end when all are."""
        worker = await asyncio.create_subprocess_exec(
            *self._command, str(number), stdin=asyncio.subprocess.PIPE, env={**self._environ, "NOTIFY_SOCKET": str(ear)}
        )
        self._running[number] = worker
        ended = asyncio.ensure_future(worker.wait())
        await self._until(ended)
        if not ended.done():
            with suppress(ProcessLookupError):
                worker.terminate()
            await asyncio.wait({ended}, timeout=PATIENCE)
        if not ended.done():
            worker.kill()
        code = await ended
        del self._running[number]
        mark_process_dead(worker.pid, self._environ[TOGETHER])  # type: ignore[no-untyped-call]
        return code

    async def _until(self, what: asyncio.Future[Any]) -> None:
        """This, or that all are told to stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({what, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    def _reload(self) -> None:
        """One of them is enough: it tells the others, once it has found the files to be right."""
        for worker in list(self._running.values())[:1]:
            worker.send_signal(signal.SIGHUP)
