"""Whether clients and browsers can trust what we show them, and for how long."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from mailguard.courier.certificate import chain, expires
from mailguard.courier.route import Host
from mailguard.courier.settings import Tls as HopTls
from mailguard.courier.smtp import Manner, TlsFailed, Unreachable, dial
from mailguard.courier.wire import Timeouts
from mailguard.doctor.finding import Finding, fail, ok, unknown, warn
from mailguard.document.units import host_port
from mailguard.smtpd.settings import Listener, Tls

_SOON, _VERY_SOON = 21, 7  # days
_RENEW = "renew the certificate, then mailguard reload"
_AWAY = "start the proxy; if only this machine cannot reach it, look from where people are"
_HTTPS = 443


def judge_time(check: str, certificates: Sequence[bytes], now: datetime, said: str, renew: str) -> Finding:
    """`said`, with the days that are left to the first certificate of the chain that ends."""
    try:
        ends = min((expires(one) for one in certificates), default=None)
    except (ValueError, TypeError, KeyError):  # what asn1crypto makes of nonsense
        ends = None
    if ends is None:
        return unknown(check, f"{said}; the certificate can't be read", "look at it with openssl s_client")
    days = (ends - now).days
    words = f"{said}, {days} days left"
    if days < _VERY_SOON:
        return fail(check, words, renew)
    return warn(check, words, renew) if days < _SOON else ok(check, words)


def manner(listener: Listener, hostname: str, context: ssl.SSLContext | None, timeouts: Timeouts) -> Manner:
    """How a listener of ours is spoken to; `context` None: in clear text."""
    ways = {Tls.IMPLICIT: HopTls.IMPLICIT, Tls.STARTTLS: HopTls.STARTTLS, Tls.NONE: HopTls.NONE}
    return Manner(f"doctor.{hostname}", ways[listener.tls] if context else HopTls.NONE, context, timeouts=timeouts)


async def of_listener(listener: Listener, hostname: str, address: str, now: datetime, timeouts: Timeouts) -> Finding:
    """The chain as a mail client checks it: by name, dates and the authorities of this machine."""
    check = f"tls {listener.bind}"
    host = Host(hostname, address, host_port(listener.bind)[1])
    try:
        session = await dial(host, manner(listener, hostname, ssl.create_default_context(), timeouts))
    except TlsFailed as error:
        how = f"one file with the certificate for {hostname} and its chain (fullchain.pem); signed by an authority of "
        return fail(check, error.text, how + "your own: SSL_CERT_FILE=ITS.pem mailguard doctor")
    except Unreachable as error:
        return unknown(check, error.text, "start mailguard, and look again")
    found = judge_time(check, chain(session.wire.tls), now, f"trusted, for {hostname}", _RENEW)
    session.wire.quit()
    return found


async def of_web(url: str, now: datetime, seconds: float) -> Finding:
    """The chain that browsers see at `web.url`."""
    parts, check = urlsplit(url), "tls web.url"
    host = parts.hostname or ""
    if parts.scheme != "https":
        if host in ("localhost", "127.0.0.1", "::1"):
            return ok(check, "this machine only, no TLS")
        return fail(check, f"{url}: links and codes cross the network in cleartext", "a TLS proxy, and https:// here")
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, parts.port or _HTTPS, ssl=context)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        return fail(
            check,
            f"the certificate of {host} can't be trusted: {why}",
            "give the proxy the whole chain; signed by an authority of your own: look with SSL_CERT_FILE=ITS.pem",
        )
    except TimeoutError:
        return unknown(check, f"{host} did not answer within {seconds:g} s", _AWAY)
    except OSError as error:
        return unknown(check, f"no connection to {host}: {error.strerror or error}", _AWAY)
    certificates = chain(writer.get_extra_info("ssl_object"))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return judge_time(check, certificates, now, f"trusted, for {host}", "renew the certificate of the proxy")
