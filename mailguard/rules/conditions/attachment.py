"""Files that travel with the mail, files inside them, and those that are missing. Images in the text are none."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.document.units import Size
from mailguard.locale.sayings import counted, joined, quoted, saying, some
from mailguard.mail.attachments import Attachment as Part
from mailguard.records import Match
from mailguard.rules import attached, who
from mailguard.rules.attached import File
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, not_known
from mailguard.rules.facts import Facts
from mailguard.rules.places import NAMELESS, SAID, Place
from mailguard.rules.promises import Promises

Kind = Literal[
    "office", "pdf", "archive", "executable", "image", "audio", "video", "text", "calendar", "signature",
    "encrypted", "other",
]  # fmt: skip
_SHOWN = 20
_LOCKABLE = frozenset({"office", "pdf", "archive", "encrypted", "other"})


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


@condition("attachment")
class Attachment(Condition):
    """One file, attached or inside an attached one, of which all the keys here are true."""

    examples = ({"type": ["archive", "executable"]}, {"larger_than": "10MB"}, {"missing": True})
    name: Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])] = ()
    """Patterns of file names, like *.xlsx, also of files inside archives; case does not count."""
    type: Annotated[tuple[Kind, ...], BeforeValidator(_several, json_schema_input_type=Kind | list[Kind])] = ()
    """What it is, by its name, its declared type or its bytes: one of them is enough."""
    larger_than: Size | None = None
    """Bigger than this, decoded; of a file inside an archive, unpacked."""
    encrypted: bool | None = None
    """It opens only with a password."""
    macros: bool | None = None
    """An Office document with programs in it."""
    mismatch: bool | None = None
    """Its bytes are something else than its name says: a program called invoice.pdf."""
    unreadable: bool | None = None
    """It is damaged or takes too much to be read. What is encrypted, or no document, is not unreadable."""
    known_elsewhere: Literal[True] | None = None
    """This very file was sent before, and only to other domains than this mail goes to."""
    count: int | None = Field(None, ge=1, le=1000)
    """So many attached files fit, or more."""
    total_larger_than: Size | None = None
    """The attached files that fit are together bigger than this."""
    missing: Literal[True] | None = None
    """The sender's own text speaks of an attachment, and there is neither file nor link; stands alone."""
    _promises: Promises | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _asks(self) -> "Attachment":
        if not self.model_fields_set:
            raise BadValue(
                "it asks nothing", "write name, type, larger_than, encrypted, macros, missing or another key"
            )
        if self.missing and len(self.model_fields_set) > 1:
            fix = "what is missing has no name or size: leave the other keys out"
            raise BadValue("missing: true stands alone", fix, code="MG217")
        return self

    def bind(self, binder: Binder) -> None:
        if self.missing:
            self._promises = Promises(binder.names.vocabulary)

    def match(self, facts: Facts) -> Match | None:
        if self._promises is not None:
            word = self._promises.broken(facts)
            if word is None:
                return None
            said = saying("the text says {words}, and nothing is attached", words=quoted(word))
            return Match(said, evidence=((SAID[Place.BODY], word),))
        found = self._found(facts)
        if not self._enough(facts, found):
            if self.unreadable is None and any(map(self._wants, facts.attachments)):
                attached.check(facts)
            return None
        evidence = tuple((NAMELESS, file.said) for file in found[:_SHOWN])
        return Match(self._sentence(facts, found), self._about(facts, found), evidence)

    def _found(self, facts: Facts) -> list[File]:
        """The files that fit: what is inside of any is looked at only if that is asked, or those outside don't do."""
        found = [] if self._looks_inside else [file for file in attached.outside(facts) if self._fits(facts, file)]
        if self._enough(facts, found):
            return found
        return [file for file in attached.read(facts, self._wants) if self._fits(facts, file)]

    @property
    def _looks_inside(self) -> bool:
        """Whether it asks what neither a name nor the first bytes tell."""
        return any(asked is not None for asked in (self.encrypted, self.macros, self.mismatch, self.unreadable))

    def _wants(self, file: Part) -> bool:
        """Whether this file must be read to tell."""
        if file.opaque or file.inline:
            return False
        if self.macros is not None or self.mismatch is not None or self.unreadable is not None:
            return True
        if self.encrypted is not None and not file.kinds.isdisjoint(_LOCKABLE):
            return True
        asks = bool(self.name or self.type or self.larger_than is not None)
        return asks and attached.holds_files(file)

    def _fits(self, facts: Facts, file: File) -> bool:
        return (
            (not self.name or self._named(file))
            and (not self.type or not file.kinds.isdisjoint(self.type))
            and (self.larger_than is None or file.size > self.larger_than)
            and (self.encrypted is None or file.encrypted is self.encrypted)
            and (self.macros is None or file.macros is self.macros)
            and (self.mismatch is None or bool(file.mismatch) is self.mismatch)
            and (self.unreadable is None or bool(file.unreadable) is self.unreadable)
            and (self.known_elsewhere is None or bool(attached.elsewhere(facts, file)))
        )

    def _named(self, file: File) -> bool:
        names = {file.name.casefold(), file.name.casefold().rpartition("/")[2]}
        return any(fnmatchcase(name, pattern.casefold()) for pattern in self.name for name in names)

    def _enough(self, facts: Facts, found: list[File]) -> bool:
        numbers = _attached(facts, found)
        if self.count is not None and len(numbers) < self.count:
            return False
        total = sum(facts.attachments[number].size for number in numbers)
        return bool(found) and (self.total_larger_than is None or total > self.total_larger_than)

    def _about(self, facts: Facts, found: Iterable[File]) -> frozenset[str]:
        if self.known_elsewhere is None:
            return frozenset()
        return frozenset().union(*(attached.elsewhere(facts, file) for file in found))

    def _sentence(self, facts: Facts, found: list[File]) -> str:
        if any(file.inside for file in found):
            count = counted("{number} file", "{number} files", len(found))
        else:
            count = counted("{number} attachment", "{number} attachments", len(found))
        files = joined(" ", (count, *self._said()))
        if self.total_larger_than is not None:
            total = sum(facts.attachments[number].size for number in _attached(facts, found))
            files = saying("{files}, {size} together", files=files, size=_megabytes(total))
        return joined(": ", (files, who.listed(self._shown(facts, file) for file in found)))

    def _shown(self, facts: Facts, file: File) -> str:
        if self.known_elsewhere:
            sides = who.listed(attached.domains(facts, file))
            return saying("{file} (so far it went to {domains} only)", file=file.said, domains=sides)
        why = file.mismatch if self.mismatch else file.unreadable if self.unreadable else ""
        return saying("{file} ({why})", file=file.said, why=why) if why else file.said

    def _said(self) -> list[str]:
        """What is asked of them, in words."""
        told = [saying("of type {types}", types=some(self.type))] if self.type else []
        if self.larger_than is not None:
            told.append(saying("over {size}", size=_megabytes(self.larger_than)))
        return told + [
            yes if asked else no
            for asked, yes, no in (
                (self.encrypted, saying("with a password"), saying("without a password")),
                (self.macros, saying("with macros"), saying("without macros")),
                (self.mismatch, saying("that is not what its name says"), ""),
                (self.unreadable, saying("that could not be read"), ""),
                (self.known_elsewhere, saying("known from somebody else"), ""),
            )
            if asked is not None and (asked or no)
        ]

    def miss(self, facts: Facts) -> str:
        if self.known_elsewhere and facts.sent_files is None:
            return not_known(saying("whom files were sent to before"))
        files = [file for file in facts.attachments if not file.inline]
        if self.missing:
            some_there = counted("{number} attachment", "{number} attachments", len(files))
            return some_there if files else saying("the text speaks of no attachment")
        if not files:
            return saying("nothing is attached")
        return counted(
            "{number} attachment, which does not fit", "{number} attachments, none of which fits", len(files)
        )

    @property
    def cost(self) -> int:
        if self.missing:
            return 5
        return 8 if self._looks_inside or self.known_elsewhere else 4

    @property
    def names_recipients(self) -> bool:
        return self.known_elsewhere is not None


def _attached(facts: Facts, found: Iterable[File]) -> set[int]:
    """The numbers of the attached files among them; what is attached to an attached message is not counted."""
    return {file.number for file in found if not facts.attachments[file.number].nested}


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.3g} MB" if size >= 1 << 20 else f"{size / (1 << 10):.3g} KB"
