"""Where mail goes next, tried as far as that goes without sending any; and whether there is a way around us."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection
from datetime import datetime

from mailguard.courier.courier import Courier
from mailguard.courier.lookup import Lookup
from mailguard.courier.rehearsal import Rehearsal
from mailguard.courier.settings import Hop, Tls
from mailguard.courier.smtp import LoginRefused, TlsFailed
from mailguard.doctor.finding import Finding, fail, ok, unknown, warn
from mailguard.doctor.tls import judge_time
from mailguard.errors import SmtpError, TemporaryFailure

_MOST = 3  # mail servers of a domain that are tried
_REPLY = 512  # bytes of a greeting


async def next_hop(
    courier: Courier, destination: str, hop: Hop, senders: Collection[str], recipient: str, now: datetime
) -> AsyncGenerator[Finding, None]:
    """Reached, TLS, login; and whether mail of our domains is taken there."""
    check = f"next hop {destination}"
    try:
        found = await courier.rehearse(destination, senders, recipient)
    except TlsFailed as error:
        how = "have its certificate repaired; if an authority of your own signed it, name it: ca_file under next_hop"
        yield fail(check, error.text, how)
    except LoginRefused as error:
        yield fail(check, error.text, "correct username and password_file of next_hop; mail waits until then")
    except TemporaryFailure as error:
        yield fail(check, error.text, "check address, port and firewall; mail waits until it answers")
    except SmtpError as error:
        yield fail(check, error.text, "correct next_hop")
    else:
        yield _reached(check, found, hop, now)
        for sender in senders:
            yield _taken(f"send-as {sender} at {destination}", found, sender, recipient)


def _reached(check: str, found: Rehearsal, hop: Hop, now: datetime) -> Finding:
    said = [found.remote]
    if hop.username:
        said.append("login accepted")
    if not found.encrypted:
        if hop.tls is Tls.NONE:
            said.append("no TLS, as configured")
            return ok(check, ", ".join(said))
        return warn(check, f"{found.remote}, without TLS", "ask its owner to offer STARTTLS")
    if hop.mx and hop.tls is None:
        said.append("TLS, certificate not checked (mx)")
        return ok(check, ", ".join(said))
    return judge_time(check, found.chain, now, ", ".join([*said, "TLS trusted"]), "tell the owner of that server")


def _taken(check: str, found: Rehearsal, sender: str, recipient: str) -> Finding:
    said = found.refused.get(sender)
    if said is None:
        return ok(check, f"accepted, to {recipient} (nothing was sent)")
    how = "let this login or address send as our domains at that server"
    return fail(check, f"refused: {said}", how) if said.code >= 500 else unknown(check, f"put off: {said}", how)  # noqa: PLR2004


async def way_around(lookup: Lookup, domain: str, own: Collection[str], port: int, seconds: float) -> Finding:
    """Whether the domain's mail servers take connections from here: then mail clients may go there as well.

    `own` are addresses that mail goes to by way of us anyway.
    """
    check = f"way around {domain}"
    found = await lookup.exchangers(domain)
    names = [one.name for one in sorted(found[0], key=lambda one: one.preference) if one.name] if found else []
    addresses = [
        (name, address)
        for name in names[:_MOST]
        for have, _ in await lookup.addresses(name)
        for address in have[:1]
        if address not in own
    ]
    if not addresses:
        return ok(check, "no mail server of its own that could be reached past us")
    greetings = await asyncio.gather(*(_greeting(address, port, seconds) for _, address in addresses))
    open_to_us = [name for (name, _), text in zip(addresses, greetings, strict=True) if text]
    if not open_to_us:
        return ok(check, f"port {port} of {', '.join(name for name, _ in addresses)} can't be reached from here")
    how = (
        "let only this machine reach port 25 outside (firewall), and have the mail provider take mail of your domains "
        "from here only (connector); then look again from a client: mailguard doctor --only 'way around'"
    )
    return warn(check, f"port {port} of {', '.join(open_to_us)} answers: clients in this network may pass us by", how)


async def _greeting(address: str, port: int, seconds: float) -> bool:
    """Whether an SMTP server says hello there."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port)
            with contextlib.closing(writer):
                hello = await reader.read(_REPLY)
                writer.write(b"QUIT\r\n")
                return hello.startswith(b"220")
    except (OSError, TimeoutError):
        return False
