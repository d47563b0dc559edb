"""Make tests/extract/documents with LibreOffice: `python -m tests.extract.make_documents [FOLDER]`.

The files are committed, so that nobody needs LibreOffice to run the tests; where it is installed, a test makes them
anew.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.extract import sources

DOCUMENTS = Path(__file__).parent / "documents"
SOURCES = {"text.fodt": sources.TEXT, "sheets.fods": sources.SHEETS, "slides.fodp": sources.SLIDES}
TARGETS = {
    "text.fodt": ("odt", "docx", "doc", "rtf", "pdf", "html", "txt"),
    "sheets.fods": ("ods", "xlsx", "xls", "csv", "pdf", "html"),
    "slides.fodp": ("odp", "pptx", "ppt", "pdf"),
}
# Written by a macro, because the command line has no password
PASSWORD = {"text.fodt": ("odt", "writer8"), "sheets.fods": ("ods", "calc8"), "slides.fodp": ("odp", "impress8")}
ARCHIVES = {
    "lzma2.7z": [], "lzma.7z": ["-m0=lzma"], "bzip2.7z": ["-m0=bzip2"], "deflate.7z": ["-m0=deflate"],
    "copy.7z": ["-mx=0"], "delta.7z": ["-m0=delta", "-m1=lzma2"], "ppmd.7z": ["-m0=ppmd"], "single.7z": ["-ms=off"],
    "locked.7z": ["-psecret"], "locked-names.7z": ["-psecret", "-mhe=on"], "locked.zip": ["-psecret"],
}  # fmt: skip
_SECONDS = 300


def make(folder: Path) -> list[Path]:
    """Every file, by LibreOffice in a profile of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        here = Path(home)
        for name, text in SOURCES.items():
            (here / name).write_text(text, "utf-8")
            for target in TARGETS[name]:
                _convert(here, here / name, target, folder)
            made = folder / f"{Path(name).stem}.pdf"
            made.rename(folder / f"{Path(name).stem}-printed.pdf")
        _protected_pdf(here, folder)
        _protected(here, folder)
        _archives(here, folder)
    for picture in folder.glob("*.png"):
        picture.unlink()
    return sorted(folder.iterdir())


def _archives(home: Path, folder: Path) -> None:
    """With 7-Zip, each way of packing it has."""
    (home / "plantedfilename.txt").write_text("plantedtext " * 50)
    (home / "plantedsecond.csv").write_text("plantedcell;1\n" * 50)
    for name, options in ARCHIVES.items():
        made = folder / name
        made.unlink(missing_ok=True)
        files = ["plantedfilename.txt", "plantedsecond.csv"]
        subprocess.run(["7z", "a", "-bd", *options, str(made), *files], cwd=home, check=True, capture_output=True)


def _soffice(home: Path, *arguments: str) -> None:
    program = shutil.which("soffice")
    assert program is not None, "LibreOffice is not installed: tests/install-tools"
    command = [program, f"-env:UserInstallation=file://{home}/profile", "--headless", "--norestore", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


def _convert(home: Path, source: Path, target: str, folder: Path) -> None:
    _soffice(home, "--convert-to", target, "--outdir", str(folder), str(source))


def _protected_pdf(home: Path, folder: Path) -> None:
    options = '{"EncryptFile":{"type":"boolean","value":"true"},"DocumentOpenPassword":{"type":"string","value":"x"}}'
    _convert(home, home / "text.fodt", f"pdf:writer_pdf_Export:{options}", home)
    (home / "text.pdf").rename(folder / "locked.pdf")
    options = (
        '{"RestrictPermissions":{"type":"boolean","value":"true"},"PermissionPassword":{"type":"string","value":"x"}}'
    )
    _convert(home, home / "text.fodt", f"pdf:writer_pdf_Export:{options}", home)
    (home / "text.pdf").rename(folder / "restricted.pdf")


def _protected(home: Path, folder: Path) -> None:
    """With a password, by a Basic macro; and with a macro of its own."""
    lines = ["Sub Main"]
    for name, (target, chosen) in PASSWORD.items():
        lines.append(f'  Keep("file://{home}/{name}", "file://{folder}/locked.{target}", "{chosen}")')
    lines += [
        f'  Own("file://{home}/text.fodt", "file://{folder}/macro.odt")', "End Sub",
        "Sub Keep(source, target, filter)",
        "  Dim hidden(0) As New com.sun.star.beans.PropertyValue",
        '  hidden(0).Name = "Hidden" : hidden(0).Value = True',
        '  document = StarDesktop.loadComponentFromURL(source, "_blank", 0, hidden())',
        "  Dim how(1) As New com.sun.star.beans.PropertyValue",
        '  how(0).Name = "FilterName" : how(0).Value = filter',
        '  how(1).Name = "Password" : how(1).Value = "secret"',
        "  document.storeToURL(target, how())", "  document.close(True)", "End Sub",
        "Sub Own(source, target)",
        "  Dim hidden(0) As New com.sun.star.beans.PropertyValue",
        '  hidden(0).Name = "Hidden" : hidden(0).Value = True',
        '  document = StarDesktop.loadComponentFromURL(source, "_blank", 0, hidden())',
        '  document.BasicLibraries.createLibrary("Mine")',
        '  document.BasicLibraries.getByName("Mine").insertByName("M", "Sub M" & Chr(10) & "End Sub")',
        "  document.storeToURL(target, Array())", "  document.close(True)", "End Sub",
    ]  # fmt: skip
    basic = home / "profile" / "user" / "basic" / "Standard"
    basic.mkdir(parents=True, exist_ok=True)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    text = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;")
    (basic / "Module1.xba").write_text(
        f'{head}<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" '
        f'script:language="StarBasic">{text}</script:module>'
    )
    (basic / "script.xlb").write_text(
        f'{head}<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" '
        'library:readonly="false" library:passwordprotected="false">'
        '<library:element library:name="Module1"/></library:library>'
    )
    (basic.parent / "script.xlc").write_text(
        f'{head}<library:libraries xmlns:library="http://openoffice.org/2000/library" '
        'xmlns:xlink="http://www.w3.org/1999/xlink"><library:library library:name="Standard" '
        'xlink:href="$(USER)/basic/Standard/script.xlb/" xlink:type="simple" library:link="false"/></library:libraries>'
    )
    _soffice(home, "macro:///Standard.Module1.Main")


if __name__ == "__main__":
    for path in make(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS):
        print(path.name, path.stat().st_size)
