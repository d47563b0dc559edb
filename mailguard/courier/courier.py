"""Carries mail to the next hop: picks the way, keeps connections, and says what became of each recipient."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from mailguard.clock import Clock
from mailguard.courier.content import PIECE
from mailguard.courier.guard import Guard
from mailguard.courier.logins import try_login, upstream_hop
from mailguard.courier.lookup import Lookup, Resolver
from mailguard.courier.parcel import Parcel
from mailguard.courier.pool import Budget, Paces, Pool, Shares
from mailguard.courier.reach import Reaches
from mailguard.courier.rehearsal import Rehearsal, rehearse
from mailguard.courier.reply import NO_REQUIRE_TLS, NO_TLS, crowded, outcome, own
from mailguard.courier.route import Host, Route
from mailguard.courier.settings import Hop, NextHop, Tls
from mailguard.courier.smtp import LoginRefused, Manner, Session, TlsFailed, Unreachable, dial
from mailguard.courier.sts import Policies
from mailguard.courier.token import TokenSource
from mailguard.courier.transaction import Stale, transact
from mailguard.courier.way_back import marked
from mailguard.courier.ways import Ways
from mailguard.courier.wire import Timeouts
from mailguard.document.units import host_port
from mailguard.errors import ConfigError, PermanentFailure, SmtpError
from mailguard.locale import N_
from mailguard.log import Log
from mailguard.records import Outcome, Reach, Result
from mailguard.stamp import Stamps

IN_FLIGHT = 64 << 20  # bytes of messages being written at once
LOGIN_PAUSE = 60.0  # seconds without another try after a refused login


class Courier:
    """One for the service. `resolver`, `timeouts`, `mx_port` and `loops_allowed` are for tests and the demo."""

    def __init__(
        self,
        settings: NextHop,
        clock: Clock,
        hostname: str,
        resolver: Resolver | Lookup | None = None,
        *,
        timeouts: Timeouts | None = None,
        mx_port: int = 25,
        loops_allowed: bool = False,
        in_flight: int = IN_FLIGHT,
        policies: Policies | None = None,
        log: Log | None = None,
        policies_file: Path | None = None,
        nodes: Callable[[], int] = lambda: 1,
        stamps: Callable[[], Stamps] = Stamps,
    ) -> None:
        """`nodes`: how many processes connect to the same servers: a hop's connections are divided among them.

        `policies_file` keeps what other domains demand of our TLS; `policies` is for tests.
        `stamps`: for hops that mail goes back to.
        """
        self._ways = Ways(settings)
        self._clock = clock
        self._hostname = hostname
        self._timeouts = timeouts or Timeouts()
        lookup = resolver if isinstance(resolver, Lookup) else Lookup(resolver, settings.dnssec_resolver)
        self._route = Route(hostname, lookup, port=mx_port, loops_allowed=loops_allowed)
        if policies is None and settings.mta_sts:
            policies = Policies(lookup, clock, log, policies_file)
        self._guard = Guard(lookup, policies, log)
        self._reaches = Reaches(self._route, self._ways.routed, clock)
        self._loops_allowed = loops_allowed
        self._pool, self._paces = Pool(clock), Paces(clock)
        self._nodes, self._stamps = nodes, stamps
        self._budget = Budget(in_flight)
        self._shares = Shares(in_flight // 4)  # a destination that hangs must not sit on the whole budget
        self._locked_out: dict[str, tuple[float, LoginRefused]] = {}
        self._ca_file = settings.ca_file
        self._upstreams: dict[str, Manner] = {}
        self._manners = [(hop, self._manner(hop), self._strict(hop)) for hop in self._ways.hops]

    def destination(self, address: str) -> str:
        """'host:port' of the smarthost for this recipient, or 'mx:domain'. Asks nobody."""
        return self._ways.destination(address)

    async def reach(self, domains: Collection[str], within: float) -> Reach:
        """Which of these domains (A-labels) take no mail, as far as DNS says within so many seconds."""
        return await self._reaches.of(domains, within)

    async def carry(self, parcel: Parcel) -> tuple[Outcome, ...]:
        """One outcome per recipient, in order. Whatever the other side does is an outcome, never an exception."""
        hop = self._ways.hop(parcel.destination)
        if hop is None:
            return await self._reroute(parcel)
        size = 2 * PIECE if callable(parcel.body) else parcel.octets
        async with (
            self._pool.slot(parcel.destination, max(1, hop.connections // self._nodes())),
            self._shares.hold(parcel.destination, size),
            self._budget.hold(size),
        ):
            return await self._parts(parcel, hop)

    async def try_login(self, server: str, name: str, password: str) -> bool:
        """Whether HOST:PORT lets this login in, over TLS. TemporaryFailure 454 when it can't be asked."""
        manner = self._upstreams.get(server)
        if manner is None:
            manner = self._upstreams[server] = self._manner(upstream_hop(server, self._ca_file))
        return await try_login(self._route, manner, server, name, password)

    async def rehearse(self, destination: str, senders: Collection[str], recipient: str) -> Rehearsal:
        """How far a mail would get there; nothing is sent. Errors: SmtpError of any kind."""
        hop = self._ways.hop(destination)
        if hop is None:
            raise PermanentFailure(N_("no host for {host}"), enhanced="5.4.4", host=destination)
        return await rehearse(await self._open(destination, hop), senders, recipient)

    async def close(self) -> None:
        """Take leave of the servers."""
        await self._pool.close()

    async def _reroute(self, parcel: Parcel) -> tuple[Outcome, ...]:
        """The configuration has changed since the mail was accepted: each recipient goes today's way."""
        found: dict[int, Outcome] = {}
        groups: dict[str, list[int]] = {}
        for index, recipient in enumerate(parcel.recipients):
            groups.setdefault(self.destination(recipient.address), []).append(index)
        for destination, indices in groups.items():
            part = tuple(parcel.recipients[index] for index in indices)
            outcomes = await self.carry(replace(parcel, destination=destination, recipients=part))
            found.update(zip(indices, outcomes, strict=True))
        return tuple(found[index] for index in range(len(parcel.recipients)))

    async def _parts(self, parcel: Parcel, hop: Hop) -> tuple[Outcome, ...]:
        """As many recipients at once as the hop is to get; a part that nobody took is the last one tried."""
        results: list[Outcome] = []
        most = hop.recipients or len(parcel.recipients)
        for start in range(0, len(parcel.recipients), most):
            one = most >= len(parcel.recipients)
            part = parcel if one else replace(parcel, recipients=parcel.recipients[start : start + most])
            results += await self._deliver(part, hop)
            if all(result.result is Result.DEFERRED for result in results[start:]):
                break
        if left := len(parcel.recipients) - len(results):
            results += [replace(results[-1], ambiguous=False)] * left
        return tuple(results)

    async def _deliver(self, parcel: Parcel, hop: Hop) -> tuple[Outcome, ...]:
        """As many transactions as it takes for a server that limits the recipients of one (452, 552)."""
        results = list(await self._attempt(parcel, hop))
        last, ends = results, self._clock.monotonic() + self._timeouts.transaction
        while any(result.result is Result.SENT for result in last) and self._clock.monotonic() < ends:
            left = [index for index, result in enumerate(results) if crowded(result)]
            if not left:
                break
            part = replace(parcel, recipients=tuple(parcel.recipients[index] for index in left))
            last = list(await self._attempt(part, hop))
            for index, result in zip(left, last, strict=True):
                results[index] = result
        return tuple(results)

    async def _attempt(self, parcel: Parcel, hop: Hop) -> tuple[Outcome, ...]:
        """One transaction. What goes wrong is its recipients' outcome: others of the mail may have theirs already."""
        try:
            return await self._transaction(parcel, hop)
        except SmtpError as error:
            return (outcome(own(error)),) * len(parcel.recipients)

    async def _transaction(self, parcel: Parcel, hop: Hop) -> tuple[Outcome, ...]:
        if hop.rate is not None:
            await self._paces.turn(parcel.destination, hop.rate / self._nodes())
        parcel = await marked(parcel, hop, self._stamps(), self._clock.now())
        kept = self._pool.take(_shelf(parcel))
        if kept is not None:
            try:
                return await self._use(kept, parcel)
            except Stale:
                pass  # nothing happened yet: once more, with a fresh connection
        return await self._use(await self._open(parcel.destination, hop, require=parcel.require_tls), parcel)

    async def _use(self, session: Session, parcel: Parcel) -> tuple[Outcome, ...]:
        outcomes = await transact(session, parcel)
        self._pool.give(_shelf(parcel), session)
        return outcomes

    async def _open(self, destination: str, hop: Hop, *, require: bool = False) -> Session:
        """A fresh session with the first host that has one; else the last one's reason.

        `require`: as REQUIRETLS asks; if no host can, and none was out of reach, it is over (RFC 8689 §4.2.1).
        """
        self._check_login(destination)
        manner, strict = next((usual, strict) for known, usual, strict in self._manners if known is hop)
        failure: SmtpError | None = None
        unmet: PermanentFailure | None = None
        domain, policy = destination.removeprefix("mx:"), None
        try:
            async with asyncio.timeout(manner.timeouts.opening), aclosing(self._hosts(destination, hop)) as hosts:
                if strict is not None:
                    policy = await self._guard.policy(domain)
                async for host in hosts:
                    try:
                        session = await (
                            self._guard.open(host, domain, manner, strict, policy, require=require)
                            if strict is not None
                            else dial(host, manner)
                        )
                        if not require:
                            return session
                        return _as_required(session, host)
                    except Unprotected as error:
                        unmet = error
                    except TlsFailed as error:
                        if require:
                            unmet = Unprotected(error.message, code=None, enhanced=None, **error.values)
                        else:
                            failure = error
                    except Unreachable as error:
                        failure = error
        except LoginRefused as error:
            self._locked_out[destination] = (self._clock.monotonic() + LOGIN_PAUSE, error)
            raise
        except SmtpError as error:  # a better host was there, but could not be reached: that decides
            raise failure or error from error
        except TimeoutError:  # ours: inside, they are all Unreachable
            late = Unreachable(
                N_("no session with {host} within {seconds} s"), enhanced="4.4.1", host=str(destination),
                seconds=f"{manner.timeouts.opening:g}",
            )  # fmt: skip
            raise failure or late from None
        raise failure or unmet or Unreachable(N_("no host for {host}"), enhanced="4.4.1", host=str(destination))

    def _check_login(self, destination: str) -> None:
        """A thousand waiting mails must not try a refused login a thousand times: that locks accounts."""
        until, error = self._locked_out.get(destination, (0.0, None))
        if error is not None:
            if self._clock.monotonic() < until:
                raise error
            del self._locked_out[destination]

    async def _hosts(self, destination: str, hop: Hop) -> AsyncGenerator[Host, None]:
        if hop.smarthost is not None:
            for host in await self._route.smarthost(*host_port(hop.smarthost)):
                yield host
            return
        domain = destination.removeprefix("mx:")
        if not domain:
            raise PermanentFailure(N_("the address has no domain"), code=553, enhanced="5.1.3")
        async with aclosing(self._route.exchangers(domain)) as hosts:
            async for host in hosts:
                yield host

    def _strict(self, hop: Hop) -> Manner | None:
        """How a stranger's server is spoken to that must be the right one; None: nothing of the kind is ever asked."""
        if not hop.mx or hop.tls is Tls.NONE:
            return None
        return self._manner(hop.model_copy(update={"tls": Tls.STARTTLS}))

    def _manner(self, hop: Hop) -> Manner:
        """How this hop is spoken to; certificates are read here, once."""
        tls = hop.tls if hop.mx else hop.secured
        try:
            context = None if tls is Tls.NONE else _context(hop, checked=tls is not None)
            login = (hop.username, hop.password.get_secret_value()) if hop.username and hop.password else None
            tokens = (hop.username, TokenSource(hop.oauth, self._clock)) if hop.username and hop.oauth else None
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            name = hop.smarthost or "mx"
            raise ConfigError(f"next_hop ({name}): {error}") from error
        refuse_myself = hop.mx and not self._loops_allowed
        return Manner(self._hostname, tls, context, login, tokens, refuse_myself, self._timeouts)


class Unprotected(PermanentFailure):
    """REQUIRETLS can't be kept with this host: nothing was sent, and nothing may be."""

    enhanced = NO_TLS


def _as_required(session: Session, host: Host) -> Session:
    """The session, if it is fit for REQUIRETLS. Unprotected: it is over."""
    if session.verified and "requiretls" in session.offers:
        return session
    session.wire.quit()
    if not session.verified:
        raise Unprotected(N_("REQUIRETLS: no verified TLS with {host}"), host=str(host))
    words = N_("REQUIRETLS: {host} does not promise to keep it on the rest of the way")
    raise Unprotected(words, enhanced=NO_REQUIRE_TLS, host=str(host))


def _shelf(parcel: Parcel) -> str:
    """Where the pool keeps sessions for mail like this: what is good enough for one may not be for another."""
    return f"{parcel.destination} REQUIRETLS" if parcel.require_tls else parcel.destination


def _context(hop: Hop, *, checked: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(hop.ca_file) if hop.ca_file else None)
    if hop.certificate is not None:
        context.load_cert_chain(hop.certificate, hop.key, password=_no_password)
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted: store it without a passphrase, in a file that only mailguard may read")
