"""Waiting until someone listens on a port."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path


def wait(port: int, process: subprocess.Popen[bytes] | None, log: Path, within: float = 30) -> None:
    """Until the port answers with a greeting; TimeoutError with the log's end if it doesn't."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
            client.settimeout(1)
            if client.recv(4).startswith(b"220"):
                client.sendall(b"QUIT\r\n")
                return
        time.sleep(0.05)
    said = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
    raise TimeoutError(f"nobody answers on port {port}\n{said}")
