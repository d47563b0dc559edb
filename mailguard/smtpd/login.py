"""The AUTH dialogue (RFC 4954): PLAIN (RFC 4616) and LOGIN, OAUTHBEARER (RFC 7628) and XOAUTH2 (Google, Microsoft)."""

import binascii
import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from mailguard.errors import PermanentFailure

AUTH_LINE = 12288  # octets, RFC 4954 §4; the longest token is what fits into it
PASSWORDS = ("PLAIN", "LOGIN")
TOKENS = ("OAUTHBEARER", "XOAUTH2")
_CREDENTIAL = 1024  # octets of a name or password that are looked at
_TOKEN = rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]*=*)"  # RFC 6750 §2.1
_OAUTHBEARER = re.compile(rb"[ny],(?:a=([^,\x01]*))?,\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01")  # RFC 7628 §3.1
_XOAUTH2 = re.compile(rb"user=([^\x01]*)\x01auth=" + _TOKEN + rb"\x01\x01")

Ask = Callable[[bytes], Awaitable[bytes]]
"""Send a 334 with this challenge, return the client's line without CR LF."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows: a name and its password, or a token and (it may be '') whose it says that is."""

    mechanism: str
    name: str
    secret: str = field(repr=False)


async def credentials(argument: str, ask: Ask, offered: Collection[str]) -> Credentials:
    """What follows AUTH: `PLAIN [initial]` and so on.

    PermanentFailure: 501 5.5.2 for broken base64 or syntax, 501 5.7.0 when the client cancels with `*`,
    504 5.5.4 for another mechanism.
    """
    word, _, initial = argument.partition(" ")
    mechanism = word.upper()
    if mechanism not in offered:
        raise PermanentFailure(f"use one of {' '.join(offered)}", code=504, enhanced="5.5.4")
    first = initial.strip().encode("ascii", "replace") or None
    if mechanism == "LOGIN":
        name = _decode(first if first is not None else await ask(b64encode(b"Username:")))
        return Credentials(mechanism, _text(name), _text(_decode(await ask(b64encode(b"Password:")))))
    response = _decode(first if first is not None else await ask(b""))
    read = {"PLAIN": _plain, "OAUTHBEARER": _oauthbearer, "XOAUTH2": _xoauth2}[mechanism]
    return Credentials(mechanism, *read(response))


def refusal(mechanism: str, configuration: str, scope: str | None) -> bytes:
    """The challenge that tells a client why its token is not taken (RFC 7628 §3.2.2); it answers with nothing."""
    said = {"status": "invalid_token", "openid-configuration": configuration}
    if mechanism == "XOAUTH2":
        said = {"status": "401", "schemes": "bearer"}
    return b64encode(json.dumps(said | ({"scope": scope} if scope else {})).encode())


def _plain(response: bytes) -> tuple[str, str]:
    """[authorize-as] NUL name NUL password; acting for somebody else is not offered."""
    parts = response.split(b"\0")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 4616 §2
        raise _syntax("PLAIN is [identity] NUL name NUL password")
    identity, name, password = (_text(part) for part in parts)
    if identity not in ("", name):
        raise PermanentFailure("acting for another user is not offered", code=535, enhanced="5.7.8")
    return name, password


def _oauthbearer(response: bytes) -> tuple[str, str]:
    """Where the client thinks it is (host, port) is not asked: TLS has told it."""
    found = _OAUTHBEARER.fullmatch(response)
    said = [pair[5:] for pair in found[2].split(b"\x01") if pair.lower().startswith(b"auth=")] if found else []
    # Nothing at all is how a client asks where tokens are to be had (RFC 7628 §4.3).
    token = re.fullmatch(_TOKEN, said[0] or b"Bearer ") if len(said) == 1 else None
    if found is None or token is None:
        raise _syntax("OAUTHBEARER is n,a=NAME, ^A auth=Bearer TOKEN ^A ^A (RFC 7628)")
    name = _text(found[1] or b"").replace("=2C", ",").replace("=3D", "=")
    return name, token[1].decode()


def _xoauth2(response: bytes) -> tuple[str, str]:
    found = _XOAUTH2.fullmatch(response)
    if found is None:
        raise _syntax("XOAUTH2 is user=NAME ^A auth=Bearer TOKEN ^A ^A")
    return _text(found[1]), found[2].decode()


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
