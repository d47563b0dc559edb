"""`mailguard people`: what is known of somebody, from people.yaml and the directory."""

import os
import sys
from typing import Any

import click

from mailguard import people as directory
from mailguard.cli.common import Context, Exit, emit, plain, say, verb
from mailguard.cli.surroundings import remembered
from mailguard.config import load as load_config
from mailguard.mail import address as addresses
from mailguard.people import People


@verb("people")
@click.argument("address")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def command(context: Context, address: str, as_json: bool) -> None:
    """Say what is known of somebody.

    Who ADDRESS is, in which groups, and for whom they act: from people.yaml, and what the directory said last.
    """
    config = load_config(context.existing, os.environ)
    found = remembered(config)
    people = directory.load(config.people_path, config.organization, found)
    places = found.places if found else {}
    said = _said(people, address, places.get(people.canonical(address)) or places.get(addresses.key(address), ""))
    if as_json:
        emit([said])
    else:
        for name, value in said.items():
            if name != "known" and value not in ("", [], None, False):
                click.echo(f"{name}: {plain(', '.join(value) if isinstance(value, list) else str(value))}")
    if not said["known"]:
        say(f"nobody is known by {plain(address)}")
        sys.exit(Exit.FAILED)


def _said(people: People, address: str, entry: str) -> dict[str, Any]:
    person, members = people.person(address), people.expand(address)
    name = addresses.key(address)
    groups = sorted(group for group in people.groups if people.in_group(address, group))
    is_list = members != {name}
    return {
        "address": person.address if person else name,
        "known": person is not None or is_list or bool(groups),
        "name": person.name if person else "",
        "title": person.title if person else "",
        "aliases": list(person.aliases) if person else [],
        "groups": groups,
        "manager": person.manager if person else None,
        "assistant": person.assistant.address if person and person.assistant else None,
        "service": person is not None and person.service,
        "owner": person.owner if person else None,
        "assistant_of": sorted(one.address for one in people.persons if _assists(people, one.address, address)),
        "members": sorted(members) if is_list else [],
        "external": people.external(address),
        "entry": entry,
    }


def _assists(people: People, person: str, address: str) -> bool:
    assistant = people.assistant_of(person)
    return assistant is not None and people.canonical(assistant.address) == people.canonical(address)
