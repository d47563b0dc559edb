"""What domains demand of those who send to them: MTA-STS policies, fetched and remembered (RFC 8461)."""

import asyncio
import contextlib
import json
import re
import ssl
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from mailguard.clock import Clock
from mailguard.courier.lookup import Lookup
from mailguard.errors import SmtpError
from mailguard.log import Log
from mailguard.process import whole

MOST = 5000  # policies remembered
_LARGEST = 64 << 10  # bytes of a policy
_LONGEST = 31_557_600  # seconds that one is believed at most (RFC 8461 §3.2)
_PATIENCE = 30.0  # seconds for a fetch: a minute at most, says §3.3, and a mail is waiting
_AGAIN = timedelta(minutes=5)  # after a fetch that failed
_ID = re.compile(r"v=STSv1\s*;(?:.*;)?\s*id\s*=\s*([A-Za-z0-9]{1,32})\s*(?:;.*)?", re.DOTALL)
_WELL_KNOWN = "/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class Policy:
    """One domain's policy. `id` is that of its TXT record, `until` when it is no longer believed."""

    id: str
    mode: str  # enforce | testing | none
    mx: tuple[str, ...]
    until: datetime

    def allows(self, name: str) -> bool:
        """Whether this mail server is one of the domain's: `*.` stands for one label (RFC 8461 §4.1)."""
        host = name.rstrip(".").lower()
        return any(
            host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:] != "")
            for pattern in self.mx
        )


def parse(text: str, policy_id: str, now: datetime) -> Policy:
    """The policy in a file; ValueError says what is wrong with it."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip(), []).append(value.strip())
    mode, age = values.get("mode", [""])[0], values.get("max_age", [""])[0]
    if values.get("version", [""])[0] != "STSv1":
        raise ValueError("no version: STSv1")
    if mode not in ("enforce", "testing", "none"):
        raise ValueError(f"mode is {mode[:40]!r}")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise ValueError("no max_age")
    mx = tuple(filter(None, (pattern.rstrip(".").lower() for pattern in values.get("mx", ()))))
    if mode != "none" and not mx:
        raise ValueError("no mx")
    return Policy(policy_id, mode, mx, now + timedelta(seconds=min(int(age), _LONGEST)))


class Policies:
    """One for the service. `file` keeps them over a restart; `port` and `context` are for tests."""

    def __init__(
        self, lookup: Lookup, clock: Clock, log: Log | None = None, file: Path | None = None, *,
        port: int = 443, context: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._lookup, self._clock, self._log, self._file = lookup, clock, log, file
        self._port, self._context = port, context
        self._known: OrderedDict[str, Policy] = OrderedDict()
        self._ready = file is None
        self._failed: dict[str, tuple[str, datetime]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._writing = asyncio.Lock()

    async def of(self, domain: str) -> Policy | None:
        """The policy in force for a domain (A-label); None: it demands nothing.

        Whoever can keep us from DNS or from the policy's server changes nothing of one that is known (§10.2); one that
        was never seen can't be had by force (§3.3).
        """
        if domain.startswith("["):
            return None
        turn = self._turns.setdefault(domain, asyncio.Lock())
        try:
            async with turn:
                found = await self._current(domain)
        finally:
            if not turn.locked():
                self._turns.pop(domain, None)
        return found if found is not None and found.mode != "none" else None

    async def _current(self, domain: str) -> Policy | None:
        if not self._ready:
            before = await asyncio.to_thread(self._read)
            self._ready, self._known = True, before | self._known
        now = self._clock.now()
        known = self._known.get(domain)
        if known is not None and known.until <= now:
            known = None
        wanted = await self._id(domain)
        if wanted is None or (known is not None and known.id == wanted):
            return known
        failed, again = self._failed.get(domain, ("", now))
        if failed == wanted and now < again:
            return known
        try:
            fresh = parse(await self._fetch(domain), wanted, now)
        except (httpx.HTTPError, httpx.InvalidURL, SmtpError, OSError, ValueError) as error:
            if len(self._failed) >= MOST:
                self._failed.clear()
            self._failed[domain] = (wanted, now + _AGAIN)
            if self._log is not None:
                self._log.policy_unread(domain, str(error) or type(error).__name__, kept=known is not None)
            return known
        await self._remember(domain, fresh)
        return fresh

    async def _id(self, domain: str) -> str | None:
        """What the TXT record calls the present policy; None: there is none, or DNS did not say."""
        try:
            texts = await self._lookup.texts(f"_mta-sts.{domain}") or []
        except SmtpError:
            return None
        records = [text for text in texts if text.startswith("v=STSv1")]
        found = _ID.fullmatch(records[0]) if len(records) == 1 else None
        return found[1] if found else None

    async def _fetch(self, domain: str) -> str:
        """No redirect is followed and no cache asked (§3.3); the certificate must be for mta-sts.DOMAIN."""
        host = f"mta-sts.{domain}"
        addresses = [address for found, _ in await self._lookup.addresses(host) for address in found]
        if not addresses:
            raise ValueError(f"{host} has no address")
        tls = self._context or ssl.create_default_context()
        limit = httpx.Limits(max_keepalive_connections=0)
        async with (
            asyncio.timeout(_PATIENCE),
            httpx.AsyncClient(verify=tls, trust_env=False, timeout=_PATIENCE, limits=limit) as client,
        ):
            trouble: Exception | None = None
            for address in addresses:
                try:
                    return await self._get(client, host, address)
                except httpx.TransportError as error:
                    trouble = error
            raise trouble or ValueError("no answer")

    async def _get(self, client: httpx.AsyncClient, host: str, address: str) -> str:
        place = f"[{address}]" if ":" in address else address
        url, names = f"https://{place}:{self._port}{_WELL_KNOWN}", {"sni_hostname": host}
        async with client.stream("GET", url, headers={"Host": host}, extensions=names) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"answered {answer.status_code}")
            if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/plain":
                raise ValueError("no text/plain")
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _LARGEST:
                    raise ValueError(f"longer than {_LARGEST >> 10} KB")
            return body.decode("utf-8", "replace")

    async def _remember(self, domain: str, fresh: Policy) -> None:
        self._failed.pop(domain, None)
        self._known[domain] = fresh
        self._known.move_to_end(domain)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        if self._log is not None:
            self._log.policy_learnt(domain, fresh.mode, fresh.until)
        if self._file is not None:
            try:
                async with self._writing:
                    await asyncio.to_thread(whole, self._file, _written(self._known))
            except OSError as error:
                if self._log is not None:
                    self._log.failure("mta-sts", error)

    def _read(self) -> OrderedDict[str, Policy]:
        """What was known before the restart; a file that is damaged is as none."""
        found: OrderedDict[str, Policy] = OrderedDict()
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            said = json.loads(self._file.read_bytes()) if self._file is not None else {}
            for domain, one in said.items():
                found[domain] = _policy(one)
        return found


def _written(known: OrderedDict[str, Policy]) -> str:
    return json.dumps({domain: {**asdict(one), "until": one.until.isoformat()} for domain, one in known.items()})


def _policy(said: dict[str, Any]) -> Policy:
    found = Policy(**{**said, "mx": tuple(said["mx"]), "until": datetime.fromisoformat(said["until"])})
    return replace(found, mode=found.mode if found.mode in ("enforce", "testing") else "none")
