"""`mailguard doctor`: is everything around mailguard as it must be, before and after going live?"""

import asyncio
import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from mailguard.cli.common import Context, Exit, configured, emit, table, verb
from mailguard.clock import SystemClock
from mailguard.courier.lookup import Lookup, resolver_at
from mailguard.doctor.finding import Finding, Status
from mailguard.doctor.run import Outside, examine
from mailguard.document.units import host_port

_DNS_SECONDS = 10.0
_SIGNED = "._domainkey."


def _address(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_address(value)) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _server(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        host, _port = host_port(value if value.count(":") == 1 or "]:" in value else f"[{value}]:53")
        return f"[{ipaddress.ip_address(host)}]:{_port}"
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ADDRESS or ADDRESS:PORT") from None


def _key(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str, Path | None]]:
    found: list[tuple[str, str, Path | None]] = []
    for value in values:
        name, _eq, file = value.partition("=")
        selector, between, domain = name.partition(_SIGNED)
        if not (selector and between and domain):
            raise click.BadParameter(f"{value!r}: write SELECTOR._domainkey.DOMAIN, or that and =KEY.pem")
        found.append((selector, domain, Path(file) if file else None))
    return found


@verb("doctor")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: check, status, found, fix.")
@click.option("--strict", is_flag=True, help="Warnings and what is not known end with exit code 3.")
@click.option("--only", default="", metavar="NAME", help="Only checks whose name begins so, like spf or 'way around'.")
@click.option(
    "--egress", multiple=True, metavar="ADDRESS", callback=_address,
    help="An address from which mail reaches the world. With mx: true default: those of smtp.hostname.",
)  # fmt: skip
@click.option(
    "--recipient", metavar="ADDRESS",
    help="Whom next hops are asked about; nothing is sent. Default: holds.fallback.",
)  # fmt: skip
@click.option(
    "--dkim", "keys", multiple=True, metavar="NAME[=KEY.pem]", callback=_key,
    help="A record that signatures are checked with, SELECTOR._domainkey.DOMAIN, and the key that makes them.",
)  # fmt: skip
@click.option("--dns", metavar="ADDRESS", callback=_server, help="Ask this DNS server, like one outside: 9.9.9.9.")
@click.option("--timeout", default=30.0, metavar="SECONDS", show_default=True, help="For each check.")
@click.pass_obj
def command(
    context: Context, as_json: bool, strict: bool, only: str, egress: tuple[str, ...], recipient: str | None,
    keys: list[tuple[str, str, Path | None]], dns: str | None, timeout: float,
) -> None:  # fmt: skip
    """Look at everything around mailguard.

    DNS of our domains, TLS, next hops, listeners, ways around, clock, disk and rights, each with what to do about it.
    Nothing is sent or changed.
    Exit code 1 if a check failed.
    """
    config = configured(context)
    resolver = resolver_at(dns)
    resolver.lifetime = _DNS_SECONDS
    outside = Outside(Lookup(resolver), egress, recipient, tuple(keys), patience=timeout)
    found = asyncio.run(examine(config, outside, SystemClock(), only))
    if not found:
        raise click.UsageError(f"no check begins with {only!r}: their names are the second column without --only")
    if as_json:
        emit(asdict(one) for one in found)
    else:
        show(found)
    if any(one.status is Status.FAIL for one in found):
        sys.exit(Exit.FAILED)
    if strict and any(one.status is not Status.OK for one in found):
        sys.exit(Exit.FINDINGS)


def show(found: Sequence[Finding]) -> None:
    """The findings as a table, and how many of each kind."""
    rows = [(one.status, one.check, (one.found, f"→ {one.fix}") if one.fix else one.found) for one in found]
    table(("STATUS", "CHECK", "FOUND"), rows)
    click.echo("\n" + ", ".join(f"{sum(one.status is kind for one in found)} {kind}" for kind in Status))
