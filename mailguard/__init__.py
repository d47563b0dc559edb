"""An email guardrail: outgoing mail waits, is checked, and leaves, is held or is copied before it is too late."""

from importlib.metadata import version

__version__ = version("mailguard")
