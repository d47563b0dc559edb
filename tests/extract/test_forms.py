"""What a file is, whatever it is called."""

import pytest

from mailguard.extract import forms
from tests.extract.containers import zipped
from tests.extract.make_documents import DOCUMENTS

EXE = b"MZ\x90\x00" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("invoice.pdf", EXE, "a Windows program"),
        ("photo.jpg", EXE, "a Windows program"),
        ("offer.docx", b"%PDF-1.7\n", "a file of the form pdf"),
        ("offer.pdf", zipped({"a": b"b"}), "a ZIP archive"),
        ("offer.docx", zipped({"a": b"b"}), "a ZIP archive"),
        ("holiday.jpg", zipped({"a": b"b"}), "a ZIP archive"),
        ("setup.exe", EXE, ""),
        ("photo.jpg", PNG, ""),  # everybody's phone does this
        ("export.xls", b"<html><table><tr><td>1</td></tr></table></html>", ""),  # so do half of all web shops
        ("export.xls", b"a\tb\n1\t2\n", ""),
        ("letter.doc", b"{\\rtf1 Hello}", ""),
        ("plan.zip", zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), ""),
        ("drawing.vsdx", zipped({"[Content_Types].xml": b"", "visio/document.xml": b""}), ""),
        ("talk.key", zipped({"Index/Document.iwa": b""}), ""),
        ("program", EXE, ""),  # a name without an ending says nothing
        ("data.bin", EXE, ""),
        ("logo.svg", b"<?xml version='1.0'?><svg/>", ""),
        ("invite.ics", b"BEGIN:VCALENDAR\r\n", ""),
        (
            "notes.txt",
            b"MZ is how it begins, and it goes on as text of some length, just as anybody could write it.",
            "",
        ),
        ("offer.pdf", b"", ""),
        ("offer.pdf", bytes(5000), ""),
    ],
)
def test_a_name_is_believed_unless_the_bytes_say_something_else(name: str, data: bytes, said: str) -> None:
    assert forms.mismatch(name, forms.form(data, name)) == said


def test_no_document_of_libreoffice_is_said_to_be_something_else() -> None:
    for path in DOCUMENTS.iterdir():
        name = path.name.replace("-printed", "")
        assert forms.mismatch(name, forms.form(path.read_bytes(), name)) == "", path.name
