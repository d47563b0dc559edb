"""Which machines to try for a destination, in which order."""

import asyncio
import ipaddress
import random
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import chain, zip_longest

from mailguard.courier.lookup import Lookup, Resolver
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.locale import N_, saying
from mailguard.locale.sayings import told

MOST_EXCHANGERS = 10
MOST_ADDRESSES = 20  # of all exchangers together
_WORLD = "com"  # whoever knows other people's domains at all knows who serves this one


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one server. `name` is what its certificate must say; `secure`: DNSSEC vouches for both."""

    name: str
    address: str
    port: int
    secure: bool = False

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
        resolver: Resolver | Lookup | None = None,
        *,
        port: int = 25,
        loops_allowed: bool = False,
    ) -> None:
        self._hostname = hostname.rstrip(".").lower()
        self.lookup = resolver if isinstance(resolver, Lookup) else Lookup(resolver)
        self._port = port
        self._loops_allowed = loops_allowed

    async def smarthost(self, name: str, port: int) -> list[Host]:
        """The addresses of a configured host, by the system's resolver (so that /etc/hosts counts)."""
        if is_address(name):
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
        names, secure = await self._names(domain)
        for name in names[:MOST_EXCHANGERS]:
            try:
                addresses = await self._addresses(name)
            except TemporaryFailure as error:
                trouble = error
                continue
            for address, vouched in addresses[: MOST_ADDRESSES - given]:
                given += 1
                yield Host(name, self._not_myself(name, address), self._port, secure and vouched)
        if not given:
            raise trouble or PermanentFailure(_NO_ADDRESS, enhanced="5.4.4", domain=domain)

    async def refuses(self, domain: str) -> str:
        """Why no mail can arrive at this domain, in one sentence; '' when it can. TemporaryFailure: DNS did not say."""
        try:
            records, _ = await self._mx(domain)
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
        found = await self.lookup.ask(_WORLD, "NS")
        return found is not None and bool(found.records)

    def _literal(self, domain: str) -> str:
        """user@[192.0.2.1], user@[IPv6:2001:db8::1]"""
        text = domain.strip("[]")
        text = text[5:] if text[:5].lower() == "ipv6:" else text
        if not is_address(text):
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

    async def _names(self, domain: str) -> tuple[list[str], bool]:
        """Exchangers by preference, equals shuffled, those not better than ourselves left out; whether it is secure."""
        records, secure = await self._mx(domain)
        ranked = sorted(records, key=lambda record: (record[0], random.random()))
        mine = min((rank for rank, name in ranked if name.lower() == self._hostname), default=None)
        if mine is None or self._loops_allowed:
            return [name for _, name in ranked], secure
        better = [name for rank, name in ranked if rank < mine]
        if not better:
            words = N_("mail loops back to myself: I am the mail server of {domain}, but have no route for it")
            raise PermanentFailure(words, code=554, enhanced="5.4.6", domain=domain)
        return better, secure

    async def _mx(self, domain: str) -> tuple[list[tuple[int, str]], bool]:
        found = await self.lookup.exchangers(domain)
        if found is None:
            raise PermanentFailure(N_("the domain {domain} does not exist"), enhanced="5.1.2", domain=domain)
        records, secure = found
        if not records:
            return [(0, domain)], secure  # the domain's own address is its implicit mail server
        real = [(record.preference, record.name) for record in records if record.name]
        if not real:  # RFC 7505
            words = N_("the domain {domain} accepts no mail (null MX)")
            raise PermanentFailure(words, code=556, enhanced="5.1.10", domain=domain)
        return real, secure

    async def _addresses(self, name: str) -> list[tuple[str, bool]]:
        """Both families, taking turns: one that is broken on the way must not hide the other."""
        families = await self.lookup.addresses(name)
        lists = [[(address, secure) for address in found] for found, secure in families]
        return [one for one in chain.from_iterable(zip_longest(*lists)) if one is not None]


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
