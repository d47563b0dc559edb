"""`mailguard reload`: rules, people, users and certificates, all or nothing."""

import click

from mailguard.admin import client
from mailguard.cli.common import Context, configured, say, verb
from mailguard.cli.service import asking


@verb("reload")
@click.pass_obj
def command(context: Context) -> None:
    """Make the service read its rules and people again.

    And users, listeners and certificates: all or nothing.
    """
    socket = configured(context).socket_path
    with asking(refused="not reloaded, what was live stays live"):
        answer = client.ask(socket, "reload")
    say(f"reloaded; the live rules are {answer['rules'][:12]}")
