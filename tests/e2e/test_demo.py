"""`mailguard demo` as a newcomer runs it: once, without a terminal, on a terminal, and where a port is taken."""

import fcntl
import os
import pty
import signal
import smtplib
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from mailguard.demo.site import busy, ports
from tests.installed import COMMAND

LETTER = b"From: ann@corp.example\r\nTo: lee@corp.example\r\nSubject: My own mail\r\n\r\nHello.\r\n"


@pytest.fixture
def base() -> int:
    """Where four ports in a row are free: below those that the system hands out by itself."""
    first = 20000 + os.getpid() % 1000 * 8
    return next(base for base in range(first, 32000, 4) if not busy(ports(base).values()))


def test_once_plays_every_story_and_says_what_was_decided() -> None:
    done = subprocess.run([COMMAND, "demo", "--once"], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "1. Five minutes",
        "2. Second thoughts",
        "3. The client instead of the boss",
        "4. The executive's assistant",
        "5. Reply to all",
        "6. Passed on in confidence",
        "7. Do not contact",
        "8. Third nudge",
    ]
    rules = [
        "external-delay", "external-delay", "unexpected-cc-inside", "executive-assistant", "unexpected-cc-inside",
        "confidential-passed-on", "no-contact", "third-nudge-told",
    ]  # fmt: skip
    assert [line for line, rule in zip(lines, rules, strict=True) if rule not in line] == []


@contextmanager
def running(base: int, out: int, errors: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The demo that stays up; ended by Ctrl-C, within seconds and with exit code 0."""
    with errors.open("wb") as stderr:
        process = subprocess.Popen([COMMAND, "demo", "--port-base", str(base)], stdout=out, stderr=stderr)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0, errors.read_text()
    finally:
        process.kill()
        process.wait(5)


def read_until(source: int, word: bytes) -> bytes:
    """What comes until `word` does. A demo that has died closes its side: OSError or the end of the file."""
    came = b""
    while word not in came:
        piece = os.read(source, 65536)
        assert piece, came.decode()
        came += piece
    return came


def read_to_the_end(terminal: int) -> None:
    """Until the other side is closed: a program that nobody reads waits for its terminal for ever."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


@pytest.mark.timeout(90)
def test_the_live_demo_catches_a_mail_of_ones_own_and_ends_by_ctrl_c(base: int, tmp_path: Path) -> None:
    source, out = os.pipe()
    errors = tmp_path / "errors"
    with running(base, out, errors):
        os.close(out)
        read_until(source, b"Re: Plan 2027")
        with smtplib.SMTP("127.0.0.1", base, timeout=20) as client:
            client.sendmail("ann@corp.example", ["lee@corp.example"], LETTER)
        assert b"lee" in read_until(source, b"sent        My own mail")
        with urlopen(f"http://127.0.0.1:{base + 3}/?to=lee@corp.example", timeout=20) as page:
            assert b"My own mail" in page.read()
    os.close(source)
    assert f"http://127.0.0.1:{base + 3}" in errors.read_text(), "it says where the caught mail is"
    assert "Traceback" not in errors.read_text()
    assert not busy(ports(base).values()), "a port is still in use"


@pytest.mark.timeout(90)
def test_on_a_terminal_the_screen_fits_into_80_by_24(base: int, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with running(base, theirs, tmp_path / "errors") as process:
        os.close(theirs)
        drawn = read_until(ours, b"Re: Plan 2027").decode()
        drawn += read_until(ours, b"Reply to all:").decode()
        process.send_signal(signal.SIGINT)
        read_to_the_end(ours)
    os.close(ours)
    for word in ("mailguard demo", "waits 4:5", f"http://127.0.0.1:{base + 3}", "ward@client.example", "Try"):
        assert word in drawn


def test_a_busy_port_is_named_with_a_way_out(base: int) -> None:
    with closing(socket.create_server(("127.0.0.1", base + 2))):
        done = subprocess.run(
            [COMMAND, "demo", "--port-base", str(base)], check=False, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    assert f"in use on 127.0.0.1: {base + 2}." in done.stderr
    assert "--port-base" in done.stderr
    assert "Traceback" not in done.stderr
