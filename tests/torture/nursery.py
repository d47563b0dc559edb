"""The command line, started quickly: one process imports everything once, with failpoints; each command is its fork.

They are real processes with files, sockets and threads of their own; only the import is shared. MAILGUARD_FAILPOINTS
says where one dies (see failpoints), TORTURE_DOOM at whose mail (see doomed).
"""

import functools
import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]


class Nursery:
    """The process that forks. It ends with its owner: then its input closes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.nursery"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, **question: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@functools.cache
def nursery() -> Nursery:
    """This process's own, made when it is first asked for."""
    return Nursery()


class Child:
    """What `subprocess.Popen` would be, as far as a test needs it."""

    def __init__(
        self, nursery: Nursery, config: Path, log: Path, environ: dict[str, str], verb: Sequence[str] = ("serve",)
    ) -> None:
        self._nursery = nursery
        arguments = ["--config", str(config), *verb]
        self.pid: int = nursery.ask(arguments=arguments, log=str(log), environ=environ)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask(poll=self.pid)
        return self.returncode

    def send_signal(self, signum: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def wait(self, timeout: float = 40.0) -> int:
        """The exit code; minus the signal's number when a signal ended it. TimeoutExpired as Popen's."""
        watch = os.pidfd_open(self.pid) if self.poll() is None else None
        if watch is not None:
            import select

            try:
                if not select.select([watch], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("serve", timeout)
            finally:
                os.close(watch)
        while (code := self.poll()) is None:
            pass
        return code


def _main() -> None:
    from tests.torture import failpoints

    failpoints.install()  # before anything of mailguard
    import uvloop  # noqa: F401 - here once, instead of in every child

    from mailguard import cli

    for verb in ("serve", "user", "reload", "db"):
        importlib.import_module(f"mailguard.cli.{verb}")
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        if "poll" in asked:
            pid, status = os.waitpid(asked["poll"], os.WNOHANG)
            answer: int | None = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                _run(cli.main, asked)
        print(json.dumps(answer), flush=True)


def _run(main: Callable[[], None], asked: dict[str, Any]) -> NoReturn:
    """In the child. It ends here, whatever happens."""
    code: object = 70
    try:
        log, nothing = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), os.open(os.devnull, 0)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(asked["environ"])
        sys.argv = ["mailguard", *asked["arguments"]]
        if whom := os.environ.get("TORTURE_DOOM"):
            from tests.torture.doomed import doom

            doom(whom)
        main()
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _main()
