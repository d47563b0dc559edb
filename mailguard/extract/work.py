"""What a reader of one form writes down, and what stops it when it is too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mailguard.extract.limits import Limits
from mailguard.locale import N_, Saying, saying
from mailguard.mail import charset
from mailguard.records.content import Where

PIECE = 32 * 1024  # characters of one piece: the service reads each in one go
_LONGEST_NAME = 1000

_LONG = N_("it has more than {number} million characters of text")

Tell = Callable[[str, Where, str], None]


class Unread(Exception):
    """Why a file could not be read, in a sentence for people."""

    def __init__(self, why: Saying) -> None:
        super().__init__(why)
        self.why = why


class TooMuch(Unread):
    """A limit was reached: what was read so far stays, and the attached file is unreadable."""


class Locked(Exception):
    """It opens only with a password."""


class Damaged(Unread):
    """It is not what its form must be."""


def unpacks_to(limit: int) -> Saying:
    """More than this many octets."""
    return saying("it unpacks to more than {number} MB", number=limit >> 20)


def larger(limit: int) -> Saying:
    """Than this many octets."""
    return saying("it is larger than {number} MB", number=limit >> 20)


@dataclass(slots=True)
class Sheet:
    """What is noted of one file; as `records.FoundFile`, while it is still being found out."""

    path: str
    form: str
    name: str
    size: int
    encrypted: bool = False
    macros: bool = False
    unreadable: str = ""


@dataclass(slots=True)
class Budget:
    """What all files inside one attached file have left together. `tell` gets every piece of text."""

    limits: Limits
    tell: Tell
    characters: int = 0
    unpacked: int = 0
    sheets: list[Sheet] = field(default_factory=list)

    def add(self, sheet: Sheet) -> Sheet:
        if len(self.sheets) > self.limits.files:
            raise TooMuch(saying("more than {number} files are in it", number=self.limits.files))
        self.sheets.append(sheet)
        return sheet


Inner = Callable[["Work", str, bytes, str, int], None]


class Work:
    """The reading of one file: text and files inside go in here, and what it costs is counted."""

    def __init__(self, budget: Budget, sheet: Sheet, depth: int, inner: Inner) -> None:
        self.budget, self.sheet, self.depth, self._inner = budget, sheet, depth, inner
        self._words: list[str] = []
        self._where = Where.BODY
        self._length = 0

    # text
    def text(self, text: str, where: Where = Where.BODY) -> None:
        """More text; nothing is put between this and what was there before."""
        if where is not self._where:
            self.end()
            self._where = where
        for start in range(0, len(text), PIECE):
            self._words.append(text[start : start + PIECE])
            self._length += len(self._words[-1])
            if self._length >= PIECE:
                self._cut()

    def line(self, text: str, where: Where = Where.BODY) -> None:
        """Text that stands by itself."""
        if text:
            self.text(text, where)
            self._words.append("\n")

    def end(self) -> None:
        """Hand over what is still here."""
        self._tell("".join(self._words))
        self._words, self._length = [], 0

    def _cut(self) -> None:
        """Hand over what is whole: no piece ends within a word if that can be helped."""
        text = "".join(self._words)
        at = max(text.rfind("\n", PIECE // 2), text.rfind(" ", PIECE // 2)) + 1 or len(text)
        self._tell(text[:at])
        self._words, self._length = [text[at:]], len(text) - at

    def _tell(self, text: str) -> None:
        text = text.strip()
        if not text:
            return
        budget = self.budget
        budget.characters += len(text)
        if budget.characters > budget.limits.characters:
            raise TooMuch(saying(_LONG, number=budget.limits.characters >> 20))
        budget.tell(text.encode("utf-8", "replace").decode(), self._where, self.sheet.path)

    # what it costs
    def spend(self, count: int) -> None:
        """So many bytes were unpacked."""
        self.budget.unpacked += count
        if self.budget.unpacked > self.budget.limits.unpacked:
            raise TooMuch(unpacks_to(self.budget.limits.unpacked))

    @property
    def member(self) -> int:
        """The most bytes of a file inside that may be held at once."""
        return self.budget.limits.member

    # files inside
    def inside(self, name: str, data: bytes, content_type: str = "", *, size: int | None = None) -> None:
        """A file inside this one, with its bytes; or with its first ones and its size, if it is of no readable form."""
        self._inner(self, self.path(name), data, content_type, len(data) if size is None else size)

    def named(self, name: str, size: int, *, encrypted: bool = False, unreadable: str = "") -> None:
        """A file inside of which there is only the name."""
        path = self.path(name)
        self.budget.add(Sheet(path, "", path, size, encrypted, unreadable=unreadable))

    def path(self, name: str) -> str:
        """Its name is shown, and is never one of a file system: `..` and `/` are letters."""
        clean = charset.clean(name).replace("\\", "/")[:_LONGEST_NAME] or "without a name"
        return f"{self.sheet.path}/{clean}" if self.sheet.path else clean
