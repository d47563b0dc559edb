"""One attached file, and everything in it: each form by its reader. Runs in a worker only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailguard.extract import archives, forms, letters, odf, ole, ooxml, outlook, pdf, rtf, sevenzip, texts
from mailguard.extract.limits import Limits
from mailguard.extract.work import Budget, Damaged, Locked, Sheet, Tell, TooMuch, Work
from mailguard.locale import saying
from mailguard.mail import kinds
from mailguard.records.content import FoundFile

Reader = Callable[[Work, bytes], None]
READERS: Mapping[str, Reader] = {
    "docx": ooxml.read, "xlsx": ooxml.read, "pptx": ooxml.read, "ooxml": ooxml.read,
    "odt": odf.read, "ods": odf.read, "odp": odf.read, "odf": odf.read,
    "rtf": rtf.read, "pdf": pdf.read, "ole": ole.read, "tnef": outlook.tnef, "eml": letters.message,
    "smime": letters.smime, "text": texts.plain, "html": texts.html, "xml": texts.xml, "ics": texts.calendar,
    "script": texts.plain, "zip": archives.zipped, "tar": archives.tar, "gz": archives.packed, "bz2": archives.packed,
    "xz": archives.packed, "7z": sevenzip.read,
}  # fmt: skip


def read(name: str, content_type: str, data: bytes, limits: Limits, tell: Tell) -> list[FoundFile]:
    """Every file found, the attached one first; its text goes to `tell` as it is found. Raises MemoryError only."""
    budget = Budget(limits, tell)
    sheet = Sheet("", "", name, len(data))
    try:
        _read(budget, sheet, 0, data, content_type)
    except TooMuch as error:
        sheet.unreadable = error.why
    return [_found(each, content_type if each is sheet else "") for each in budget.sheets]


def _read(budget: Budget, sheet: Sheet, depth: int, data: bytes, content_type: str) -> None:
    sheet.form = forms.form(data, sheet.name, content_type)
    budget.add(sheet)
    reader = READERS.get(sheet.form)
    if reader is None:
        return
    if depth > budget.limits.depth:
        sheet.unreadable = saying("it is nested deeper than {number} files", number=budget.limits.depth)
        return
    work = Work(budget, sheet, depth, _inside)
    try:
        reader(work, data)
    except Locked:
        sheet.encrypted = True
    except Damaged as error:
        sheet.unreadable = error.why
    except (TooMuch, MemoryError):
        raise
    except RecursionError:
        sheet.unreadable = saying("it is nested too deeply")
    except Exception as error:  # a parser of somebody else's that trips over it
        sheet.unreadable = saying("its reader failed ({error})", error=type(error).__name__)
    work.end()


def _inside(outer: Work, path: str, data: bytes, content_type: str, size: int) -> None:
    sheet = Sheet(path, "", path, size)
    _read(outer.budget, sheet, outer.depth + 1, data, content_type)


def _found(sheet: Sheet, content_type: str) -> FoundFile:
    return FoundFile(
        path=sheet.path, form=sheet.form, kinds=_kinds(sheet, content_type), size=sheet.size,
        encrypted=sheet.encrypted, macros=sheet.macros, mismatch=forms.mismatch(sheet.name, sheet.form),
        unreadable=sheet.unreadable,
    )  # fmt: skip


def _kinds(sheet: Sheet, content_type: str) -> frozenset[str]:
    """By its name, its declared type and its form, as of an attached file."""
    extension = sheet.name.rpartition(".")[2].lower() if "." in sheet.name else ""
    found = set(kinds.of_extension(extension) | kinds.of_type(content_type))
    true = forms.KIND.get(sheet.form, "other")
    if true != "other":
        found.add(true)
    if sheet.form == "smime" and not sheet.encrypted:  # only signed
        found.discard("encrypted")
    return frozenset(found or {"other"})
