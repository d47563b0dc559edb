"""All checks at once, each with its own time limit: half a set-up that is broken hides nothing of the other half."""

import asyncio
import contextlib
import glob
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from mailguard.clock import Clock
from mailguard.config import Config
from mailguard.config.files import inline_secrets
from mailguard.courier.courier import Courier
from mailguard.courier.lookup import Lookup
from mailguard.courier.route import Route
from mailguard.courier.ways import Ways
from mailguard.courier.wire import Timeouts
from mailguard.doctor import dkim, domains, hops, machine, relay, tls
from mailguard.doctor.finding import Finding, aside, ok, unknown
from mailguard.document.units import host_port
from mailguard.errors import ConfigError, SmtpError
from mailguard.mail import address as addresses
from mailguard.smtpd.gate import trusted
from mailguard.smtpd.settings import Listener, Tls
from mailguard.store.settings import is_postgres

_QUICK = Timeouts(connect=5, greeting=10, command=10, opening=15)
_CONNECT = 5.0  # seconds for a connection that should not come about
_SOMEWHERE = ("192.0.2.1", 9)  # where a datagram would leave for; none is sent

Findings = AsyncGenerator[Finding, None]


@dataclass(frozen=True)
class Outside:
    """What the configuration does not say. `recipient`: whom the next hop is asked about; default holds.fallback."""

    lookup: Lookup
    egress: tuple[str, ...] = ()
    recipient: str | None = None
    keys: tuple[tuple[str, str, Path | None], ...] = ()  # selector, domain and key file of each DKIM signature
    mx_port: int = 25
    loops_allowed: bool = False  # for tests: mail servers on this machine
    patience: float = 30.0  # seconds for each check
    timeouts: Timeouts = field(default_factory=lambda: _QUICK)


@dataclass(frozen=True)
class Check:
    """`name` is what its findings begin with, for those that never came about."""

    name: str
    run: Callable[[], Findings]


async def examine(config: Config, outside: Outside, clock: Clock, only: str = "") -> list[Finding]:
    """All findings, in a fixed order. `only`: checks whose name begins so. Raises nothing, sends nothing."""
    doctor = _Doctor(config, outside, clock)
    chosen = [check for check in doctor.checks() if check.name.startswith(only)]
    found = await asyncio.gather(*(_finish(check, outside.patience) for check in chosen))
    return [finding for part in found for finding in part]


async def _finish(check: Check, seconds: float) -> list[Finding]:
    """What the check found; whatever goes wrong with it is one more finding."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(seconds), aclosing(check.run()) as findings:
            async for finding in findings:
                found.append(finding)  # one by one: what came before a time-out counts
    except TimeoutError:
        found.append(unknown(check.name, f"nothing known after {seconds:g} s", "look at firewall and DNS, and again"))
    except SmtpError as error:
        found.append(unknown(check.name, error.text, "look at DNS, and again"))
    except (ConfigError, OSError) as error:
        found.append(unknown(check.name, str(error), "put that right, and look again"))
    except Exception as error:
        words = f"the check itself failed ({type(error).__name__}: {error})"
        found.append(unknown(check.name, words, "please report it as a bug"))
    return found


class _Doctor:
    """The checks of one configuration."""

    def __init__(self, config: Config, outside: Outside, clock: Clock) -> None:
        self._config, self._outside, self._clock = config, outside, clock
        self._lookup, self._hostname = outside.lookup, config.smtp.hostname
        self._domains = [name for name in config.organization.domains if not name.startswith("*.")]
        self._ways = Ways(config.next_hop)
        self._recipient = outside.recipient or config.holds.fallback
        self._keys = (*((one.selector, one.domain, one.key_file) for one in config.dkim), *outside.keys)
        self._direct = any(hop.mx for hop in self._ways.hops)

    def checks(self) -> Iterator[Check]:
        """Cheap and local ones last: who reads begins with what the world sees."""
        for domain in self._domains:
            yield Check(f"mx {domain}", partial(self._mx, domain))
            yield Check(f"spf {domain}", partial(self._spf, domain))
            yield Check(f"dmarc {domain}", partial(self._dmarc, domain))
        for selector, domain, file in self._keys:
            yield Check(f"dkim {selector} {domain}", partial(self._dkim, selector, domain, file))
        yield Check("dmarc of notices", self._notices)
        if self._direct:
            yield Check("reverse", self._reverse)
        for destination in self._destinations():
            yield Check(f"next hop {destination}", partial(self._next_hop, destination))
        for domain in self._domains:
            yield Check(f"way around {domain}", partial(self._around, domain))
        for listener in self._config.smtp.listeners:
            if listener.tls is not Tls.NONE:
                yield Check(f"tls {listener.bind}", partial(self._tls, listener))
        yield Check("tls web.url", self._web)
        for listener in self._config.smtp.listeners:
            yield Check(f"open relay {listener.bind}", partial(self._relay, listener))
        yield Check("clock", self._clock_kept)
        yield Check("disk", self._disk)
        yield Check("file rights", self._rights)

    def _destinations(self) -> list[str]:
        """Each smarthost, and where the named recipient's domain is served directly, or `mx` if nobody was named."""
        named = self._ways.destination(self._outside.recipient) if self._outside.recipient else ""
        direct = named if named.startswith("mx:") else "mx"
        return list(dict.fromkeys(hop.smarthost or direct for hop in self._ways.hops))

    async def _egress(self) -> tuple[str, ...]:
        """Where our mail comes from for the world: as said, or our own name's addresses if nobody is between."""
        if self._outside.egress or not self._direct:
            return self._outside.egress
        families = await self._lookup.addresses(self._hostname)
        return tuple(address for found, _ in families for address in found)

    async def _mx(self, domain: str) -> Findings:
        yield await domains.mail_servers(self._lookup, domain)

    async def _spf(self, domain: str) -> Findings:
        yield await domains.senders(self._lookup, domain, await self._egress(), self._hostname)

    async def _dmarc(self, domain: str) -> Findings:
        yield await domains.dmarc(self._lookup, domain)

    async def _dkim(self, selector: str, domain: str, file: Path | None) -> Findings:
        if find_spec("cryptography") is None:
            how = "pip install 'mailguard[dkim]', in the environment that mailguard runs in"
            yield unknown(f"dkim {selector} {domain}", "reading keys needs a library that is not installed", how)
            return
        yield await dkim.key(self._lookup, selector, domain, file)

    async def _notices(self) -> Findings:
        domain = addresses.domain(self._config.notices.sender)
        signers = [addresses.a_label(one) for _, one, _ in self._keys]
        yield await domains.notices(self._lookup, domain, self._hostname, await self._egress(), signers)

    async def _reverse(self) -> Findings:
        for address in await self._egress():
            yield await domains.reverse(self._lookup, address, self._hostname)

    async def _next_hop(self, destination: str) -> Findings:
        hop, outside = self._ways.hop(destination), self._outside
        if hop is None:
            how = "name somebody outside, who is asked about and gets nothing: mailguard doctor --recipient ADDRESS"
            yield unknown(f"next hop {destination}", "direct delivery: there is nobody to try", how)
            return
        courier = Courier(
            self._config.next_hop, self._clock, self._hostname, self._lookup, timeouts=outside.timeouts,
            mx_port=outside.mx_port, loops_allowed=outside.loops_allowed,
        )  # fmt: skip
        senders = [f"postmaster@{domain}" for domain in self._domains]
        try:
            found = hops.next_hop(courier, destination, hop, senders, self._recipient, self._clock.now())
            async with aclosing(found) as findings:
                async for finding in findings:
                    yield finding
        finally:
            await courier.close()

    async def _around(self, domain: str) -> Findings:
        if self._direct:
            how = "ask from a mail client's network: mailguard doctor --only 'way around'"
            yield unknown(f"way around {domain}", "this machine delivers directly, so port 25 is open to it", how)
            return
        route, own = Route(self._hostname), set()
        for hop in self._ways.hops:
            if hop.smarthost:
                with contextlib.suppress(SmtpError):  # a next hop that has no address is another check's finding
                    own |= {host.address for host in await route.smarthost(*host_port(hop.smarthost))}
        yield await hops.way_around(self._lookup, domain, own, self._outside.mx_port, _CONNECT)

    async def _tls(self, listener: Listener) -> Findings:
        address = await aside(lambda: _reached_at(listener))
        if behind := _behind(f"tls {listener.bind}", listener, address):
            yield behind
            return
        yield await tls.of_listener(listener, self._hostname, address, self._clock.now(), self._outside.timeouts)

    async def _web(self) -> Findings:
        yield await tls.of_web(self._config.web.url, self._clock.now(), self._outside.timeouts.opening)

    async def _relay(self, listener: Listener) -> Findings:
        address = await aside(lambda: _reached_at(listener, outer=True))
        if behind := _behind(f"open relay {listener.bind}", listener, address):
            yield behind
            return
        yield await relay.open_to_strangers(listener, self._hostname, address, self._outside.timeouts)

    async def _clock_kept(self) -> Findings:
        oidc, elsewhere = self._config.web.oidc, None
        if oidc is not None:
            seconds = oidc.timeout.total_seconds()
            with contextlib.suppress(OSError):
                elsewhere = await aside(lambda: machine.date_of(oidc.issuer, oidc.ca_file, seconds))
        yield machine.clock(machine.kernel_clock(), self._clock.now(), elsewhere, oidc.label if oidc else "")

    async def _disk(self) -> Findings:
        if is_postgres(self._config.store):
            yield ok("disk", "the store is PostgreSQL, which keeps its own")
            return
        folder = self._config.store_path.parent
        for finding in await aside(lambda: list(machine.disk(folder, Path("/proc/self/mountinfo").read_text("utf-8")))):
            yield finding

    async def _rights(self) -> Findings:
        config = self._config
        paths = [config.path, *machine.secrets(config), *(file for _, _, file in self._keys if file)]
        paths += [config.users_path] if config.users_path else []
        if not is_postgres(config.store):
            paths += sorted(config.store_path.parent.glob(f"{glob.escape(config.store_path.name)}*"))
        paths = paths if any(inline_secrets(config)) else paths[1:]
        yield await aside(lambda: machine.rights(paths))


def _reached_at(listener: Listener, *, outer: bool = False) -> str:
    """An address of this machine where the listener answers; `outer`: not the loopback one, if there is another."""
    host = host_port(listener.bind)[0]
    try:
        address = ip_address(host)
    except ValueError:
        return socket.gethostbyname(host)
    if not address.is_unspecified:
        return host
    return (_own_address(address.version) if outer else "") or ("127.0.0.1" if address.version == 4 else "::1")  # noqa: PLR2004


def _behind(check: str, listener: Listener, address: str) -> Finding | None:
    """Where we would be taken for its proxy, which says by a header who its client is, there is no answer for us."""
    if not (listener.proxy_from and trusted(address, listener.proxy_from)):
        return None
    words = f"the listener takes {address} for a proxy (proxy_from), and we are none"
    return unknown(
        check, words, "run it on a machine that is no proxy, or look through the proxy with openssl s_client"
    )


def _own_address(version: int) -> str:
    """What other machines know this one by; '' when it has no such address. Nothing is sent."""
    family, where = (socket.AF_INET, _SOMEWHERE) if version == 4 else (socket.AF_INET6, ("2001:db8::1", 9))  # noqa: PLR2004
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sock:
        try:
            sock.connect(where)
        except OSError:
            return ""
        return str(sock.getsockname()[0])
