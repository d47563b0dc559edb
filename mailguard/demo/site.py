"""The demo's own small installation, in a folder that goes away with it."""

import itertools
import os
import random
import re
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from mailguard.config import Config, load

_SITE = Path(__file__).parent / "site"
PORTS = {"smtp": 2525, "world": 2526, "web": 8025, "page": 8026}  # page: the mail that was caught


def ports(base: int | None) -> dict[str, int]:
    """The usual ports, or four in a row from `base` on."""
    return {name: base + step for step, name in enumerate(PORTS)} if base else dict(PORTS)


def build(folder: Path, rules: Path, ports: dict[str, int]) -> Config:
    """Copy the demo's files and the shipped policy into `folder`; `ports`: smtp, world, web."""
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    (folder / "rules").mkdir(exist_ok=True)
    for rule in rules.glob("*.yaml"):
        shutil.copy(rule, folder / "rules")
    text = (folder / "mailguard.yaml").read_text("utf-8")
    chosen = {str(PORTS[name]): str(port) for name, port in ports.items()}
    text = re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda found: chosen.get(found[0], found[0]), text)  # all at once
    (folder / "mailguard.yaml").write_text(text, "utf-8")
    return load(folder / "mailguard.yaml", {})


# Processes that look for ports at the same time look in different places: a port is free for all until it is used.
_CANDIDATES = itertools.cycle(random.sample(range(10_000 + os.getpid() % 20, 32_000, 20), 1_100))


def free_port() -> int:
    """A port nobody uses, another each time; below those that Linux gives outgoing connections (32768 and more)."""
    return next(port for port in _CANDIDATES if _bindable(port))


def busy(ports: Iterable[int]) -> list[int]:
    """Those of them that something else listens on."""
    return [port for port in ports if not _bindable(port)]


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
