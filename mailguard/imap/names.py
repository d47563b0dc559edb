"""Names of folders on the wire: UTF-7 as IMAP changes it (RFC 3501 §5.1.3)."""

import re
from base64 import b64decode, b64encode

_OTHER = re.compile(r"[^\x20-\x7e]+")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")


def wired(name: str) -> str:
    return _OTHER.sub(_shift, name.replace("&", "&-"))


def shown(name: str) -> str:
    """As a person reads it; as it is where that can't be made out."""
    try:
        return _SHIFTED.sub(_unshift, name)
    except ValueError:
        return name


def quoted(name: str) -> str:
    """As an argument of a command."""
    if "\r" in name or "\n" in name or "\0" in name:
        raise ValueError("a name with a line end in it")
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shift(found: "re.Match[str]") -> str:
    return "&" + b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def _unshift(found: "re.Match[str]") -> str:
    letters = found[1].replace(",", "/")
    return b64decode(letters + "=" * (-len(letters) % 4)).decode("utf-16-be") if letters else "&"
