"""The demo's own small installation, in a folder that goes away with it."""

import shutil
import socket
from pathlib import Path

from mailguard.config import Config, load

_SITE = Path(__file__).parent / "site"


def build(folder: Path, rules: Path, ports: dict[str, int]) -> Config:
    """Copy the demo's files and the shipped policy into `folder`; `ports`: smtp, world, web."""
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    (folder / "rules").mkdir(exist_ok=True)
    for rule in rules.glob("*.yaml"):
        shutil.copy(rule, folder / "rules")
    text = (folder / "mailguard.yaml").read_text("utf-8")
    for name, usual in (("smtp", 2525), ("world", 2526), ("web", 8025)):
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ports[name]}")
    (folder / "mailguard.yaml").write_text(text, "utf-8")
    return load(folder / "mailguard.yaml", {})


def free_port() -> int:
    """A port nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
