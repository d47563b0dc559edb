"""The installed command as a process of its own, with TLS, a user, and a sink that remembers every arrival."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from mailguard.demo.site import free_port

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


@dataclass
class Installed:
    """One installation in a folder; `start` and `kill` as often as you like."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "mailguard.yaml"

    def command(self, *arguments: str, stdin: str = "", code: int | None = 0) -> str:
        """Run a verb; its stdout. Fails unless it ends with `code` (None: any)."""
        done = subprocess.run(
            [COMMAND, "--config", self.config, *arguments],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def launch(self, **environ: str) -> None:
        """Start it, without waiting until it is ready."""
        log = self.folder / f"log-{len(self.logs)}.jsonl"
        self.logs.append(log)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [COMMAND, "--config", self.config, "serve"], stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, **environ},
            )  # fmt: skip

    def start(self, **environ: str) -> None:
        self.launch(**environ)
        self.command("healthcheck", "--wait", "20")

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


def install(folder: Path, sink_port: int, *, user: bool = True) -> Installed:
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
    (folder / "users.yaml").write_text("version: 1\nusers: []\n")
    (folder / "users.yaml").chmod(0o600)
    made = Installed(folder, ports)
    if user:
        made.command("user", "add", "ann", "--send-as", "ann@corp.example", "--password-stdin", stdin=PASSWORD + "\n")
    return made
