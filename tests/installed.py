"""The installed command as a process of its own, with TLS, a user, and a sink that remembers every arrival."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trustme

from mailguard.admin import client
from mailguard.demo.site import free_port
from mailguard.smtpd.users import hash_password

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).parent / "mailguard"
PASSWORD = "correct horse battery"

_CONFIG = """\
version: 1
organization: {{name: Corp Example, domains: [corp.example], zone: UTC}}
people: people.yaml
rules: [rules/*.yaml]
store: sqlite:mail.db
smtp:
  hostname: mail.corp.example
  tls: {{certificate: tls.crt, key: tls.key}}
  listeners:
    - {{bind: "127.0.0.1:{plain}", tls: none, auth: none, networks: [127.0.0.0/8]}}
    - {{bind: "127.0.0.1:{starttls}", tls: starttls, auth: required}}
    - {{bind: "127.0.0.1:{implicit}", tls: implicit, auth: required}}
  users: {{file: users.yaml}}
next_hop: {{smarthost: "127.0.0.1:{sink}", tls: none}}
web: {{bind: "127.0.0.1:{web}", url: "http://127.0.0.1:{web}"}}
admin: {{socket: admin.sock}}
notices: {{sender: mailguard@corp.example}}
holds: {{fallback: postmaster@corp.example}}
metrics: {{bind: "127.0.0.1:{metrics}"}}
"""


class Process(Protocol):
    """What of `subprocess.Popen` a test needs."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, signum: int, /) -> None: ...
    def wait(self, timeout: float = ...) -> int: ...


@dataclass
class Installed:
    """One installation in a folder; `start` and `end` as often as you like."""

    folder: Path
    ports: dict[str, int]
    program: Path = COMMAND
    process: Process | None = None
    logs: list[Path] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "mailguard.yaml"

    def command(self, *arguments: str, stdin: str = "", code: int | None = 0) -> str:
        """Run a verb; its stdout. Fails unless it ends with `code` (None: any)."""
        done = subprocess.run(
            [self.program, "--config", self.config, *arguments],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def launch(self, *options: str, **environ: str) -> None:
        """Start it, without waiting until it is ready."""
        with self.next_log().open("wb") as out:
            self.process = subprocess.Popen(
                [self.program, "--config", self.config, "serve", *options], stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, **environ},
            )  # fmt: skip

    def start(self, *options: str, **environ: str) -> None:
        self.launch(*options, **environ)
        self.wait_until_ready()

    def next_log(self) -> Path:
        """An empty file for what its next life says."""
        log = self.folder / f"log-{len(self.logs)}.jsonl"
        log.touch()
        self.logs.append(log)
        return log

    def wait_until_ready(self, within: float = 30.0) -> None:
        """Like `mailguard healthcheck --wait`, without a process for it. AssertionError, with its log, when it ends."""
        deadline = time.monotonic() + within
        while not self._healthy():
            assert self.process is not None
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, f"still not ready after {within:g} s"
            time.sleep(0.01)

    def _healthy(self) -> bool:
        try:
            return bool(client.ask(self.folder / "admin.sock", "health")["ready"])
        except client.Unreachable:
            return False

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(signum)
        code = self.process.wait(timeout=40)
        self.process = None
        return code

    @property
    def log(self) -> str:
        return "".join(path.read_text() for path in self.logs)


def install(folder: Path, sink_port: int) -> Installed:
    """Configuration, people, certificate and one user; nothing is running yet."""
    ports = {name: free_port() for name in ("plain", "starttls", "implicit", "web", "metrics")}
    (folder / "mailguard.yaml").write_text(_CONFIG.format(sink=sink_port, **ports))
    shutil.copy(ROOT / "deploy" / "people.yaml", folder)
    shutil.copytree(ROOT / "rules", folder / "rules")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(str(folder / "tls.key"))
    (folder / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "tls.key").chmod(0o600)
    ann = {"name": "ann", "password": _hashed(), "send_as": ["ann@corp.example"]}
    (folder / "users.yaml").write_text(json.dumps({"version": 1, "users": [ann]}))
    (folder / "users.yaml").chmod(0o600)
    return Installed(folder, ports)


@functools.cache
def _hashed() -> str:
    """Slow on purpose, so once a process."""
    return hash_password(PASSWORD)
