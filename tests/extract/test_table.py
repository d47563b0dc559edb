"""What is hidden in real documents is found; `python -m tests.extract` prints the same as a table."""

import shutil
from pathlib import Path

import pytest

from mailguard.extract import dispatch, forms
from tests import tools
from tests.extract import containers
from tests.extract.make_documents import ARCHIVES, DOCUMENTS, make
from tests.extract.table import rows, words

# A footnote's text sticks to its number in LibreOffice's HTML: "1plantedfootnote" is one word to every reader
MISSED = {("text.html", "footnote"), ("text.html", "endnote")}


def test_every_word_that_is_in_a_file_is_found() -> None:
    found = list(rows())
    assert {(row.name, word) for row in found for word in row.missed} == MISSED
    assert sum(len(row.found) for row in found) > 240


@pytest.mark.slow
def test_libreoffice_makes_the_same_documents_today(tmp_path: Path) -> None:
    if shutil.which("soffice") is None or shutil.which("7z") is None:
        pytest.fail("LibreOffice or 7z is missing") if tools.required() else pytest.skip("no LibreOffice or 7z here")
    made = make(tmp_path)
    assert [path.name for path in made] == [path.name for path in sorted(DOCUMENTS.iterdir())]
    assert {(row.name, word) for row in rows(tmp_path) for word in row.missed} == MISSED


@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_a_7z_gives_its_names_and_what_python_can_unpack(name: str) -> None:
    files, text = words(name, (DOCUMENTS / name).read_bytes())
    assert [file.path for file in files[1:]] in ([], ["plantedfilename.txt", "plantedsecond.csv"])
    assert (len(files) == 1) is (name == "locked-names.7z")
    assert ("plantedcell;1" in text) is not name.startswith(("locked", "ppmd"))
    assert files[0].encrypted is name.startswith("locked")
    assert not any(file.unreadable for file in files)


@pytest.mark.parametrize("name", ["locked.odt", "locked.ods", "locked.odp", "locked.pdf", "locked.docx", "locked.p7m"])
def test_what_has_a_password_is_encrypted_and_not_unreadable(name: str) -> None:
    path = DOCUMENTS / name
    files, text = words(name, path.read_bytes() if path.exists() else containers.LOCKED[name]())
    assert (files[0].encrypted, files[0].unreadable, "planted" in text) == (True, "", False)


def test_a_pdf_that_only_forbids_printing_is_open() -> None:
    files, text = words("restricted.pdf", (DOCUMENTS / "restricted.pdf").read_bytes())
    assert not files[0].encrypted
    assert "plantedbody" in text


def test_macros_are_told_from_documents_without() -> None:
    assert words("macro.odt", (DOCUMENTS / "macro.odt").read_bytes())[0][0].macros
    assert not words("text.odt", (DOCUMENTS / "text.odt").read_bytes())[0][0].macros
    workbook = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", "xl/vbaProject.bin": b"x"}
    assert words("a.xlsm", containers.zipped(workbook))[0][0].macros


def test_every_form_that_can_be_read_has_its_reader() -> None:
    assert set(dispatch.READERS) == forms.READABLE
