"""The AUTH dialogue: PLAIN (RFC 4616) and LOGIN, with or without an initial response (RFC 4954)."""

import binascii
from base64 import b64encode
from collections.abc import Awaitable, Callable

from mailguard.errors import PermanentFailure

AUTH_LINE = 12288  # octets, RFC 4954 §4
MECHANISMS = "PLAIN LOGIN"
_CREDENTIAL = 1024  # octets of a name or password that are looked at

Ask = Callable[[bytes], Awaitable[bytes]]
"""Send a 334 with this challenge, return the client's line without CR LF."""


async def credentials(argument: str, ask: Ask) -> tuple[str, str]:
    """Name and password from `PLAIN [initial]` or `LOGIN [initial]`.

    PermanentFailure: 501 5.5.2 for broken base64, 501 5.7.0 when the client cancels with `*`,
    504 5.5.4 for another mechanism.
    """
    mechanism, _, initial = argument.partition(" ")
    first = initial.strip().encode("ascii", "replace") or None
    if mechanism.upper() == "PLAIN":
        return _plain(_decode(first if first is not None else await ask(b"")))
    if mechanism.upper() == "LOGIN":
        name = _decode(first if first is not None else await ask(b64encode(b"Username:")))
        return _text(name), _text(_decode(await ask(b64encode(b"Password:"))))
    raise PermanentFailure(f"use one of {MECHANISMS}", code=504, enhanced="5.5.4")


def _plain(response: bytes) -> tuple[str, str]:
    """[authorize-as] NUL name NUL password; acting for somebody else is not offered."""
    parts = response.split(b"\0")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 4616 §2
        raise _syntax("PLAIN is [identity] NUL name NUL password")
    identity, name, password = (_text(part) for part in parts)
    if identity not in ("", name):
        raise PermanentFailure("acting for another user is not offered", code=535, enhanced="5.7.8")
    return name, password


def _decode(line: bytes) -> bytes:
    if line == b"*":
        raise PermanentFailure("login cancelled", code=501, enhanced="5.7.0")
    if line == b"=":
        return b""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise _syntax("that is not base64") from None


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise _syntax("names and passwords are UTF-8") from None
    if len(value) > _CREDENTIAL or "\0" in text:
        raise _syntax(f"names and passwords have at most {_CREDENTIAL} octets and no NUL")
    return text


def _syntax(why: str) -> PermanentFailure:
    return PermanentFailure(why, code=501, enhanced="5.5.2")
