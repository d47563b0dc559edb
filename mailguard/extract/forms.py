"""What a file's bytes are, and whether its name says so."""

import io
import re
import zipfile

from mailguard.locale import saying
from mailguard.mail import kinds

_PDF_START = 1024
_TEXT_LOOKED_AT = 4096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST = (
    (b"{\\rtf", "rtf"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x1f\x8b\x08", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"MSCF", "cab"),
    (b"\x7fELF", "elf"),
    (b"\xcf\xfa\xed\xfe", "macho"),
    (b"\xca\xfe\xba\xbe", "macho"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x78\x9f\x3e\x22", "tnef"),
    (b"BEGIN:VCALENDAR", "ics"),
    (b"#!/", "script"),
    (b"-----BEGIN PGP MESSAGE-----", "pgp"),
)
_KINDS = {
    "office": "ole docx xlsx pptx odt ods odp odf rtf ooxml",
    "pdf": "pdf",
    "archive": "zip 7z rar gz bz2 xz zst cab tar",
    "executable": "exe elf macho script",
    "image": "png jpeg gif tiff",
    "text": "html text eml xml",
    "calendar": "ics",
    "encrypted": "pgp",
    "other": "tnef smime msg",
}
READABLE = frozenset({
    "docx", "xlsx", "pptx", "ooxml", "odt", "ods", "odp", "odf", "rtf", "pdf", "ole", "tnef", "eml", "smime",
    "text", "html", "xml", "ics", "script", "zip", "tar", "gz", "bz2", "xz", "7z",
})  # fmt: skip
KIND = {form: kind for kind, forms in _KINDS.items() for form in forms.split()}
_PROGRAMS = frozenset({"exe", "elf", "macho"})
_SAID = {
    "exe": saying("a Windows program"), "elf": saying("a program"), "macho": saying("a program"),
    "script": saying("a script"), "ole": saying("an Office file"), "zip": saying("a ZIP archive"),
    "gz": saying("a gzip archive"), "text": saying("plain text"), "html": saying("a web page"),
    "eml": saying("a mail"), "ics": saying("a calendar file"), "png": saying("an image"), "jpeg": saying("an image"),
    "gif": saying("an image"), "tiff": saying("an image"),
}  # fmt: skip
# What names of one kind may hold without anybody having meant to hide it: exports called .xls that are HTML or CSV, …
_TOLERATED = {
    "office": {"text", "calendar"},
    "archive": {"office"},
    "text": {"calendar", "executable"},
    "image": {"text"},
    "calendar": {"text"},
    "signature": {"text", "other"},
    "encrypted": {"text", "other"},
    "audio": {"video"},
    "video": {"audio"},
}
# Packages of their own making, that nobody takes for a document or archive of the usual form
_ZIP_TOO = re.compile(
    r"\.(?:pages|numbers|key|one|vsdx|epub|jar|apk|xps|kmz|sketch|idml|xpi|whl|odg|dotx|xlsb|pub|msix|appx)\Z"
)
_ODF = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_MAIL_HEAD = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,40}:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){3}")
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|div|p|meta)\b", re.I | re.S)
_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")


def form(data: bytes, name: str = "", content_type: str = "") -> str:
    """The form of these bytes; the name and the declared type help only where bytes of text look alike."""
    first = data[:_TEXT_LOOKED_AT]
    if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(data)
    if first.startswith(_OLE):
        return "ole"
    if first.startswith(b"MZ") and len(data) > 64 and b"\0" in first:  # noqa: PLR2004 - the size of its first header
        return "exe"
    found = next((name for magic, name in _FIRST if first.startswith(magic)), "")
    if found:
        return found
    if data.find(b"%PDF-", 0, _PDF_START) >= 0:
        return "pdf"
    if data[257:262] == b"ustar":
        return "tar"
    if content_type in _SMIME or name.lower().endswith((".p7m", ".p7s")):
        return "smime"
    return _written(first, name, content_type)


def mismatch(name: str, found: str) -> str:
    """What it is, in words, where its name says something else; '' where it fits, or nobody can say."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    claimed = kinds.of_extension(extension)
    kind = KIND.get(found, "other")
    if not claimed or kind in claimed or (kind == "other" and found != "exe"):
        return ""
    if "executable" in claimed:
        return ""
    if found not in _PROGRAMS:
        if any(kind in _TOLERATED.get(each, ()) for each in claimed):
            return ""
        if found == "zip" and _ZIP_TOO.search(name.lower()):
            return ""
    return _SAID.get(found) or saying("a file of the form {form}", form=found)


def _packed(data: bytes) -> str:
    """By the names inside: these are what makes it open as a document."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names[:1] and archive.getinfo("mimetype").file_size < 200:  # noqa: PLR2004
                said = archive.read("mimetype").decode("ascii", "replace")
                if "opendocument" in said:
                    return next(
                        (short for word, short in _ODF.items() if said.endswith((word, f"{word}-template"))), "odf"
                    )
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
        return "zip"
    if "[Content_Types].xml" in names:
        tops = {name.partition("/")[0] for name in names}
        return next(
            (short for top, short in (("word", "docx"), ("xl", "xlsx"), ("ppt", "pptx")) if top in tops), "ooxml"
        )
    return "odf" if "META-INF/manifest.xml" in names and "content.xml" in names else "zip"


def _written(first: bytes, name: str, content_type: str) -> str:
    if content_type in ("message/rfc822", "message/global") or name.lower().endswith(".eml"):
        return "eml"
    if first.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return "html" if _HTML.match(first.replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf")) else "text"
    if not first or b"\0" in first or _strange(first):
        return ""
    if _HTML.match(first):
        return "html"
    if first.lstrip().startswith(b"<?xml"):
        return "xml"
    return "eml" if _MAIL_HEAD.match(first) and re.search(rb"(?im)^(?:from|received|message-id):", first) else "text"


def _strange(first: bytes) -> bool:
    """Whether more than a few bytes are controls that no text has."""
    return sum(byte < 32 and byte not in b"\t\n\r\f\v\x1b" for byte in first) * 50 > len(first)  # noqa: PLR2004
