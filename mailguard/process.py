"""What a process is to the machine it runs on: its memory, and whoever started it."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def collect_rarely() -> None:
    """What is here at the start stays; looking through all of it again and again would stop everybody for that long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def tell_systemd(state: str) -> None:
    """sd_notify(3): one datagram to the socket that systemd named."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect("\0" + address[1:] if address.startswith("@") else address)
        notify.send(state.encode())


def when_orphaned(end: Callable[[], None]) -> None:
    """`end` when whoever started us is gone, by whatever death: the other end of our standard input is then closed."""
    loop, ours = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(ours, 4096):
            loop.remove_reader(ours)
            end()

    loop.add_reader(ours, read)


def identity() -> str:
    """Which process this is, among all there ever are: boot, PID namespace, number, start. '' where nobody can say."""
    try:
        return f"{_world()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return ""


def is_gone(identity: str) -> bool:
    """Whether the process of that identity has surely ended. False when it is, or may be, another machine's."""
    try:
        world, pid, started = identity.rsplit(" ", 2)
        if world != _world():
            return False
    except (OSError, ValueError):
        return False
    try:
        return _started(int(pid)) != started
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _world() -> str:
    """Where a process number means one process: a boot of a machine, and a PID namespace in it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """In clock ticks since the boot (proc(5), field 22 of stat; the second may hold anything)."""
    return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]


def whole(path: Path, text: str) -> None:
    """Write a file of our own: whole or not at all, and readable by nobody else. OSError when it can't be kept."""
    fresh = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
