"""The two that are compared, each with its own folder, port and processes, relaying everything to the sink."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import yaml

from benchmarks import ports
from benchmarks.sink import SENDER, BenchError, program
from mailguard.demo.site import free_port
from mailguard.smtpd.users import hash_password
from tests.certificates import certify

ROOT = Path(__file__).parent.parent
STOCK = Path("/usr/share/postfix")
LOGIN, PASSWORD = "ann", "correct horse battery"


class Relay(Protocol):
    name: str
    port: int
    tls_port: int  # with STARTTLS
    pid: int  # of the process all its others descend from

    def stop(self) -> None: ...


class Mailguard:
    """The installed command with the default policy, SQLite with synchronous=FULL, logging to a file."""

    name = "mailguard"

    def __init__(
        self, folder: Path, sink_port: int, store: Path | None = None, limits: Mapping[str, object] | None = None
    ) -> None:
        """`store`: begin with a copy of this file. `limits`: of smtp."""
        folder.mkdir()
        if store is not None:
            shutil.copyfile(store, folder / "mail.db")
        self.port, self.tls_port, self.login_port = free_port(), free_port(), free_port()
        self.metrics_port = free_port()
        certify(folder, "bench.corp.example")
        users = {"version": 1, "users": [{"name": LOGIN, "password": hash_password(PASSWORD), "send_as": [SENDER]}]}
        folder.joinpath("users.yaml").write_text(yaml.safe_dump(users), "utf-8")
        for secret in ("users.yaml", "server.key"):
            folder.joinpath(secret).chmod(0o600)
        config = folder / "mailguard.yaml"
        config.write_text(yaml.safe_dump(self._settings(folder, sink_port, limits or {})), "utf-8")
        log = folder / "log.jsonl"
        command = [str(Path(sys.executable).parent / "mailguard"), "--config", str(config), "serve"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
        self.pid = self._process.pid
        try:
            ports.wait(self.port, self._process, log)
        except TimeoutError:
            self.stop()
            raise

    def _settings(self, folder: Path, sink_port: int, limits: Mapping[str, object]) -> dict[str, object]:
        near = {"auth": "none", "networks": ["127.0.0.0/8"]}
        listeners = [
            {"bind": f"127.0.0.1:{self.port}", "tls": "none", **near},
            {"bind": f"127.0.0.1:{self.tls_port}", "tls": "starttls", **near},
            {"bind": f"127.0.0.1:{self.login_port}", "tls": "starttls", "auth": "required"},
        ]
        web = free_port()
        return {
            "version": 1,
            "organization": {"name": "Bench", "domains": ["corp.example"]},
            "rules": [str(ROOT / "rules" / "*.yaml")],
            "store": f"sqlite:///{folder}/mail.db",
            "smtp": {
                "hostname": "bench.corp.example",
                "tls": {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")},
                "listeners": listeners,
                "users": {"file": str(folder / "users.yaml")},
                "limits": dict(limits),
            },
            "next_hop": {"smarthost": f"127.0.0.1:{sink_port}", "tls": "none"},
            "web": {"bind": f"127.0.0.1:{web}", "url": f"http://127.0.0.1:{web}"},
            "admin": {"socket": str(folder / "admin.sock")},
            "notices": {"sender": "mailguard@corp.example"},
            "holds": {"fallback": "postmaster@corp.example"},
            "metrics": {"bind": f"127.0.0.1:{self.metrics_port}"},
        }

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Postfix:
    """Debian's Postfix with Debian's settings, in a configuration folder and queue of its own; its fsync is on.

    Other than stock: no DNS, its log in a file (mailguard writes one too), no chroot, and no pause between
    accepting and delivering (in_flow_delay), which would slow it down under exactly this kind of load.
    """

    name = "postfix"

    def __init__(self, folder: Path, sink_port: int, more: Mapping[str, object] | None = None) -> None:
        """`more`: settings of main.cf."""
        self._check()
        folder.mkdir()
        self._folder = folder
        self.port = free_port()
        self.tls_port = self.port
        certify(folder, "bench.corp.example")
        for own in ("queue", "data", "log"):
            folder.joinpath(own).mkdir()
        shutil.chown(folder / "data", "postfix")
        self._settings = self._own(sink_port) | dict(more or {})
        self._write(self._settings)
        folder.joinpath("master.cf").write_text(self._master(), "utf-8")
        self._postfix("start")
        log = folder / "log" / "mail.log"
        ports.wait(self.port, None, log)
        self.pid = int(folder.joinpath("queue/pid/master.pid").read_text())

    @staticmethod
    def _check() -> None:
        program("postfix")
        if os.getuid() != 0:
            raise BenchError("only root can start Postfix: run make bench as root")
        try:
            pwd.getpwnam("postfix")
        except KeyError:
            raise BenchError("the user postfix is missing: install the package postfix") from None

    def _own(self, sink_port: int) -> dict[str, object]:
        return {
            "queue_directory": self._folder / "queue",
            "data_directory": self._folder / "data",
            "maillog_file": self._folder / "log" / "mail.log",
            "maillog_file_prefixes": self._folder / "log",
            "myhostname": "bench.corp.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "relayhost": f"[127.0.0.1]:{sink_port}",
            "smtp_dns_support_level": "disabled",
            "in_flow_delay": "0",
            "message_size_limit": 36700160,
            "smtpd_tls_cert_file": self._folder / "server.pem",
            "smtpd_tls_key_file": self._folder / "server.key",
            "smtpd_tls_security_level": "may",
        }

    def _write(self, settings: Mapping[str, object]) -> None:
        lines = [f"{name} = {value}" for name, value in settings.items()]
        text = (STOCK / "main.cf.debian").read_text("utf-8") + "\n" + "\n".join(lines) + "\n"
        self._folder.joinpath("main.cf").write_text(text, "utf-8")

    def flush(self) -> datetime:
        """From now on deliver, at once what was deferred (`defer_transports`) too; the moment it was told to."""
        self._write({name: value for name, value in self._settings.items() if name != "defer_transports"})
        self._postfix("reload")
        told = datetime.now(UTC)
        self._postfix("flush")
        return told

    def _master(self) -> str:
        text = (STOCK / "master.cf.dist").read_text("utf-8")
        text = re.sub(r"^smtp +inet", f"127.0.0.1:{self.port} inet", text, flags=re.M)
        return re.sub(r"^(\S+ +\S+ +\S+ +\S+ +)y", r"\1n", text, flags=re.M)

    def _postfix(self, verb: str) -> None:
        command = [program("postfix"), "-c", str(self._folder), verb]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise BenchError(f"postfix {verb}: {done.stderr.strip()}")

    def stop(self) -> None:
        self._postfix("stop")
        deadline = time.monotonic() + 15
        while Path(f"/proc/{self.pid}").exists():
            if time.monotonic() > deadline:
                raise BenchError(f"Postfix's master ({self.pid}) did not stop")
            time.sleep(0.05)
