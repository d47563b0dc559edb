"""The console: for those who look after the mail of others."""

from mailguard.web.console.console import Console, Sources
from mailguard.web.console.health import Condition

__all__ = ["Condition", "Console", "Sources"]
