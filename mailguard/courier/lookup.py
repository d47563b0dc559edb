"""Questions to DNS. The only importer of dnspython."""

import asyncio
from dataclasses import dataclass
from typing import cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT

from mailguard.document.units import host_port
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.locale import N_

Resolver = dns.asyncresolver.Resolver
_NO_NAME = (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.BadEscape, dns.name.NameTooLong)

_LIFETIME = 20.0  # seconds for one DNS question, all servers and tries included
_CACHED = 5000  # answers
_EDNS = 1232  # bytes: the answer that passes every network in one piece (DNS flag day 2020)


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One MX record; `name` '' is the null MX (RFC 7505)."""

    preference: int
    name: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The records of one name and kind, as dnspython has them; `secure`: a resolver we trust has validated them."""

    records: tuple[object, ...]
    secure: bool = False


class Lookup:
    """`validating` is HOST:PORT of a resolver whose AD bit is believed; without one nothing is ever secure.

    `resolver` is for tests; by default the system's DNS servers are asked, read when they are first needed.
    """

    def __init__(self, resolver: Resolver | None = None, validating: str | None = None) -> None:
        self._resolver, self._validating = resolver, validating

    @property
    def validates(self) -> bool:
        """Whether anything can be secure."""
        return self._validating is not None

    async def exchangers(self, domain: str) -> tuple[list[Exchanger], bool] | None:
        """MX records, and whether they are secure; None: there is no such name."""
        found = await self.ask(domain, "MX")
        if found is None:
            return None
        names = [cast(MX, one) for one in found.records]
        return [Exchanger(one.preference, one.exchange.to_text(omit_final_dot=True).strip(".")) for one in names], (
            found.secure
        )

    async def addresses(self, name: str, kinds: tuple[str, ...] = ("AAAA", "A")) -> list[tuple[list[str], bool]]:
        """Addresses by family, and whether they are secure; empty lists for a name that does not exist."""
        families = await asyncio.gather(*(self._family(name, kind) for kind in kinds), return_exceptions=True)
        good = [found for found in families if not isinstance(found, BaseException)]
        errors = [found for found in families if isinstance(found, BaseException)]
        if errors and not any(found for found, _ in good):
            raise errors[0]
        return good

    async def texts(self, name: str) -> list[str] | None:
        """TXT records, their strings joined; what is no UTF-8 in them is marked. None: there is no such name."""
        found = await self.ask(name, "TXT")
        if found is None:
            return None
        return [b"".join(cast(TXT, one).strings).decode("utf-8", "replace") for one in found.records]

    async def tlsa(self, name: str) -> list[Tlsa]:
        """Secure TLSA records of `_25._tcp.mx.client.example`; what nobody vouches for is none."""
        found = await self.ask(name, "TLSA")
        if found is None or not found.secure:
            return []
        records = [cast(TLSA, one) for one in found.records]
        return [Tlsa(one.usage, one.selector, one.mtype, one.cert) for one in records]

    async def names_of(self, address: str) -> list[str]:
        """The names that the reverse zone has for an address."""
        name = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        found = await self.ask(name, "PTR")
        return [str(one).rstrip(".") for one in found.records] if found else []

    async def ask(self, name: str, kind: str) -> Found | None:
        """The answer, without records when there are none of this kind; None for NXDOMAIN. Follows CNAMEs.

        Errors: PermanentFailure 5.1.2 (no domain name), TemporaryFailure 4.4.3 (DNS did not say).
        """
        what = f"{kind} of {name}"
        try:
            answer = await self._ready().resolve(dns.name.from_text(name), kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return None
        except _NO_NAME as error:
            raise PermanentFailure(N_("{name} is not a domain name"), enhanced="5.1.2", name=name) from error
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryFailure(
                N_("DNS did not answer for {what}: {why}"), enhanced="4.4.3", what=what, why=str(error)
            ) from error
        secure = self.validates and bool(answer.response.flags & dns.flags.AD)
        return Found(tuple(answer.rrset or ()), secure)

    async def _family(self, name: str, kind: str) -> tuple[list[str], bool]:
        try:
            found = await self.ask(name, kind)
        except PermanentFailure:
            found = None  # a mail server that can't exist; another one may
        return ([str(one) for one in found.records], found.secure) if found else ([], False)

    def _ready(self) -> Resolver:
        if self._resolver is None:
            self._resolver = resolver_at(self._validating)
            self._resolver.lifetime = _LIFETIME
            self._resolver.cache = dns.resolver.LRUCache(_CACHED)
        if self.validates:  # RFC 6840 §5.7: who sets AD wants to hear it
            self._resolver.flags = dns.flags.RD | dns.flags.AD
            self._resolver.use_edns(0, 0, _EDNS)
        return self._resolver


def resolver_at(server: str | None) -> Resolver:
    """Asks this HOST:PORT; None: the system's DNS servers."""
    if server is None:
        return Resolver()
    host, port = host_port(server)
    found = Resolver(configure=False)
    found.nameservers, found.port = [host], port
    return found
