"""Settings for a test's own server, and what it knows as people."""

import time
from typing import Any

from mailguard.directory.client import ask
from mailguard.directory.mapping import found
from mailguard.directory.settings import LdapSettings
from mailguard.people import Found
from tests.slapd import BASE, PASSWORD, READER, Slapd


def settings(server: Slapd, **changes: Any) -> LdapSettings:
    said: dict[str, Any] = {"url": server.url, "bind": READER, "password": PASSWORD, "base": BASE, "timeout": "5s"}
    return LdapSettings.model_validate({**said, **changes})


def known(server: Slapd, **changes: Any) -> Found:
    """One whole reading."""
    asked = settings(server, **changes)
    return found(ask(asked, time.monotonic), asked)
