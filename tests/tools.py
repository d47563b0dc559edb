"""The programs beside Python that some tests drive, and what happens where one is missing."""

import os
import shutil
from pathlib import Path

CLIENTS = ("swaks", "curl", "msmtp", "smtp-sink", "postfix", "slapd", "ldapmodify", "dovecot")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HEADLESS = ("chromium-headless-shell", *BROWSERS)  # the same without what a window needs: half the work
# Debian keeps mail servers where only root's PATH looks, and database servers where nobody's does.
_DATABASES = os.pathsep.join(
    [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
)
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/dovecot"])


def find(program: str) -> str | None:
    """Where the program is, or None. "chromium" is any browser of that family, "headless" one that need not be whole,
    "tmpfs" and "loop" are leave to mount one, or an ext4 in a file."""
    if program == "tmpfs":
        return shutil.which("mount", path=_PATH) if _may_mount() else None
    if program == "loop":
        return shutil.which("mkfs.ext4", path=_PATH) if _may_mount() and Path("/dev/loop-control").exists() else None
    if program == "postgres":
        return shutil.which("postgres", path=_DATABASES)
    names = {"chromium": BROWSERS, "headless": HEADLESS}.get(program, (program,))
    return next((path for name in names if (path := shutil.which(name, path=_PATH))), None)


def _may_mount() -> bool:
    """CAP_SYS_ADMIN, bit 21 of the effective capabilities."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) >> 21 & 1 for line in lines if line.startswith("CapEff"))


def required() -> bool:
    """Whether a missing program is a failure: on machines that were told to have them all."""
    return os.environ.get("REQUIRE_TOOLS") == "1"
