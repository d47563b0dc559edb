"""mailguard.yaml as a whole: every room's own section, side by side."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mailguard.admin.settings import AdminSettings
from mailguard.courier.settings import NextHop
from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.history.settings import HistorySettings
from mailguard.log import LogSettings
from mailguard.metrics import MetricsSettings
from mailguard.notices.settings import NoticeSettings
from mailguard.people import Organization
from mailguard.retry import RetrySettings
from mailguard.rules.settings import HoldSettings
from mailguard.smtpd.settings import SmtpSettings
from mailguard.store.settings import DEFAULT_URL, RetentionSettings, StoreUrl
from mailguard.web.settings import WebSettings


def _sqlite_only(value: object) -> object:
    if isinstance(value, str) and value.startswith(("postgresql:", "postgres:")):
        how = f"write store: {DEFAULT_URL}"
        raise BadValue("this version keeps mail in SQLite only; the PostgreSQL store is not in it yet", how)
    return value


class Settings(Section):
    """All settings of one mailguard."""

    version: Literal[1] = Field(examples=["1"])
    """The version of this file's format."""
    organization: Organization = Field(examples=["{name: Corp Example, domains: [corp.example]}"])
    """Who we are: everything outside these domains is external."""
    people: Path | None = None
    """The file that says who is who; without it nobody is known by name."""
    rules: tuple[str, ...] = ("rules/*.yaml",)
    """Rule files, with * and **; files named *.test.yaml are tests and never loaded."""
    store: Annotated[StoreUrl, BeforeValidator(_sqlite_only)] = DEFAULT_URL
    """Where mail is kept: sqlite:///FOLDER/mail.db."""
    smtp: SmtpSettings = SmtpSettings()
    """Where mail comes in."""
    next_hop: NextHop = Field(examples=['{smarthost: "smtp.corp.example:587"}'])
    """Where mail goes next."""
    web: WebSettings = WebSettings()
    """The pages behind the links."""
    admin: AdminSettings = AdminSettings()
    """The socket of the command line."""
    notices: NoticeSettings = Field(examples=["{sender: mailguard@corp.example}"])
    """The mails people get from mailguard."""
    holds: HoldSettings = Field(examples=["{fallback: postmaster@corp.example}"])
    """Defaults of every hold, and who answers when nobody else can."""
    retention: RetentionSettings = RetentionSettings()
    """How long what is kept."""
    retry: RetrySettings = RetrySettings()
    """How long delivery is tried."""
    history: HistorySettings = HistorySettings()
    """What is learnt from mail that was sent."""
    log: LogSettings = LogSettings()
    """How the log is written."""
    metrics: MetricsSettings = MetricsSettings()
    """Where Prometheus scrapes."""
