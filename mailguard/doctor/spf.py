"""Whether an SPF record lets an address send for a domain: check_host() of RFC 7208 §4, without its explanations."""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar
from urllib.parse import quote

from mailguard.courier.lookup import Lookup
from mailguard.errors import PermanentFailure, TemporaryFailure

MOST_LOOKUPS = 10  # RFC 7208 §4.6.4
_MOST_VOID = 2  # answers without records
_MOST_NAMES = 10  # of one mx or ptr
_LONGEST_NAME = 253
_LONGEST_LABEL = 63
_LONGEST_TERM = 512  # characters: no name is as long, and longer ones keep regular expressions busy
_FOUR = 4  # IP version

_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d*)(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_LITERAL = r"[!-$&-~]"
_EXPAND = r"%\{[slodiphv](?:[1-9]\d*)?r?[.\-+,/_=]*\}"
_SPEC = rf"(?:{_LITERAL}|{_EXPAND}|%[%_-])*?"
_TOP = r"\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?"
_DOMAIN = rf"(?P<domain>{_SPEC}(?:{_TOP}|{_EXPAND}))"
_BITS4, _BITS6 = r"(?P<four>0|[1-9]\d?)", r"(?P<six>0|[1-9]\d{0,2})"
_BITS = rf"(?:/{_BITS4})?(?://{_BITS6})?"
_MECHANISMS = {
    "all": "",
    "include": rf":{_DOMAIN}",
    "a": rf"(?::{_DOMAIN})?{_BITS}",
    "mx": rf"(?::{_DOMAIN})?{_BITS}",
    "ptr": rf"(?::{_DOMAIN})?",
    "ip4": rf":(?P<address>[0-9.]+)(?:/{_BITS4})?",
    "ip6": rf":(?P<address>[0-9a-f:.]+)(?:/{_BITS6})?",
    "exists": rf":{_DOMAIN}",
}
_SHAPES = {name: re.compile(rest, re.IGNORECASE | re.ASCII) for name, rest in _MECHANISMS.items()}
_DIRECTIVE = re.compile(r"([+?~-]?)([a-z][a-z0-9]*)(.*)", re.IGNORECASE | re.ASCII)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE | re.ASCII)
_ANY_VALUE = re.compile(rf"(?:{_LITERAL}|%\{{[slodiphcrtv]\d*r?[.\-+,/_=]*\}}|%[%_-])*", re.IGNORECASE | re.ASCII)
_TARGET = re.compile(_DOMAIN, re.IGNORECASE | re.ASCII)


class Spf(StrEnum):
    """What a receiver concludes (RFC 7208 §2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIED = {"": Spf.PASS, "+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Judged:
    """The conclusion; `why` says what is wrong with the record, `lookups` how many DNS look-ups it took."""

    result: Spf
    why: str = ""
    lookups: int = 0


class _Wrong(Exception):
    """The record can't be used: permerror."""


@dataclass(frozen=True, slots=True)
class _Term:
    verdict: Spf
    name: str
    domain: str | None
    address: str | None
    four: int
    six: int


async def judge(lookup: Lookup, address: str, domain: str, *, sender: str, helo: str) -> Judged:
    """What a receiver would make of a mail from `sender` that comes from this address. Raises nothing."""
    ip = ipaddress.ip_address(address)
    check = _Check(lookup, (ip.ipv4_mapped if isinstance(ip, IPv6Address) else None) or ip, sender, helo)
    try:
        result, why = await check.host(domain), ""
    except _Wrong as error:
        result, why = Spf.PERMERROR, str(error)
    except TemporaryFailure as error:
        result, why = Spf.TEMPERROR, str(error)
    return Judged(result, why, check.lookups)


async def record(lookup: Lookup, domain: str) -> str | None:
    """The SPF record of a domain; None: it has none. Raises TemporaryFailure; ValueError when there are several."""
    try:
        texts = await lookup.texts(domain) or []
    except PermanentFailure:
        return None
    found = [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
    if len(found) > 1:
        raise ValueError(f"{domain} has {len(found)} SPF records: only one may be there")
    return found[0] if found else None


class _Check:
    """One check_host() with what it has used of its limits."""

    MATCHERS: ClassVar[dict[str, Callable[["_Check", _Term, str], Awaitable[bool]]]]

    def __init__(self, lookup: Lookup, address: IPv4Address | IPv6Address, sender: str, helo: str) -> None:
        self._lookup, self._address, self._helo = lookup, address, helo
        self._local, _, self._sender_domain = sender.rpartition("@")
        self._local = self._local or "postmaster"
        self.lookups = self._void = 0

    async def host(self, domain: str) -> Spf:
        if not _is_name(domain):
            return Spf.NONE
        try:
            text = await record(self._lookup, domain)
        except ValueError as error:
            raise _Wrong(str(error)) from None
        if text is None:
            return Spf.NONE
        terms, redirect = _parse(text, domain)
        for term in terms:
            if await self.MATCHERS[term.name](self, term, domain):
                return term.verdict
        if redirect is None:
            return Spf.NEUTRAL
        self._count()
        target = await self._expand(redirect, domain)
        result = await self.host(target)
        if result is Spf.NONE:
            raise _Wrong(f"redirect={redirect} leads to no SPF record")
        return result

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Wrong(f"it takes more than {MOST_LOOKUPS} DNS look-ups")

    def _is_void(self) -> None:
        self._void += 1
        if self._void > _MOST_VOID:
            raise _Wrong(f"more than {_MOST_VOID} of its names have no records")

    async def _all(self, _: _Term, __: str) -> bool:
        return True

    async def _include(self, term: _Term, domain: str) -> bool:
        self._count()
        target = await self._target(term, domain)
        result = await self.host(target)
        if result is Spf.NONE:
            raise _Wrong(f"include:{target} leads to no SPF record")
        return result is Spf.PASS

    async def _ip(self, term: _Term, _: str) -> bool:
        return self._within([str(term.address)], term)

    async def _a(self, term: _Term, domain: str) -> bool:
        self._count()
        return self._within(await self._addresses(await self._target(term, domain)), term)

    async def _mx(self, term: _Term, domain: str) -> bool:
        self._count()
        target = await self._target(term, domain)
        try:
            found = await self._lookup.exchangers(target)
        except PermanentFailure:
            found = None
        names = [one.name for one in found[0] if one.name] if found else []
        if not names:
            self._is_void()
        if len(names) > _MOST_NAMES:
            raise _Wrong(f"{target} has more than {_MOST_NAMES} mail servers")
        for name in names:
            if self._within(await self._addresses(name), term):
                return True
        return False

    async def _ptr(self, term: _Term, domain: str) -> bool:
        self._count()
        target = (await self._target(term, domain)).lower()
        names = await self._validated()
        return any(name == target or name.endswith(f".{target}") for name in names)

    async def _exists(self, term: _Term, domain: str) -> bool:
        self._count()
        return bool(await self._addresses(await self._target(term, domain), "A"))

    async def _target(self, term: _Term, domain: str) -> str:
        return await self._expand(term.domain, domain) if term.domain else domain

    async def _addresses(self, name: str, kind: str = "") -> list[str]:
        kind = kind or ("A" if self._address.version == _FOUR else "AAAA")
        ((found, _),) = await self._lookup.addresses(name, (kind,)) if _is_name(name, 1) else [([], False)]
        if not found:
            self._is_void()
        return found

    def _within(self, addresses: list[str], term: _Term) -> bool:
        bits = term.four if self._address.version == _FOUR else term.six
        networks = (
            ipaddress.ip_network(f"{one}/{bits}", strict=False)
            for one in addresses
            if _version(one) == self._address.version
        )
        return any(self._address in network for network in networks)

    async def _validated(self) -> list[str]:
        """Names of the address that lead back to it (RFC 7208 §5.5); DNS trouble means there is none."""
        kind = "A" if self._address.version == _FOUR else "AAAA"
        found = []
        try:
            names = (await self._lookup.names_of(str(self._address)))[:_MOST_NAMES]
        except TemporaryFailure:
            return []
        for name in names:
            try:
                ((addresses, _),) = await self._lookup.addresses(name, (kind,))
            except TemporaryFailure:
                continue
            if str(self._address) in {str(ipaddress.ip_address(one)) for one in addresses}:
                found.append(name.lower())
        return found

    async def _expand(self, spec: str, domain: str) -> str:
        """Macros replaced (RFC 7208 §7); a name that gets too long loses labels on the left."""
        out, at = [], 0
        for found in _MACRO.finditer(spec):
            out.append(spec[at : found.start()])
            at = found.end()
            if found[5]:
                out.append({"%": "%", "_": " ", "-": "%20"}[found[5]])
            else:
                value = _transformed(await self._value(found[1].lower(), domain), found[2], found[3], found[4])
                out.append(quote(value, safe="") if found[1].isupper() else value)
        name = ("".join(out) + spec[at:]).removesuffix(".")
        while len(name) > _LONGEST_NAME and "." in name:
            name = name.partition(".")[2]
        return name

    async def _value(self, letter: str, domain: str) -> str:
        if letter == "p":
            names = await self._validated()
            exact = [name for name in names if name == domain.lower()]
            below = [name for name in names if name.endswith(f".{domain.lower()}")]
            return next(iter(exact or below or names), "unknown")
        four = self._address.version == _FOUR
        nibbles = ".".join(self._address.exploded.replace(":", "").upper())
        return {
            "s": f"{self._local}@{self._sender_domain or self._helo}", "l": self._local,
            "o": self._sender_domain or self._helo, "d": domain, "h": self._helo,
            "i": str(self._address) if four else nibbles, "v": "in-addr" if four else "ip6",
        }[letter]  # fmt: skip


_Check.MATCHERS = {
    "all": _Check._all, "include": _Check._include, "a": _Check._a, "mx": _Check._mx, "ptr": _Check._ptr,
    "ip4": _Check._ip, "ip6": _Check._ip, "exists": _Check._exists,
}  # fmt: skip


def _parse(text: str, domain: str) -> tuple[list[_Term], str | None]:
    terms, modifiers = [], {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        if len(word) > _LONGEST_TERM:
            raise _Wrong(f"a term in the record of {domain} is longer than {_LONGEST_TERM} characters")
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word, domain))
            continue
        name, value = modifier[1].lower(), modifier[2]
        shape = _TARGET if name in ("redirect", "exp") else _ANY_VALUE
        if name in modifiers or not shape.fullmatch(value):
            raise _Wrong(f"{word!r} in the record of {domain} is not understood")
        if name in ("redirect", "exp"):
            modifiers[name] = value
    has_all = any(term.name == "all" for term in terms)
    return terms, None if has_all else modifiers.get("redirect")


def _term(word: str, domain: str) -> _Term:
    found = _DIRECTIVE.fullmatch(word)
    shape = _SHAPES.get(found[2].lower()) if found else None
    rest = shape.fullmatch(found[3]) if found and shape else None
    if found is None or rest is None:
        raise _Wrong(f"{word!r} in the record of {domain} is not understood")
    part = rest.groupdict()
    four, six = int(part.get("four") or 32), int(part.get("six") or 128)
    name, address = found[2].lower(), part.get("address")
    wanted = {"ip4": 4, "ip6": 6}.get(name)
    if four > 32 or six > 128 or (wanted and _version(address or "") != wanted):  # noqa: PLR2004 - bits of an address
        raise _Wrong(f"{word!r} in the record of {domain} is not understood")
    return _Term(_QUALIFIED[found[1]], name, part.get("domain"), address, four, six)


def _transformed(value: str, digits: str, turned: str, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
    if turned:
        parts.reverse()
    return ".".join(parts[-int(digits) :] if digits else parts)


def _is_name(name: str, least: int = 2) -> bool:
    """Whether DNS can be asked for it; `least` labels."""
    labels = name.removesuffix(".").split(".")
    return len(labels) >= least and len(name) <= _LONGEST_NAME and all(0 < len(one) <= _LONGEST_LABEL for one in labels)


def _version(text: str) -> int:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0
