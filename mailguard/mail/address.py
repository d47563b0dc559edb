"""Addresses of the envelope: our own RFC 5321 path parser, and the one normal form addresses are compared in.

Nothing is ever decoded here: an RFC 2047 word in a path is just its letters (a decoding parser turned
`=?utf-8?q?x=0d=0a...?=` into a real CR LF inside an address).
"""

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import idna

from mailguard.errors import PermanentFailure

LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1
DOMAIN_OCTETS = 255
PATH_OCTETS = 256  # with the angle brackets

_ATEXT = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_DOT_STRING = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff]++(?:\.[{_ATEXT}\u0080-\U0010ffff]++)*+")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*+"')
_LABEL = re.compile(r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?")
_ROUTE = re.compile(r"@[^@:,<>\s]+(?:,@[^@:,<>\s]+)*+:")
_UNSEEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp", "Zs", "Co"})
_JOINERS = "\u200c\u200d"  # parts of ordinary words in Persian and Indic scripts


def key(address: str) -> str:
    """The one form for comparing: lower-case unquoted local part, A-label lower-case domain. '' stays ''.

    Total: something that is no address at all comes back in lower case.
    """
    return _known_key(address) if len(address) <= PATH_OCTETS else _key(address)


def _key(address: str) -> str:
    local, at, host = address.rpartition("@")
    if not at:
        return _same(host)
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        plain = re.sub(r"\\(.)", r"\1", local[1:-1])
        local = plain if _DOT_STRING.fullmatch(plain) else local
    return f"{_same(local)}@{a_label(host)}"


_known_key = lru_cache(maxsize=4096)(_key)  # a mail's few addresses are compared some thirty times on its way


def domain(address: str) -> str:
    """The domain as a lower-case A-label; '' for the null sender."""
    _, at, host = address.rpartition("@")
    return a_label(host) if at else ""


def within(domain: str, pattern: str) -> bool:
    """`corp.example` is exactly that domain; `*.corp.example` its sub-domains only, never `notcorp.example`."""
    host = a_label(domain)
    if pattern.startswith("*."):
        return host.endswith("." + a_label(pattern[2:]))
    return host != "" and host == a_label(pattern)


def a_label(host: str) -> str:
    """A domain as DNS knows it (RFC 5890); what IDNA cannot encode comes back casefolded."""
    host = host.removesuffix(".")
    if host.isascii() or len(host) > DOMAIN_OCTETS:
        return host.lower()
    try:
        # IDNA 2008 as registries use it: straße and strasse are two domains (the codec of Python takes them for one)
        return idna.encode(host, uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError:
        return host.casefold()


def parse_path(text: str, *, smtputf8: bool = False, postmaster: str = "") -> tuple[str, str]:
    """`<a@b> SIZE=3` → ('a@b', 'SIZE=3'); `<>` → ''. Source routes are dropped (RFC 5321 §4.1.1.3).

    `postmaster` is the domain that completes a bare `<postmaster>` (§4.5.1); without one it is refused.
    PermanentFailure: 501 5.1.3, or 553 5.6.7 when the address needs SMTPUTF8.
    """
    text = text.strip(" ")
    if not text.startswith("<"):
        raise _refuse("write the address in angle brackets, like <user@domain>")
    end = _closing(text)
    path, rest = text[1:end], text[end + 1 :]
    if len(path.encode("utf-8", "replace")) + 2 > PATH_OCTETS:
        raise _refuse(f"the address is longer than {PATH_OCTETS} octets")
    if route := _ROUTE.match(path):
        path = path[route.end() :]
        if not path:
            raise _refuse("there is a route but no address in it: write <user@domain>")
    if postmaster and path.lower() == "postmaster":
        path = f"{path}@{postmaster}"
    address = check(path, smtputf8=smtputf8) if path else ""
    if rest and not rest.startswith(" "):
        raise _refuse("put a space between <user@domain> and its parameters")
    return address, rest.strip(" ")


def check(address: str, *, smtputf8: bool = False) -> str:
    """A bare address, returned as it was written; PermanentFailure as `parse_path`."""
    _check_characters(address, smtputf8)
    found = (_QUOTED if address.startswith('"') else _DOT_STRING).match(address)
    if found is None:
        raise _refuse("the part before the @ is missing or not well-formed: write user@domain")
    local, rest = found[0], address[found.end() :]
    if not rest.startswith("@"):
        raise _refuse(f"after the user name comes @domain, not {rest[:20]!r}" if rest else "there is no @domain in it")
    if len(local.encode()) > LOCAL_OCTETS:
        raise _refuse(f"the part before the @ is longer than {LOCAL_OCTETS} octets")
    _check_domain(rest[1:])
    return address


def _closing(text: str) -> int:
    """Where the path's `>` is, not counting those inside a quoted local part."""
    quoted = escaped = False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ">" and not quoted:
            return at
    raise _refuse("the address has no closing >: write <user@domain>")


def _check_characters(address: str, smtputf8: bool) -> None:
    if len(address) + 2 > PATH_OCTETS or len(address.encode("utf-8", "replace")) + 2 > PATH_OCTETS:
        raise _refuse(f"the address is longer than {PATH_OCTETS} octets")
    if address.isascii():
        if any(c < " " or c == "\x7f" for c in address):
            raise _refuse("there is a control character in the address")
        return
    if any(unicodedata.category(c) == "Cs" for c in address):
        raise _refuse("the address is not valid UTF-8")
    if any(unicodedata.category(c) in _UNSEEN and c not in _JOINERS for c in address if c > "~" or c < " "):
        raise _refuse("there is an invisible or control character in the address")
    if not smtputf8:
        raise PermanentFailure(
            "the address is not ASCII: the client must say SMTPUTF8 after MAIL FROM",
            code=553,
            enhanced="5.6.7",
        )


def _check_domain(host: str) -> None:
    if host.startswith("["):
        _check_literal(host)
        return
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _refuse(f"{host[:60]!r} is not a domain name" if host else "the domain after the @ is missing")
    encoded = a_label(host)
    if not encoded.isascii() or not all(0 < len(label) < 64 for label in encoded.split(".")):  # noqa: PLR2004 - RFC 1035 §2.3.4
        raise _refuse(f"{host[:60]!r} is not a domain name that DNS can hold")
    if len(encoded) > DOMAIN_OCTETS:
        raise _refuse(f"the domain is longer than {DOMAIN_OCTETS} octets")


def _check_literal(host: str) -> None:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3)."""
    inner = host[1:-1] if host.endswith("]") else ""
    try:
        if inner[:5].lower() == "ipv6:":
            IPv6Address(inner[5:])
            if "%" not in inner:
                return
        else:
            IPv4Address(inner)
            return
    except ValueError:
        pass
    raise _refuse("an address literal is written [192.0.2.1] or [IPv6:2001:db8::1]")


def _same(local: str) -> str:
    """Lower case and one spelling of accents, but never two letters for one: ß is not ss."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())


def _refuse(why: str) -> PermanentFailure:
    return PermanentFailure(f"bad address: {why}", code=501, enhanced="5.1.3")
