"""Which planted words are found: per file, what was found, what was missed, what the file does not hold at all."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from mailguard.extract import dispatch
from mailguard.extract.limits import Limits
from mailguard.records import FoundFile
from tests.extract import containers, sources
from tests.extract.make_documents import DOCUMENTS

_PLANTED = re.compile(r"planted(\w+)")
_SOURCES = {"text": sources.TEXT, "sheets": sources.SHEETS, "slides": sources.SLIDES}
# Words of a source that LibreOffice does not print; all others are on paper, in outlines or properties
_NOT_PRINTED = {
    "text": {"hidden", "section", "comment", "link", "alternative", "property", "description"},
    "sheets": {
        "sheet",
        "hidden",
        "row",
        "column",
        "formula",
        "comment",
        "property",
        "description",
        "box",
        "header",
        "footer",
    },
    "slides": {"comment", "notes", "hidden", "alternative", "property", "description", "master"},
}


@dataclass(frozen=True, slots=True)
class Row:
    """One file's words. `absent`: whoever made the file left them out, so nobody can find them."""

    name: str
    found: tuple[str, ...]
    missed: tuple[str, ...]
    absent: tuple[str, ...]


def words(name: str, data: bytes) -> tuple[list[FoundFile], str]:
    """Files, and everything that a rule sees of this one but its own name."""
    said: list[str] = []
    files = dispatch.read(name, "", data, Limits(), lambda text, *_: said.append(text))
    return files, "\n".join([*said, *(file.path for file in files)])


def rows(documents: Path = DOCUMENTS) -> Iterator[Row]:
    for path in sorted(documents.iterdir()):
        kind = path.stem.partition("-")[0]
        if kind in _SOURCES:
            yield _row(path.name, path.read_bytes(), _SOURCES[kind], _NOT_PRINTED[kind])
    for name, data in containers.made().items():
        yield _row(name, data, _source(name, data), set())


def _row(name: str, data: bytes, source: str, unprinted: set[str]) -> Row:
    planted = dict.fromkeys(_PLANTED.findall(source.replace("plan<text:span>ted</text:span>split", "plantedsplit")))
    _, text = words(name, data)
    found = [word for word in planted if re.search(rf"(?<!\w)planted{word}(?!\w)", text)]
    others = [word for word in planted if word not in found]
    absent = [word for word in others if not _holds(name, data, word, unprinted)]
    return Row(name, tuple(found), tuple(word for word in others if word not in absent), tuple(absent))


def _source(name: str, data: bytes) -> str:
    """What was planted in a file that is made here; the whole is the sum of its parts."""
    said = {
        "mail.eml": "to subject body quoted html filename attached",
        "mail.msg": "subject body html recipient filename attached",
        "winmail.dat": "body filename attached", "smime.p7m": "subject body",
        "meeting.ics": "summary place description guest",
        "list.csv": "cell other", "archive.zip": "filename text", "nested.zip": "inner filename text",
        "archive.tar": "filename text link", "archive.tgz": "filename text link", "note.txt.gz": "text",
        "page.html": "title comment body hidden alternative",
    }[name]  # fmt: skip
    return " ".join(f"planted{word}" for word in said.split())


def _holds(name: str, data: bytes, word: str, unprinted: set[str]) -> bool:
    """Whether the bytes hold the word at all, looked for in another way than extraction does."""
    if name.endswith(".pdf"):
        return word not in unprinted
    wanted = f"planted{word}"
    blobs = [data]
    if data.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            blobs = [archive.read(info) for info in archive.infolist()]
    return any(wanted.encode() in blob or wanted.encode("utf-16-le") in blob for blob in blobs)


def markdown(found: list[Row]) -> str:
    total, missed = sum(len(row.found) for row in found), sum(len(row.missed) for row in found)
    lines = [f"{total} planted words found, {missed} missed, in {len(found)} files.", ""]
    lines += ["| file | found | missed | not in the file |", "|---|---|---|---|"]
    lines += [
        f"| {row.name} | {', '.join(row.found)} | {', '.join(row.missed)} | {', '.join(row.absent)} |" for row in found
    ]
    return "\n".join(lines)
