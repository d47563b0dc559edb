"""Priorities for the journal, and a real syslog daemon that is away, comes and is slow."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from pydantic import ValidationError

from mailguard.log import Log
from mailguard.logger import LogSettings
from mailguard.syslog import Syslog, marked


def test_the_journal_is_told_what_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log = Log(stream=stream)
        log.stopping("SIGTERM")
        log.paused("restored")
        log.auth_failed("ann", "127.0.0.1")
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # of somebody else: inherited through a pipe
        Log(stream=stream).stopping("SIGTERM")
    lines = (tmp_path / "out").read_text().splitlines()
    assert [line[: line.index("{")] for line in lines] == ["<6>", "<3>", "<4>", ""]


def test_a_line_of_several_is_marked_on_each() -> None:
    """The journal makes an entry of each line."""
    assert marked("error", "a\nb") == "<3>a\n<3>b"


@pytest.mark.parametrize("where", ["log", "host", "host:x", "udp://host:514", "host:123456"])
def test_a_place_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(ValidationError, match="syslog"):
        LogSettings(syslog=where)


@contextmanager
def rsyslog(program: str, folder: Path) -> Iterator[Path]:
    """A daemon of our own that hears at `folder`/log and writes facility, severity, program and text."""
    config = folder / "rsyslog.conf"
    config.write_text(
        f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{folder}/log")\n'
        'template(name="t" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname% %msg%\\n")\n'
        f'action(type="omfile" file="{folder}/heard" template="t")\n'
    )
    process = subprocess.Popen([program, "-n", "-f", config, "-i", folder / "pid"])
    try:
        _until((folder / "log").exists)
        yield folder / "heard"
    finally:
        process.terminate()
        process.wait(20)


def _until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.clients("rsyslogd")
def test_a_real_daemon_hears_every_line_and_is_found_again(tmp_path: Path, tool: Callable[[str], str]) -> None:
    log = Log(LogSettings(syslog=f"{tmp_path}/log"), stream=StringIO())
    log.stopping("nobody hears")
    for life in ("one", "two"):
        with rsyslog(tool("rsyslogd"), tmp_path) as heard:
            log.paused(life)
            _until(lambda heard=heard, life=life: heard.exists() and life in heard.read_text())  # type: ignore[misc]
    lines = heard.read_text().splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [["mail.err", "mailguard"]] * 2
    assert '"event":"queue.paused"' in lines[0].replace(" ", "")


def test_a_daemon_that_does_not_read_stops_no_mail(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(f"{tmp_path}/log")
        syslog = Syslog(f"{tmp_path}/log")
        began = time.monotonic()
        for _ in range(2000):
            syslog.write("info", "x" * 500)
        assert time.monotonic() - began < 5
        syslog.close()


def test_by_udp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearing:
        hearing.bind(("127.0.0.1", 0))
        hearing.settimeout(5)
        syslog = Syslog(f"127.0.0.1:{hearing.getsockname()[1]}")
        syslog.write("warning", "{}")
        assert hearing.recv(1000) == f"<20>mailguard[{os.getpid()}]: {{}}".encode()
        syslog.close()
