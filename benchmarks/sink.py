"""Where all mail ends, and where it comes from: Postfix's smtp-sink and smtp-source, so that neither is ours."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ports
from mailguard.demo.site import free_port
from tests import tools

SENDER, RECIPIENT = "ann@corp.example", "bob@corp.example"


class BenchError(Exception):
    """A run that says nothing: the message tells why."""


def program(name: str) -> str:
    path = tools.find(name)
    if path is None:
        raise BenchError(f"{name} is missing (package postfix): run tests/install-tools as root, then make bench again")
    return path


class Sink:
    """smtp-sink, counting what it took."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._out = folder / "sink.out"
        # it refuses to run as root
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [program("smtp-sink"), "-c", *user, f"127.0.0.1:{self.port}", "1024"], stdout=out, stderr=out
            )
        ports.wait(self.port, self._process, self._out)

    def count(self) -> int:
        """Mails taken so far."""
        with self._out.open("rb") as out:
            out.seek(max(0, self._out.stat().st_size - 400))
            found = re.findall(rb"mesg=(\d+)\s", out.read())
        return int(found[-1]) if found else 0

    def wait(self, count: int, deadline: float) -> None:
        """Until that many have come, in all; BenchError at the deadline (of time.monotonic)."""
        while (come := self.count()) < count:
            if time.monotonic() > deadline:
                raise BenchError(f"{count - come} mails did not arrive in time")
            time.sleep(0.01)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@dataclass(frozen=True)
class Load:
    """What one run sends.

    `reuse`: all mails of a session over one connection, instead of one connection each. `file`: this mail, instead
    of lines of the letter X.
    """

    size: int
    mails: int
    sessions: int = 20
    reuse: bool = False
    file: Path | None = None

    def send(self, port: int, timeout: float) -> None:
        """Returns when every mail was acknowledged; BenchError otherwise."""
        command = [program("smtp-source"), "-s", str(self.sessions), "-m", str(self.mails)]
        command += ["-F", str(self.file)] if self.file else ["-l", str(self.size)]
        command += ["-f", SENDER, "-t", RECIPIENT, *(["-d"] if self.reuse else []), f"127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode or done.stderr:
            raise BenchError(f"smtp-source: {done.stderr.strip() or done.returncode}")
