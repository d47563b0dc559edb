"""mailguard.yaml as a whole: every room's own section, side by side."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from mailguard.admin.settings import AdminSettings
from mailguard.courier.settings import NextHop
from mailguard.directory.settings import DirectorySettings
from mailguard.dkim.settings import DkimKey
from mailguard.document.units import Section
from mailguard.extract.settings import AttachmentSettings
from mailguard.history.settings import HistorySettings
from mailguard.imap.settings import SentFolderSettings
from mailguard.logger import LogSettings
from mailguard.metrics import MetricsSettings
from mailguard.notices.settings import NoticeSettings
from mailguard.people import Organization, PreferenceSettings
from mailguard.people.access import Access
from mailguard.retry import RetrySettings
from mailguard.rules.settings import HoldSettings
from mailguard.scheduler.settings import ArchiveSettings
from mailguard.smtpd.settings import SmtpSettings
from mailguard.store.settings import DEFAULT_URL, EncryptionSettings, Held, RetentionSettings, StoreUrl
from mailguard.web.settings import WebSettings
from mailguard.webhooks.settings import Webhook


class Settings(Section):
    """All settings of one mailguard."""

    version: Literal[1] = Field(examples=["1"])
    """The version of this file's format."""
    organization: Organization = Field(examples=["{name: Corp Example, domains: [corp.example]}"])
    """Who we are: everything outside these domains is external."""
    people: Path | None = None
    """The file that says who is who; without it nobody is known by name."""
    directory: DirectorySettings = DirectorySettings()
    """An LDAP server that knows people, groups and lists, too."""
    rules: tuple[str, ...] = ("rules/*.yaml",)
    """Rule files, with * and **; files named *.test.yaml are tests and never loaded."""
    store: StoreUrl = DEFAULT_URL
    """Where mail is kept: sqlite:///FOLDER/mail.db, or postgresql://USER@HOST/DATABASE for several processes."""
    encryption: EncryptionSettings = EncryptionSettings()
    """What bodies of stored mail are encrypted with."""
    smtp: SmtpSettings = SmtpSettings()
    """Where mail comes in."""
    attachments: AttachmentSettings = AttachmentSettings()
    """What reading attached files may cost."""
    next_hop: NextHop = Field(examples=['{smarthost: "smtp.corp.example:587"}'])
    """Where mail goes next."""
    dkim: tuple[DkimKey, ...] = ()
    """What mail is signed with as it leaves."""
    web: WebSettings = WebSettings()
    """The pages behind the links."""
    access: Access = Access()
    """Who may do what beyond their own mail."""
    admin: AdminSettings = AdminSettings()
    """The socket of the command line."""
    preferences: PreferenceSettings = PreferenceSettings()
    """What people may choose for themselves."""
    notices: NoticeSettings = Field(examples=["{sender: mailguard@corp.example}"])
    """The mails people get from mailguard."""
    sent_folder: SentFolderSettings | None = None
    """Where a mail that left otherwise than it was sent is put right: its sender's Sent folder."""
    holds: HoldSettings = Field(examples=["{fallback: postmaster@corp.example}"])
    """Defaults of every hold, and who answers when nobody else can."""
    webhooks: tuple[Webhook, ...] = ()
    """Other systems that are told what was held, released or failed."""
    archive: ArchiveSettings | None = None
    """An archive that gets a journal of what left; leave it out for none."""
    retention: RetentionSettings = RetentionSettings()
    """How long what is kept."""
    legal_hold: Held = ()
    """Of whom nothing is forgotten while they stand here: addresses, or all."""
    retry: RetrySettings = RetrySettings()
    """How long delivery is tried."""
    history: HistorySettings = HistorySettings()
    """What is learnt from mail that was sent."""
    log: LogSettings = LogSettings()
    """How the log is written."""
    metrics: MetricsSettings = MetricsSettings()
    """Where Prometheus scrapes."""
