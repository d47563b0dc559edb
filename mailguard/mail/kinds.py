"""What a file is, by its name, its declared type and its first bytes: any of the three is enough.

Kinds: office, pdf, archive, executable, image, audio, video, text, calendar, signature, encrypted, other.
"""

import re
from collections.abc import Mapping

_BY_EXTENSION = {
    "office": "doc docx docm dot dotx dotm xls xlsx xlsm xlsb xlt xltx xltm ppt pptx pptm pps ppsx ppsm odt ods odp "
    "odg rtf vsd vsdx mpp pub one msg pages numbers key",
    "pdf": "pdf",
    "archive": "zip 7z rar tar gz tgz bz2 xz zst cab iso img arj lzh jar war ear",
    "executable": "exe dll msi msp com scr pif bat cmd ps1 psm1 vbs vbe js jse wsf wsh hta cpl lnk jar apk app deb rpm "
    "sh reg gadget appx msix dmg pkg",
    "image": "jpg jpeg png gif bmp tif tiff webp svg heic heif ico",
    "audio": "mp3 wav ogg m4a flac aac wma opus",
    "video": "mp4 mov avi mkv webm wmv m4v mpg mpeg",
    "text": "txt csv md log json xml html htm yaml yml eml",
    "calendar": "ics vcs",
    "signature": "p7s sig asc",
    "encrypted": "p7m pgp gpg age",
}
_EXTENSIONS = {
    extension: frozenset(kind for kind, names in _BY_EXTENSION.items() if extension in names.split())
    for names in _BY_EXTENSION.values()
    for extension in names.split()
}
_TYPES = (
    ("office", re.compile(r"application/(?:msword|rtf|vnd\.(?:ms-|openxml|oasis\.opendocument)|x-msaccess)|text/rtf")),
    ("pdf", re.compile(r"application/(?:x-)?pdf")),
    ("archive", re.compile(r"application/(?:x-)?(?:zip|gzip|tar|rar|7z|bzip|xz|vnd\.rar|java-archive|zip-compressed)")),
    ("executable", re.compile(r"application/(?:x-)?(?:ms-?dos|msdownload|dosexec|executable|msi|sh\b|javascript|bat)")),
    ("calendar", re.compile(r"text/calendar|application/ics")),
    ("signature", re.compile(r"application/(?:pgp-signature|(?:x-)?pkcs7-signature)")),
    ("encrypted", re.compile(r"application/pgp-encrypted")),
    ("text", re.compile(r"text/(?!calendar|rtf)|message/")),
    ("image", re.compile(r"image/")),
    ("audio", re.compile(r"audio/")),
    ("video", re.compile(r"video/")),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC = (
    (b"%PDF-", "pdf"),
    (_OLE, "office"),
    (b"{\\rtf", "office"),
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"#!/", "executable"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x1f\x8b\x08", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BEGIN:VCALENDAR", "calendar"),
    (b"-----BEGIN PGP MESSAGE-----", "encrypted"),
)
_ZIP = b"PK\x03\x04"
_ZIP_CENTRAL = b"PK\x01\x02"
_ZIP_OFFICE = re.compile(rb"\[Content_Types\]\.xml|_rels/\.rels|mimetypeapplication/vnd\.(?:oasis|sun)")
_PDF_START = 1024  # readers look for %PDF- this far (ISO 32000, Annex H)
_NEW_OFFICE = re.compile(r"\.(?:doc|xls|ppt)[xm]\Z", re.IGNORECASE)
_PDF_ENCRYPT = re.compile(rb"/Encrypt\b\s*(?:\d|<<)")


def of_extension(extension: str) -> frozenset[str]:
    """What a name with this extension (lower case, no dot) says it is; empty when that says nothing."""
    return _EXTENSIONS.get(extension, frozenset())


def of_type(content_type: str) -> frozenset[str]:
    """What a declared type says it is; empty when that says nothing."""
    return frozenset(kind for kind, pattern in _TYPES if pattern.match(content_type))


def kinds(name: str, content_type: str, first: bytes) -> frozenset[str]:
    """Never empty. `first` are the first decoded bytes, a few KB."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    found = set(of_extension(extension))
    found |= of_type(content_type)
    found |= _by_magic(first)
    if "office" in found and first.startswith(_ZIP) and extension != "zip":
        found.discard("archive")
    return frozenset(found or {"other"})


def encrypted(name: str, content_type: str, params: Mapping[str, str], first: bytes, last: bytes) -> bool:
    """Whether nobody without a key or password can read it."""
    if content_type in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return params.get("smime-type", "enveloped-data").lower() not in (
            "signed-data",
            "certs-only",
            "compressed-data",
        )
    if content_type == "application/pgp-encrypted" or first.lstrip().startswith(b"-----BEGIN PGP MESSAGE-----"):
        return True
    if first.startswith(_ZIP):
        return _zip_locked(first, last)
    if first.startswith(_OLE):  # Office wraps a document with a password into the old container
        return _NEW_OFFICE.search(name) is not None
    return first.find(b"%PDF-", 0, _PDF_START) >= 0 and bool(_PDF_ENCRYPT.search(first) or _PDF_ENCRYPT.search(last))


def _by_magic(first: bytes) -> set[str]:
    if first.startswith(_ZIP):
        return {"office"} if _ZIP_OFFICE.search(first) else {"archive"}
    found = {kind for magic, kind in _MAGIC if first.startswith(magic)}
    return found | {"pdf"} if first.find(b"%PDF-", 0, _PDF_START) >= 0 else found


def _zip_locked(first: bytes, last: bytes) -> bool:
    """Bit 0 of an entry's general purpose flag (APPNOTE §4.4.4), in the first entry or in the directory."""
    if first[6:7] and first[6] & 1:
        return True
    at = last.find(_ZIP_CENTRAL)
    while at >= 0:
        if last[at + 8 : at + 9] and last[at + 8] & 1:
            return True
        at = last.find(_ZIP_CENTRAL, at + 4)
    return False
