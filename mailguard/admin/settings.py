"""Where the command line meets the service."""

from pathlib import Path

from mailguard.document.units import Section


class AdminSettings(Section):
    """The admin socket: whoever may open it may act, and is named in the audit by uid."""

    socket: Path = Path("/run/mailguard/admin.sock")
    """Path of the Unix socket; its mode is 0660, its group decides who may use `mailguard queue`."""
