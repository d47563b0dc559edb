"""`mailguard dkim`: keys that mail is signed with, and what DNS has to say of them."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click
from pydantic import ValidationError

from mailguard.cli.common import Context, Exit, config_option, configured, say
from mailguard.config import signing
from mailguard.dkim import keys
from mailguard.dkim.settings import DkimKey


@click.group("dkim")
@config_option
def command() -> None:
    """Keys that mail is signed with as it leaves."""
    if find_spec("cryptography") is None:
        say("error: this needs a library that is not installed: pip install 'mailguard[dkim]'")
        sys.exit(Exit.FAILED)


@command.command("new-key")
@click.argument("domain")
@click.argument("selector")
@click.option("--type", "kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True)
@click.option("--bits", type=click.IntRange(keys.FEWEST, keys.MOST), default=keys.FEWEST, show_default=True,
              help="Of an RSA key.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Default: DOMAIN.SELECTOR.pem")
def new_key(domain: str, selector: str, kind: keys.Kind, bits: int, out: Path | None) -> None:
    """Write a new private key, and print the DNS record that belongs to it."""
    path = (out or Path(f"{domain}.{selector}.pem")).absolute()  # mailguard.yaml reads paths from its own folder
    try:
        named = DkimKey(domain=domain, selector=selector, key_file=path)
    except ValidationError as error:
        raise click.UsageError("; ".join(str(one["ctx"]["error"]) for one in error.errors())) from None
    pem = keys.fresh(kind, bits)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        say(f"error: {path} is there already, and may be in use: nothing was written")
        sys.exit(Exit.FAILED)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    click.echo(keys.read(named.domain, named.selector, pem).zone_line)
    say(f"{path} is the private key: let only the service read it (chgrp mailguard {path} && chmod 640 {path})")
    say("publish the record above, and when every name server has it add to mailguard.yaml, and reload:")
    say(f"dkim: [{{domain: {named.domain}, selector: {named.selector}, key_file: {path}}}]")


@command.command("records")
@config_option
@click.pass_obj
def records(context: Context) -> None:
    """Print the DNS records of all keys that the configuration names."""
    named = configured(context).dkim
    if not named:
        say("no keys: mail leaves unsigned (`mailguard dkim new-key DOMAIN SELECTOR` makes one)")
    for one in named:
        click.echo(signing.key(one).zone_line)
