"""What a process is to the machine it runs on: its memory, and whoever started it."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable


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
