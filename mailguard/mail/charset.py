"""Bytes into text when the label may be missing, unknown or wrong."""

import codecs
import re
from functools import lru_cache

_ONE_BYTE = re.compile(r"iso8859-|cp125|cp437|cp85|koi8|mac-|latin")
# As browsers do: what calls itself ASCII or Latin-1 is read as windows-1252, which is a superset in practice.
_WESTERN = frozenset({"ascii", "iso8859-1"})
_BEYOND_ASCII = _WESTERN | {"", "utf-8", "cp1250", "cp1252", "iso8859-2", "iso8859-15"}  # the same as ASCII so far
_NOT_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LOOKED_AT = 1000
_SEVEN = re.compile(r"\+[A-Za-z0-9/]{5,400}-?")
_LATIN = re.compile(r"[ -~\u00a0-\u024f\u2010-\u2044\u20ac]+")
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_POLISH = re.compile("[ąćęłńśźżĄĆĘŁŃŚŹŻ]")
_POLISH_ONLY = re.compile("[\x00-\x7fąćęłńóśźżĄĆĘŁŃÓŚŹŻ„”“’‘–—…«»§°€\u00a0\u00ad]*")
_LEADS = re.compile("[ÃÂÅÄĂĹ][^\x00-\x7f]")
_TWICE = re.compile("(?!Ä[“”‘’])[ÃÂÅÄĂĹ][\u0080-\u00bf\u0100-\u02ff\u2010-\u2122](?![\u0080-\u00bf])")
_PRINTABLE = bytes((*range(ord(" "), 0x7F), *b"\r\n"))
_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " ")


def decode(data: bytes, charset: str = "") -> str:
    """Never raises. A cut-off last character is left out, not taken for a wrong charset."""
    if not charset and data.isascii() and b"\0" not in data and b"+" not in data:
        return data.decode("ascii")  # nearly every header
    text = _decoded(data, charset)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)  # UTF-7 can spell them; no store takes them


def mended(text: str) -> str:
    """For searching: UTF-8 that somebody read as a one-byte charset and wrote down so (“PoufnoÅ›Ä‡”) is read again."""
    return _TWICE.sub(lambda found: _once(found[0]), text) if _LEADS.search(text) else text


def _decoded(data: bytes, charset: str) -> str:
    if wide := _wide(data):
        return _replaced(data, wide)
    name = codec(charset)
    if data.isascii() and name != "utf-7" and b"+" in data:
        return _SEVEN.sub(_seven, _decoded_as(data, name))
    return _decoded_as(data, name)


def _decoded_as(data: bytes, name: str) -> str:
    if name in _BEYOND_ASCII and data.isascii():
        return data.decode("ascii")
    if name in ("", *_WESTERN):
        return _try(data, "utf-8") or _one_byte(data)
    if _ONE_BYTE.match(name) and not data.isascii() and (text := _try(data, "utf-8")):
        return text
    if name == "utf-8" and not _try(data, name) and _MULTIBYTE.search(data) is None:
        return _one_byte(data)
    return _try(data, name) or _try(data, "utf-8") or _replaced(data, name)


def _one_byte(data: bytes) -> str:
    """Western, unless every letter beyond ASCII is Polish in one of the charsets of Central Europe."""
    for name in ("cp1250", "iso8859-2"):
        text = _try(data, name)
        if _POLISH_ONLY.fullmatch(text) and _POLISH.search(text):
            return text
    return _try(data, "cp1252") or data.decode("latin-1")


def _wide(data: bytes) -> str:
    """UTF-16 without a mark in front, told by the zero bytes of its ASCII letters; '' when it is not."""
    first = data[:_LOOKED_AT]
    if b"\0" not in first or data[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE):
        return ""
    pairs = max(1, len(first) // 2)
    high, low = first[::2].count(0), first[1::2].count(0)
    if max(high, low) < pairs * 0.6 or min(high, low) > pairs * 0.1:
        return ""
    return "utf-16-be" if high > low else "utf-16-le"


def _seven(found: re.Match[str]) -> str:
    """A shift sequence of UTF-7 nobody declared, where it makes Latin letters: hardly anything else does."""
    text = _try(found[0].encode("ascii"), "utf-7")
    return text if _LATIN.fullmatch(text) else found[0]


def _once(text: str) -> str:
    for name in ("cp1252", "cp1250"):
        try:
            read = text.encode(name).decode("utf-8")
        except UnicodeError:
            continue
        if _LATIN.fullmatch(read):
            return read
    return text


def clean(text: str) -> str:
    """One line without C0, C1, DEL, line separators and surrogates; white space among them becomes a space."""
    return text if text.isprintable() else _CONTROL.sub("", text.translate(_SPACES))


def tidy(text: str) -> bool:
    """Whether no line of it has anything for `clean`, which is so of most text: one look at all of it."""
    if text.isascii():
        return not text.encode("ascii").translate(None, _PRINTABLE)
    return "".join(text.splitlines()).isprintable()


def codec(charset: str) -> str:
    """The codec's own name, '' when there is none that makes text."""
    return _codec(charset.strip().strip("'\"")[:40])


@lru_cache(maxsize=512)  # Python remembers only those that it finds, and goes on looking for others in its files
def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name.replace("_", "-")
        "".encode(name)  # binary codecs (hex, zlib) refuse
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if name in _NOT_TEXT else name


def _try(data: bytes, name: str) -> str:
    """The text, or '' when `data` is something else."""
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(data)
    except (UnicodeError, ValueError):
        return ""


def _replaced(data: bytes, name: str) -> str:
    try:
        return data.decode(name, "replace")
    except (UnicodeError, ValueError):  # a few codecs know no "replace"
        return data.decode("latin-1")
