"""The programs beside Python that some tests drive, and what happens where one is missing."""

import os
import shutil

CLIENTS = ("swaks", "curl", "msmtp", "smtp-sink", "postfix")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Debian keeps mail servers where only root's PATH looks.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def find(program: str) -> str | None:
    """Where the program is, or None. "chromium" is any browser of that family."""
    names = BROWSERS if program == "chromium" else (program,)
    return next((path for name in names if (path := shutil.which(name, path=_PATH))), None)


def required() -> bool:
    """Whether a missing program is a failure: on machines that were told to have them all."""
    return os.environ.get("REQUIRE_TOOLS") == "1"
