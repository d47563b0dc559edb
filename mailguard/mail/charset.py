"""Bytes into text when the label may be missing, unknown or wrong."""

import codecs
import re

_ONE_BYTE = re.compile(r"iso8859-|cp125|cp437|cp85|koi8|mac-|latin")
# As browsers do: what calls itself ASCII or Latin-1 is read as windows-1252, which is a superset in practice.
_WESTERN = frozenset({"ascii", "iso8859-1"})
_NOT_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " ")


def decode(data: bytes, charset: str = "") -> str:
    """Never raises. A cut-off last character is left out, not taken for a wrong charset."""
    return _SURROGATE.sub("\ufffd", _decoded(data, charset))  # UTF-7 can spell them; no store takes them


def _decoded(data: bytes, charset: str) -> str:
    name = _codec(charset)
    if name in ("", *_WESTERN):
        return _try(data, "utf-8") or _try(data, "cp1252") or data.decode("latin-1")
    if _ONE_BYTE.match(name) and not data.isascii() and (text := _try(data, "utf-8")):
        return text
    return _try(data, name) or _try(data, "utf-8") or _replaced(data, name)


def clean(text: str) -> str:
    """One line without C0, C1, DEL, line separators and surrogates; white space among them becomes a space."""
    return _CONTROL.sub("", text.translate(_SPACES)) if _CONTROL.search(text) else text


def _codec(charset: str) -> str:
    """The codec's own name, '' when there is none that makes text."""
    try:
        name = codecs.lookup(charset.strip().strip("'\"")[:40]).name.replace("_", "-")
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
