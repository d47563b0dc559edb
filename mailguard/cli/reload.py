"""`mailguard reload`: rules, people, users and certificates, all or nothing."""

import sys

import click

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, configured, say, verb
from mailguard.cli.service import asking


@verb("reload")
@click.pass_obj
def command(context: Context) -> None:
    """Make the service read its rules and people again.

    And users, listeners and certificates: all or nothing. Every node on the same store does it with its own files;
    exit code 1 when one of them could not.
    """
    socket = configured(context).socket_path
    with asking(refused="not reloaded, what was live stays live"):
        answer = client.ask(socket, "reload")
    rules, nodes = answer["rules"], answer["nodes"]
    others = [node for node in nodes if node.get("failed") or node.get("rules") != rules]
    say(f"reloaded; the live rules are {rules[:12]}" + (f" on {len(nodes) - len(others)} nodes" if nodes else ""))
    for node in others:
        why = f"its files are wrong ({node['failed']})" if node.get("failed") else "its files, or its answer, are other"
        say(f"not on {node['name']}, where {node.get('rules', '')[:12] or 'nothing'} is live: {why}")
    if others:
        sys.exit(Exit.FAILED)
