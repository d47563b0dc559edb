"""disk.c, compiled: a disk that remembers and fails, for a process of its own (see the head of that file)."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).with_name("disk.c")


def library() -> str:
    """The compiled shim, for LD_PRELOAD; compiled once a version of its source."""
    name = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"mailguard-shim-{os.getuid()}-{name}.so"
    if not made.exists():
        half = made.with_suffix(f".{os.getpid()}")
        command = [
            "cc",
            "-shared",
            "-fPIC",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            str(half),
            str(_SOURCE),
            "-ldl",
        ]
        subprocess.run(command, check=True, timeout=60)
        half.rename(made)
    return str(made)
