"""A real Postfix of one's own: configuration and queue in a folder that goes away, the machine's own left alone."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import ports
from mailguard.demo.site import free_port
from tests.conftest import need

RECIPES = Path(__file__).parent.parent / "deploy" / "postfix"
# Debian keeps the untouched files here, whatever the machine's own Postfix is set to.
STOCK = Path("/usr/share/postfix")


def configure(recipe: str, folder: Path, extra: str = "") -> None:
    """The configuration Debian ships, with the recipe appended, and queue folders of its own."""
    folder.chmod(0o755)
    for own in ("queue", "data", "log"):
        folder.joinpath(own).mkdir(mode=0o755)
    own_main = f"compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\n"
    main = [(STOCK / "main.cf.debian").read_text("utf-8"), own_main, part(recipe, "main.cf"), extra]
    (folder / "main.cf").write_text("\n".join(main), "utf-8")
    (folder / "master.cf").write_text(
        (STOCK / "master.cf.dist").read_text("utf-8") + part(recipe, "master.cf"), "utf-8"
    )
    cool(folder)


def part(recipe: str, name: str) -> str:
    path = RECIPES / recipe / name
    return path.read_text("utf-8") if path.exists() else ""


def cool(folder: Path) -> None:
    """Postfix waits two seconds before it reads a file that was only just written."""
    for name in ("main.cf", "master.cf"):
        os.utime(folder / name, (1, 1))


@contextlib.contextmanager
def next_hop(onward: int) -> Iterator[int]:
    """The next-hop recipe, running; yields its port. All mail goes on to the port `onward` of this machine.

    Only root can run Postfix: the test is skipped for others.
    """
    program = need("postfix")
    if os.getuid() != 0:
        pytest.skip("only root can start Postfix")
    folder = Path(tempfile.mkdtemp(prefix="mailguard-postfix-", dir="/var/tmp"))
    try:
        port = free_port()
        _for_a_test(folder, port, onward)
        try:
            subprocess.run([program, "-c", str(folder), "start"], check=True, timeout=60, capture_output=True)
            ports.wait(port, None, folder / "log" / "mail.log")
            yield port
        finally:
            subprocess.run([program, "-c", str(folder), "stop"], check=False, timeout=60, capture_output=True)
            _gone(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _for_a_test(folder: Path, port: int, onward: int) -> None:
    """As the recipe says, but: a free port, the way on to our own sink, no DNS, and a log to look into."""
    extra = f"relayhost = [127.0.0.1]:{onward}\nsmtp_dns_support_level = disabled\n"
    extra += f"smtp_tls_security_level = none\nmaillog_file = {folder}/log/mail.log\nmaillog_file_prefixes = {folder}\n"
    configure("next-hop", folder, extra)
    shutil.chown(folder / "data", "postfix")
    master = (folder / "master.cf").read_text("utf-8")
    master = re.sub(r"^smtp +inet", "#smtp inet", master, flags=re.M)
    master = re.sub(r"^(\S+ +\S+ +\S+ +\S+ +)y", r"\1n", master, flags=re.M)
    (folder / "master.cf").write_text(master.replace("127.0.0.1:10025", f"127.0.0.1:{port}"), "utf-8")
    cool(folder)


def _gone(folder: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "queue/pid/master.pid").read_text())
        deadline = time.monotonic() + 15
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
