"""A message inside a provider: bytes, of which only whole header fields are touched."""

import re
from dataclasses import dataclass, replace

_FIELD = re.compile(rb"[^\r\n:]+:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")


@dataclass(frozen=True)
class Letter:
    """One message for some recipients, and how it came in."""

    raw: bytes
    sender: str  # MAIL FROM
    recipients: tuple[str, ...]
    source: str  # the address it came from
    inside: bool  # written by a user of the tenant, or come in through its connector

    def all(self, name: str) -> list[str]:
        """The values of every field of this name."""
        wanted = name.lower().encode()
        found = [one.partition(b":") for one in self._fields() if one.lower().partition(b":")[0].strip() == wanted]
        return [value.decode("utf-8", "replace").replace("\r\n", "").strip() for _, _, value in found]

    def without(self, pattern: str) -> "Letter":
        """No field whose whole name matches, in any case."""
        gone = re.compile(pattern.encode(), re.IGNORECASE)
        kept = [one for one in self._fields() if not gone.fullmatch(one.partition(b":")[0].strip())]
        return replace(self, raw=b"".join(kept) + b"\r\n" + self.body)

    def on_top(self, *fields: str) -> "Letter":
        return replace(self, raw="".join(f"{one}\r\n" for one in fields).encode() + self.raw)

    def below(self, field: str) -> "Letter":
        """A field more, as the last one."""
        head = b"".join(self._fields())
        return replace(self, raw=head + f"{field}\r\n\r\n".encode() + self.body)

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def _fields(self) -> list[bytes]:
        return _FIELD.findall(self.raw.partition(b"\r\n\r\n")[0] + b"\r\n")
