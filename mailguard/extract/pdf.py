"""PDF by PDFium: pages, notes on them, form fields, the outline, what it says of itself, files attached to it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import pypdfium2
from pypdfium2 import raw

from mailguard.extract.work import Damaged, Locked, Work
from mailguard.locale import saying
from mailguard.records.content import Where

_PAGES = 5000
_NOTES = 1000  # of one page
_SUBJECTS = (b"Contents", b"V", b"T", b"TU")


def read(work: Work, data: bytes) -> None:
    """Locked when it needs a password to be opened."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise Locked from None
        raise Damaged(saying("it cannot be opened as a PDF")) from None
    try:
        _pages(work, document)
        for name, value in document.get_metadata_dict(skip_empty=True).items():
            if not name.endswith("Date"):
                work.line(value, Where.METADATA)
        for mark in document.get_toc(max_depth=10):
            work.line(mark.get_title() or "", Where.BODY)
        for number in range(min(document.count_attachments(), work.budget.limits.files)):
            attached = document.get_attachment(number)
            work.inside(attached.get_name(), bytes(attached.get_data()))
    finally:
        document.close()


def _pages(work: Work, document: Any) -> None:
    if len(document) > _PAGES:
        raise Damaged(saying("it has more than {number} pages", number=_PAGES))
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            raise Damaged(saying("its page {number} cannot be read", number=number + 1)) from None
        words = page.get_textpage()
        work.line(words.get_text_bounded().replace("\r\n", "\n").replace("\ufffe", ""))
        work.end()
        for note in _notes(page):
            work.line(note, Where.COMMENT)
        words.close()
        page.close()


def _notes(page: Any) -> Iterator[str]:
    """What annotations and form fields hold."""
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _NOTES)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            for key in _SUBJECTS:
                if text := _string(annotation, key):
                    yield text
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _string(annotation: Any, key: bytes) -> str:
    length = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if length <= 2:  # noqa: PLR2004 - the two zeros at its end
        return ""
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length)
    return buffer.raw[: length - 2].decode("utf-16-le", "replace")
