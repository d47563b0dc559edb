"""`mailguard legal-hold`: of whom nothing is forgotten until it is lifted."""

import sys

import click

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, config_option, configured, say, table
from mailguard.cli.service import asking
from mailguard.records import EVERYBODY


@click.group("legal-hold")
@config_option
def command() -> None:
    """Of whom nothing is forgotten, by time or by hand."""


def _whom(address: str | None, everybody: bool) -> str:
    if (address is None) is not everybody:
        raise click.UsageError("name one ADDRESS, or give --all")
    return address or EVERYBODY


@command.command("set")
@click.argument("address", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@click.option("--reason", required=True, metavar="TEXT", help="Why: a file number, say. It stands in the audit.")
@config_option
@click.pass_obj
def set_(context: Context, address: str | None, everybody: bool, reason: str) -> None:
    """Forget nothing of ADDRESS from now on.

    That is mail to them, from them or answered for by them, and what was learnt of it.
    """
    person = _whom(address, everybody)
    with asking():
        answer = client.ask(configured(context).socket_path, "legal_hold_set", person=person, reason=reason)
    say(f"{_said(person)} is under a legal hold" if answer["done"] else f"{_said(person)} was under one already")


@command.command("lift")
@click.argument("address", required=False)
@click.option("--all", "everybody", is_flag=True, help="The hold of everybody; those of single persons stay.")
@config_option
@click.pass_obj
def lift(context: Context, address: str | None, everybody: bool) -> None:
    """End a hold that was set here.

    What is past its time goes with the next housekeeping.
    """
    person = _whom(address, everybody)
    with asking():
        answer = client.ask(configured(context).socket_path, "legal_hold_lift", person=person)
    if not answer["done"]:
        how = "`mailguard legal-hold list` shows all; for one of the configuration take out legal_hold, and restart"
        say(f"error: none was set here for {_said(person)}: {how}")
        sys.exit(Exit.FAILED)
    say(f"the legal hold of {_said(person)} is lifted")


@command.command("list")
@config_option
@click.pass_obj
def list_(context: Context) -> None:
    """Who is under a legal hold, since when, by whom and why."""
    with asking():
        rows = client.ask(configured(context).socket_path, "legal_hold_list")
    table(
        ("PERSON", "SINCE", "SOURCE", "BY", "REASON"),
        [(_said(row["person"]), row["made_at"], row["source"], row["made_by"], row["reason"]) for row in rows],
    )


def _said(person: str) -> str:
    return "everybody" if person == EVERYBODY else person
