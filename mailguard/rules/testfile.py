"""x.test.yaml as it is written: mails, and what the rules must say of them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Duration, Section, Size
from mailguard.people import Organization
from mailguard.rules.file import VERSION

VerdictName = Literal["pass", "delay", "hold", "reject"]
RecipientVerdict = Literal["pass", "delay", "hold", "reject", "drop"]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadValue(
            f'"{value}" is not a time',
            "write 2026-03-04T17:30 (local), or 2026-03-04T17:30+01:00",
        ) from None


Addresses = Annotated[tuple[str, ...], BeforeValidator(_several)]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]


class Attach(Section):
    """A file that travels with the mail; exactly one of text, file and size."""

    name: str = ""
    """Its file name."""
    type: str = Field("application/octet-stream", pattern=r"^[\w.+-]+/[\w.+-]+$")
    """Its MIME type."""
    text: str | None = None
    """What is in it."""
    file: str | None = None
    """A file beside this one that is attached."""
    size: Size | None = Field(None, le=64 << 20)
    """So many zero bytes."""

    @model_validator(mode="after")
    def _one(self) -> "Attach":
        if sum(given is not None for given in (self.text, self.file, self.size)) != 1:
            raise BadValue("an attachment needs exactly one of text, file and size", code="MG217")
        return self


class MessageSpec(Section):
    """A mail to be made."""

    from_: str = Field("ann@corp.example", alias="from")
    """Who sends it, also as the login; "<>" is the null sender."""
    to: Addresses = ()
    cc: Addresses = ()
    bcc: Addresses = ()
    subject: str = ""
    body: str | None = None
    """The plain text."""
    html: str | None = None
    """The HTML; with a body, both."""
    headers: dict[str, str | int] = Field(default_factory=dict)
    """More header fields."""
    attach: tuple[Attach, ...] = ()

    @model_validator(mode="after")
    def _somebody(self) -> "MessageSpec":
        if not (self.to or self.cc or self.bcc):
            raise BadValue("a mail needs a recipient", "write to: [kim@client.example]", code="MG105")
        return self


class Past(Section):
    """Mails that were sent before."""

    from_: str | None = Field(None, alias="from")
    """Who sent them; this mail's sender when left out."""
    to: Addresses = ()
    cc: Addresses = ()
    days_ago: float = Field(0, ge=0, le=36500)
    times: int = Field(1, ge=1, le=1_000_000)


class ThreadMail(Section):
    """An earlier mail of the same thread."""

    from_: str = Field(alias="from")
    to: Addresses = ()
    cc: Addresses = ()
    subject: str = ""
    confidential: bool = False
    """It was marked confidential."""
    dropped: Addresses = ()
    """Whom a person took off it."""


class Mail(Section):
    """An earlier mail whose text is remembered."""

    from_: str | None = Field(None, alias="from")
    """Who sent it; this mail's sender when left out."""
    to: Addresses = ()
    cc: Addresses = ()
    subject: str = ""
    body: str = ""
    waits: bool = False
    """It has not left yet."""


class SentFile(Section):
    """A file of this mail that was sent to somebody before."""

    name: str
    """The name of one of this mail's attachments."""
    to: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(min_length=1)
    """The domains outside that it went to."""


class Given(Section):
    """What was before."""

    history: tuple[Past, ...] = ()
    """What the sender wrote so far."""
    thread: tuple[ThreadMail, ...] = ()
    """The mails that this one answers, the first one first."""
    mails: tuple[Mail, ...] = ()
    """Other mails, for quotes_others and repeats_waiting."""
    undeliverable: Addresses = ()
    """Domains that take no mail; of all others DNS says that they do."""
    files: tuple[SentFile, ...] = ()
    """Which of its files were sent before, and where."""


class Expect(Section):
    """What the rules must say; at least one of these."""

    verdict: VerdictName | None = None
    delay: Duration | None = None
    """The longest wait of a recipient."""
    recipients: dict[str, RecipientVerdict] = Field(default_factory=dict)
    """The verdict for one recipient's copy; drop: a rule takes them off."""
    hidden: Addresses | None = None
    """Exactly these are moved from To and Cc to Bcc."""
    disclaimer: bool | None = None
    """Whether its text gains a disclaimer."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Header fields as they leave, like Subject: "[EXT] Offer"."""
    added: Addresses | None = None
    """Exactly these get a copy, or are told, besides the recipients."""
    fired: Addresses = ()
    """These rules match."""
    not_fired: Addresses = ()
    """These rules do not."""

    @model_validator(mode="after")
    def _something(self) -> "Expect":
        if not self.model_fields_set:
            raise BadValue("a test that expects nothing cannot fail", "write expect: {verdict: hold}")
        return self


class Case(Section):
    """One mail, and what must be said of it."""

    name: str = Field(min_length=1)
    message: MessageSpec | None = None
    eml: str | None = None
    """A message file beside this one, instead of message."""
    at: Moment | None = None
    """When it is sent; a Wednesday at 10:00 when left out."""
    given: Given = Given()
    expect: Expect

    @model_validator(mode="after")
    def _one(self) -> "Case":
        if (self.message is None) == (self.eml is None):
            raise BadValue("a test needs exactly one of message and eml", code="MG217")
        return self

    def moment(self, zone: ZoneInfo) -> datetime:
        """When the mail is sent."""
        at = self.at or datetime(2026, 3, 4, 10, 0, tzinfo=zone)
        return at if at.tzinfo is not None else at.replace(tzinfo=zone)


class TestFile(Section):
    """Tests of the rules beside them."""

    __test__ = False  # for pytest: this is no test class

    version: int = Field(VERSION, ge=1, le=VERSION)
    rules: Addresses = ()
    """Rule files these tests need, as patterns beside this file; x.yaml alone for x.test.yaml when left out."""
    organization: Organization | None = None
    people: Any = None
    """A people.yaml, as its path beside this file or its contents."""
    tests: tuple[Case, ...]
