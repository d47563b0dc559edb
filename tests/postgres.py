"""A PostgreSQL server of one's own, on a socket in a folder that goes away; a schema for each test."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import need

USER = "mailguard"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",  # nothing here lives long
    "log_min_messages": "warning",
}


class Postgres:
    """`start` and what ends it; `fsync` stays on, in memory where that is possible."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self._program = folder, Path(program)
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = itertools.count(1)

    def create(self) -> None:
        self._run("initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale")

    def start(self, **settings: str) -> None:
        told = [part for item in (_SETTINGS | settings).items() for part in ("-c", "=".join(item))]
        command: list[Any] = [self._program, "-D", self.folder / "data", "-k", self.folder, *told]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **_user())
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while subprocess.run([self._beside("pg_isready"), "-q", "-h", self.folder, "-t", "1"], check=False).returncode:
            if time.monotonic() > until:
                raise TimeoutError((self.folder / "log").read_text())
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Of the process that all others of it descend from."""
        assert self._process
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and in order; SIGQUIT: as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def url(self, schema: str = "public") -> str:
        return f"postgresql://{USER}@/postgres?host={self.folder}&search_path={schema}"

    def fresh(self) -> str:
        """The URL of a new, empty schema."""
        name = f"test{next(self._schemas)}"
        self.say(f"CREATE SCHEMA {name}")
        return self.url(name)

    def say(self, sql: str, database: str = "postgres") -> str:
        """What the server answers, one line a row."""
        return self._psql("-A", "-t", "-d", database, "-c", sql)

    def read(self, file: Path, database: str) -> None:
        """Carry out what the file says."""
        self._psql("-d", database, "-f", file)

    def _psql(self, *told: str | Path) -> str:
        command: list[Any] = [self._beside("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", USER]
        said = subprocess.run([*command, *told], check=True, capture_output=True, text=True)
        return str(said.stdout).strip()

    def _run(self, name: str, *arguments: str) -> None:
        command: list[Any] = [self._beside(name), "-D", self.folder / "data", *arguments]
        subprocess.run(command, check=True, capture_output=True, **_user())

    def _beside(self, name: str) -> Path:
        """A program of the same version, wherever the distribution keeps it."""
        beside = self._program.resolve().with_name(name)
        return beside if beside.exists() else Path(shutil.which(name) or name)


def _user() -> dict[str, Any]:
    """PostgreSQL refuses root."""
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@contextmanager
def running() -> Iterator[Postgres]:
    """A server that runs; skips (or fails, with REQUIRE_TOOLS=1) where there is no PostgreSQL."""
    program = need("postgres")
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30 else None
    folder = Path(tempfile.mkdtemp(prefix="mailguard-postgres-", dir=place))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, **_user())
        server = Postgres(folder, program)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
