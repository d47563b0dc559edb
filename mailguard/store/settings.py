"""Where mail is kept, and for how long."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from mailguard.document.units import Duration, Section
from mailguard.store.base import Retention

DEFAULT_URL = "sqlite:///var/lib/mailguard/mail.db"


def _url(value: object) -> str:
    if isinstance(value, str) and value.startswith("sqlite:") and sqlite_path(value).name:
        return value
    raise ValueError(f"{value!r} is not a store: write sqlite:///FOLDER/mail.db, or sqlite:mail.db beside this file")


def sqlite_path(url: str) -> Path:
    """`sqlite:///var/lib/mail.db` → /var/lib/mail.db; `sqlite:mail.db` → mail.db (relative to the configuration)."""
    return Path(url.removeprefix("sqlite:").removeprefix("//"))


StoreUrl = Annotated[str, BeforeValidator(_url, json_schema_input_type=str)]


class RetentionSettings(Section):
    """How long what is kept, counted from the end of a mail's last recipient."""

    bodies: Duration = timedelta(days=7)
    """The message itself, and the links to it."""
    decisions: Duration = timedelta(days=400)
    """Who sent what to whom, what was decided and why, and the history of events."""
    facts: Duration = timedelta(days=90)
    """Who writes to whom: what `unexpected` and `first_contact` know."""

    @property
    def keep(self) -> Retention:
        """The same, as the store takes it."""
        return Retention(bodies=self.bodies, decisions=self.decisions, facts=self.facts)
