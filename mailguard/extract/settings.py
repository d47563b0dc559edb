"""What reading attached files may cost, as mailguard.yaml says it."""

from datetime import timedelta

from pydantic import Field

from mailguard.document.units import Duration, Section, Size
from mailguard.extract.limits import Limits

_USUAL = Limits()


class AttachmentSettings(Section):
    """Limits of the processes that read attached files. What exceeds them is unreadable, which rules may ask for."""

    workers: int = Field(default=0, ge=0, le=64)
    """Processes that read; 0: one less than the machine has processors, at least one and at most four."""
    time: Duration = Field(default=timedelta(seconds=_USUAL.seconds), ge=timedelta(seconds=1))
    """For one attached file, both on the clock and of the processor."""
    mail_time: Duration = Field(default=timedelta(seconds=_USUAL.mail_seconds), ge=timedelta(seconds=1))
    """For all files of one mail."""
    memory: Size = Field(default=_USUAL.memory, ge=256 << 20)
    """Address space of one process; at least 256MB."""
    text: Size = Field(default=_USUAL.characters, ge=1 << 10)
    """Characters of text out of one attached file."""
    unpacked: Size = Field(default=_USUAL.unpacked, ge=1 << 20)
    """All that is unpacked of one attached file."""
    names: int = Field(default=_USUAL.files, ge=1, le=1_000_000)
    """Files inside one attached file."""
    depth: int = Field(default=_USUAL.depth, ge=1, le=50)
    """Files inside files."""

    @property
    def limits(self) -> Limits:
        """As the workers take them."""
        return Limits(
            seconds=int(self.time.total_seconds()), mail_seconds=int(self.mail_time.total_seconds()),
            memory=self.memory, characters=self.text, files=self.names, depth=self.depth, unpacked=self.unpacked,
            member=min(_USUAL.member, self.unpacked), growth=min(_USUAL.growth, self.memory),
        )  # fmt: skip
