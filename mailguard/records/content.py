"""What is in an attached file: what it really is, the files inside it, and its text with where it stands."""

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """Where in a file a text stands. A reader of the file sees the first at once, and may never see the others."""

    BODY = "body"
    HEADER = "header"  # and footer; of a mail its header
    NOTES = "notes"  # foot and end notes, a speaker's notes
    COMMENT = "comment"
    HIDDEN = "hidden"  # hidden sheets, slides, rows and text; what was deleted with changes tracked
    QUOTED = "quoted"  # of a mail: what it quotes, signatures and disclaimers
    METADATA = "metadata"  # title, author, keywords, own properties, sheet names, links, alternative texts


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. `path` is the file it stands in, inside the attached one; '' is the attached file itself."""

    text: str
    where: Where = Where.BODY
    path: str = ""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file, attached (`path` is '') or inside an attached one (`report.zip` holds `2026/plan.xlsx`).

    `form` is what its bytes are: pdf, docx, zip, exe, …; '' when they tell nothing. `mismatch` says what it is where
    its name says something else. `unreadable` says why it could not be looked into although its form can.
    """

    path: str = ""
    form: str = ""
    kinds: frozenset[str] = frozenset()  # as of `mail.kinds`
    size: int = 0  # bytes, unpacked
    encrypted: bool = False
    macros: bool = False
    mismatch: str = ""
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """One attached file and everything in it; `files` begins with the attached one."""

    files: tuple[FoundFile, ...]
    pieces: tuple[Piece, ...] = ()

    @property
    def unreadable(self) -> str:
        """Why not all of it could be read, or ''. What is encrypted or of a form nobody reads counts as read."""
        return next((file.unreadable for file in self.files if file.unreadable), "")
