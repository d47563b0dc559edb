"""Files that travel with the mail. Images inside the text are no attachments."""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Size
from mailguard.mail.attachments import Attachment as File
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts

Kind = Literal[
    "office", "pdf", "archive", "executable", "image", "audio", "video", "text", "calendar", "signature",
    "encrypted", "other",
]  # fmt: skip
_SHOWN = 20


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


@condition("attachment")
class Attachment(Condition):
    """One file of which all the keys here are true."""

    name: Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])] = ()
    """Patterns of file names, like *.xlsx; case does not count."""
    type: Annotated[tuple[Kind, ...], BeforeValidator(_several, json_schema_input_type=Kind | list[Kind])] = ()
    """What it is, by its name, its declared type and its first bytes."""
    larger_than: Size | None = None
    """Bigger than this, decoded."""
    encrypted: bool | None = None
    """It opens only with a password."""
    missing: bool | None = None
    """The text speaks of an attachment and there is none: not available yet."""

    @model_validator(mode="after")
    def _asks(self) -> "Attachment":
        if not self.model_fields_set:
            raise BadValue("it asks nothing", "write name, type, larger_than or encrypted")
        return self

    def bind(self, binder: Binder) -> None:
        if self.missing is not None:
            binder.wrong(
                ("missing",), Code.LATER, "missing attachments are not available yet in this version", key=True
            )

    def match(self, facts: Facts) -> Match | None:
        found = [file.name for file in facts.attachments if not file.inline and self._fits(file)]
        if not found:
            return None
        count = f"{len(found)} attachment{'' if len(found) == 1 else 's'}"
        named = ", ".join(name or "without a name" for name in found[:5])
        evidence = tuple(("an attachment", name) for name in found[:_SHOWN])
        return Match(f"{count}{self._said()}: {named}", evidence=evidence)

    def _fits(self, file: File) -> bool:
        name = file.name.casefold()
        return (
            (not self.name or any(fnmatchcase(name, pattern.casefold()) for pattern in self.name))
            and (not self.type or not file.kinds.isdisjoint(self.type))
            and (self.larger_than is None or file.size > self.larger_than)
            and (self.encrypted is None or file.encrypted is self.encrypted)
        )

    def _said(self) -> str:
        size = f" over {_megabytes(self.larger_than)}" if self.larger_than is not None else ""
        locked = {True: " with a password", False: " without a password", None: ""}[self.encrypted]
        return (f" of type {' or '.join(self.type)}" if self.type else "") + size + locked

    def miss(self, facts: Facts) -> str:
        files = [file for file in facts.attachments if not file.inline]
        return f"none of {len(files)} attachments fits" if files else "nothing is attached"

    @property
    def cost(self) -> int:
        return 3


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.3g} MB" if size >= 1 << 20 else f"{size / (1 << 10):.3g} KB"
