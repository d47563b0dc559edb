"""Which machines to try for a destination, in which order. The only importer of dnspython."""

import asyncio
import ipaddress
import random
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import chain, zip_longest

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.locale import N_, saying
from mailguard.locale.sayings import told

Resolver = dns.asyncresolver.Resolver

MOST_EXCHANGERS = 10
MOST_ADDRESSES = 20  # of all exchangers together
_LIFETIME = 20.0  # seconds for one DNS question, all servers and tries included
_CACHED = 5000  # answers
_WORLD = "com"  # whoever knows other people's domains at all knows who serves this one


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one server. `name` is what its certificate must say."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}[{self.address}]:{self.port}"


_NO_ADDRESS = N_("no mail server of {domain} has an address")


class Route:
    """Turns a destination into hosts. `hostname` is our own name: mail to ourselves would loop.

    `loops_allowed` lets tests deliver to loopback addresses; `port` is 25 but for them.
    """

    def __init__(
        self,
        hostname: str,
        resolver: Resolver | None = None,
        *,
        port: int = 25,
        loops_allowed: bool = False,
    ) -> None:
        self._hostname = hostname.rstrip(".").lower()
        self._resolver = resolver
        self._port = port
        self._loops_allowed = loops_allowed

    async def smarthost(self, name: str, port: int) -> list[Host]:
        """The addresses of a configured host, by the system's resolver (so that /etc/hosts counts)."""
        if _is_address(name):
            return [Host(name, name, port)]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # our configuration or DNS, never the mail's fault
            why = getattr(error, "strerror", None) or error
            raise TemporaryFailure(
                N_("no address for {name}: {why}"), enhanced="4.4.3", name=name, why=str(why)
            ) from error
        return [Host(name, address, port) for address in dict.fromkeys(str(info[4][0]) for info in found)]

    async def exchangers(self, domain: str) -> AsyncGenerator[Host, None]:
        """The mail servers of a domain (RFC 5321 §5.1), looked up as far as they are asked for.

        Errors: PermanentFailure (no such domain, it takes no mail, it is ourselves), TemporaryFailure (DNS).
        """
        if domain.startswith("["):
            yield Host(domain, self._literal(domain), self._port)
            return
        given, trouble = 0, None
        for name in (await self._names(domain))[:MOST_EXCHANGERS]:
            try:
                addresses = await self._addresses(name)
            except TemporaryFailure as error:
                trouble = error
                continue
            for address in addresses[: MOST_ADDRESSES - given]:
                given += 1
                yield Host(name, self._not_myself(name, address), self._port)
        if not given:
            raise trouble or PermanentFailure(_NO_ADDRESS, enhanced="5.4.4", domain=domain)

    async def refuses(self, domain: str) -> str:
        """Why no mail can arrive at this domain, in one sentence; '' when it can. TemporaryFailure: DNS did not say."""
        try:
            records = await self._mx(domain)
        except PermanentFailure as error:
            return told(error)
        trouble = None
        for _, name in sorted(records)[:MOST_EXCHANGERS]:
            try:
                if await self._addresses(name):
                    return ""
            except TemporaryFailure as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return saying(_NO_ADDRESS, domain=domain)

    async def sees_outside(self) -> bool:
        """Whether these DNS servers know the world, and not only our own network. TemporaryFailure: no answer."""
        try:
            return bool(await self._ask(_WORLD, dns.rdatatype.NS))
        except dns.resolver.NXDOMAIN:
            return False

    def _literal(self, domain: str) -> str:
        """user@[192.0.2.1], user@[IPv6:2001:db8::1]"""
        text = domain.strip("[]")
        text = text[5:] if text[:5].lower() == "ipv6:" else text
        if not _is_address(text):
            raise PermanentFailure(
                N_("{domain} is not an address literal that we know"), enhanced="5.1.2", domain=domain
            )
        return self._not_myself(domain, text)

    def _not_myself(self, name: str, address: str) -> str:
        found = ipaddress.ip_address(address)
        if (found.is_loopback or found.is_unspecified) and not self._loops_allowed:
            words = N_("mail loops back to myself: {name} has the address {address}")
            raise PermanentFailure(words, code=554, enhanced="5.4.6", name=name, address=address)
        return address

    async def _names(self, domain: str) -> list[str]:
        """Exchangers by preference, equals shuffled; those not better than ourselves left out."""
        records = await self._mx(domain)
        ranked = sorted(records, key=lambda record: (record[0], random.random()))
        mine = min((rank for rank, name in ranked if name.lower() == self._hostname), default=None)
        if mine is None or self._loops_allowed:
            return [name for _, name in ranked]
        better = [name for rank, name in ranked if rank < mine]
        if not better:
            words = N_("mail loops back to myself: I am the mail server of {domain}, but have no route for it")
            raise PermanentFailure(words, code=554, enhanced="5.4.6", domain=domain)
        return better

    async def _mx(self, domain: str) -> list[tuple[int, str]]:
        try:
            answer = await self._ask(domain, dns.rdatatype.MX)
        except dns.resolver.NXDOMAIN as error:
            raise PermanentFailure(N_("the domain {domain} does not exist"), enhanced="5.1.2", domain=domain) from error
        if answer is None:
            return [(0, domain)]  # the domain's own address is its implicit mail server
        records = [record for record in answer if isinstance(record, MX)]
        real = [record for record in records if record.exchange != dns.name.root]
        if not real:  # RFC 7505
            words = N_("the domain {domain} accepts no mail (null MX)")
            raise PermanentFailure(words, code=556, enhanced="5.1.10", domain=domain)
        return [(record.preference, record.exchange.to_text(omit_final_dot=True)) for record in real]

    async def _addresses(self, name: str) -> list[str]:
        """Both families, taking turns: one that is broken on the way must not hide the other."""
        six, four = await asyncio.gather(
            self._family(name, dns.rdatatype.AAAA),
            self._family(name, dns.rdatatype.A),
            return_exceptions=True,
        )
        lists = [found for found in (six, four) if isinstance(found, list)]
        mixed = [address for address in chain.from_iterable(zip_longest(*lists)) if address is not None]
        errors = [error for error in (six, four) if isinstance(error, BaseException)]
        if errors and not mixed:
            raise errors[0]
        return mixed

    async def _family(self, name: str, kind: dns.rdatatype.RdataType) -> list[str]:
        try:
            answer = await self._ask(name, kind)
        except (dns.resolver.NXDOMAIN, PermanentFailure):
            return []  # a mail server that does not exist; another one may
        return [record.to_text() for record in answer or ()]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer | None:
        """The answer, None when there is no such record; NXDOMAIN passes. Follows CNAMEs."""
        what = f"{dns.rdatatype.to_text(kind)} of {name}"
        try:
            return await self._ready().resolve(dns.name.from_text(name), kind, search=False)
        except dns.resolver.NoAnswer:
            return None
        except dns.resolver.NXDOMAIN:
            raise
        except (
            dns.name.LabelTooLong,
            dns.name.EmptyLabel,
            dns.name.BadEscape,
            dns.name.NameTooLong,
        ) as error:
            raise PermanentFailure(N_("{name} is not a domain name"), enhanced="5.1.2", name=name) from error
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryFailure(
                N_("DNS did not answer for {what}: {why}"), enhanced="4.4.3", what=what, why=str(error)
            ) from error

    def _ready(self) -> Resolver:
        """The system's DNS servers, read when they are first needed: a smarthost needs none."""
        if self._resolver is None:
            self._resolver = Resolver()
            self._resolver.lifetime = _LIFETIME
            self._resolver.cache = dns.resolver.LRUCache(_CACHED)
        return self._resolver


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
