"""The files a mail carries, as a condition asks of them: the attached ones, and those inside."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailguard.errors import CannotTell
from mailguard.locale.sayings import saying
from mailguard.mail import address
from mailguard.mail.attachments import Attachment
from mailguard.records import Content, FoundFile
from mailguard.rules.facts import Facts
from mailguard.rules.who import external

MANY = 3  # domains: a file that went to so many is meant for everybody
_HOLDS_FILES = frozenset({"archive", "other"})  # winmail.dat and msg are of no other kind


@dataclass(frozen=True, slots=True)
class File:
    """One file; `inside` names the attached one it was found in, '' for that itself. `number`: of the attached one."""

    number: int
    name: str
    kinds: frozenset[str]
    size: int
    encrypted: bool
    inside: str = ""
    macros: bool = False
    mismatch: str = ""
    unreadable: str = ""

    @property
    def said(self) -> str:
        name = self.name or saying("without a name")
        return saying("{found} in {places}", found=name, places=self.inside) if self.inside else name


def outside(facts: Facts) -> list[File]:
    """The attached files as their names and first bytes show them: nothing has to be read for it."""
    return [
        File(number, file.name, file.kinds, file.size, file.encrypted)
        for number, file in enumerate(facts.attachments)
        if not file.inline
    ]


def read(facts: Facts, wanted: Callable[[Attachment], bool]) -> Iterator[File]:
    """The same with what is in them. Nothing while they have not been read, if one of them is `wanted`."""
    if not any(wanted(file) for file in facts.attachments if not file.inline):
        yield from outside(facts)
        return
    contents = facts.contents
    if contents is None:
        return
    for file in outside(facts):
        content = contents[file.number]
        yield from _both(file, content) if content is not None else [file]


def holds_files(file: Attachment) -> bool:
    """Whether other files may be in it."""
    return not file.opaque and (
        not file.kinds.isdisjoint(_HOLDS_FILES)
        or file.content_type.startswith("message/")
        or file.name.endswith(".eml")
    )


def check(facts: Facts) -> None:
    """For a condition that found nothing: CannotTell when a file in which it may be could not be read."""
    for file, content in zip(facts.attachments, facts.contents or (), strict=False):
        if content is not None and content.unreadable:
            name = file.name or saying("an attachment")
            raise CannotTell("{file} could not be read: {why}", file=name, why=content.unreadable)


def elsewhere(facts: Facts, file: File) -> frozenset[str]:
    """The recipients outside at domains this very file never went to, while it did go to one or two others."""
    digest = facts.reading.digests[file.number]
    before = (facts.sent_files or {}).get(digest, frozenset()) if digest and not file.inside else frozenset[str]()
    if not before or len(before) >= MANY:
        return frozenset()
    now = {key: address.domain(key) for key in facts.recipients if external(facts, key)}
    if not before.isdisjoint(now.values()):
        return frozenset()
    return frozenset(now)


def domains(facts: Facts, file: File) -> list[str]:
    """Where it went before."""
    return sorted((facts.sent_files or {}).get(facts.reading.digests[file.number], ()))


def _both(file: File, content: Content) -> Iterator[File]:
    whole, *others = content.files
    locked = whole.encrypted or (file.encrypted and "pdf" not in file.kinds)  # a PDF may only forbid printing
    yield _of(file, whole, file.name, file.kinds | whole.kinds - {"other"}, locked=locked)
    for each in others:
        yield _of(file, each, each.path, each.kinds, inside=file.name or saying("an attachment"), locked=each.encrypted)


def _of(file: File, found: FoundFile, name: str, kinds: frozenset[str], *, locked: bool, inside: str = "") -> File:
    return File(
        file.number, name, kinds | {"encrypted"} if locked else kinds, found.size, locked, inside, found.macros,
        found.mismatch, found.unreadable,
    )  # fmt: skip
