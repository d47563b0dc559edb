"""`mailguard token`: keys with which programs use the REST API."""

import sys

import click

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, config_option, configured, say, table
from mailguard.cli.service import asking
from mailguard.records import Role


@click.group("token")
@config_option
def command() -> None:
    """Keys for programs that use the REST API."""


@command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it is for.")
@click.option("--person", default="", metavar="ADDRESS", help="Whose mail it is about: for sender and approver.")
@click.option("--expires", default="90d", show_default=True, metavar="DURATION", help="366d at most.")
@config_option
@click.pass_obj
def add(context: Context, name: str, role: str, person: str, expires: str) -> None:
    """Make a token and show it, once: only its hash is kept."""
    with asking():
        answer = client.ask(
            configured(context).socket_path, "token_add", name=name, role=role, person=person, expires=expires
        )
    click.echo(answer["token"])
    say(f"{name} is good until {answer['expires_at']}; it is not shown again")


@command.command("revoke")
@click.argument("name")
@config_option
@click.pass_obj
def revoke(context: Context, name: str) -> None:
    """End a token, at once."""
    with asking():
        answer = client.ask(configured(context).socket_path, "token_revoke", name=name)
    if not answer["done"]:
        say(f"error: there is no token {name!r}: `mailguard token list` shows them")
        sys.exit(Exit.FAILED)
    say(f"{name} opens nothing any more")


@command.command("list")
@config_option
@click.pass_obj
def list_(context: Context) -> None:
    """List the tokens; none is ever shown."""
    with asking():
        rows = client.ask(configured(context).socket_path, "token_list")
    table(
        ("NAME", "ROLE", "PERSON", "UNTIL", "MADE BY"),
        [(row["name"], row["role"], row["person"], row["expires_at"], row["made_by"]) for row in rows],
    )
