"""`mailguard user`: who may log in. What is written is live at the next login."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import click
import segno
from pydantic import ValidationError

from mailguard.admin import client
from mailguard.cli.common import Context, Exit, config_option, configured, plain, say, table
from mailguard.cli.saving import save
from mailguard.cli.service import asking
from mailguard.mail import address
from mailguard.smtpd.users import UserEntry, hash_password, load_users

_HEAD = """\
# Who may log in from a mail client. Written by `mailguard user`; changes are live at the next login.
# Comments of your own are lost when a user is added or changed.
version: 1
"""


@click.group("user")
@config_option
def command() -> None:
    """Add, change and list logins (users.yaml)."""


def _file(context: Context) -> Path:
    path = configured(context).users_path
    if path is None:
        say("error: this configuration has no users file: set smtp.users to {file: users.yaml}")
        sys.exit(Exit.FAILED)
    return path


def _load(path: Path) -> dict[str, UserEntry]:
    return load_users(path) if path.exists() else {}


def _save(path: Path, users: dict[str, UserEntry]) -> None:
    """JSON strings are YAML."""
    lines = [
        "  - " + json.dumps(user.model_dump(mode="json", exclude_defaults=True) | {"send_as": user.send_as})
        for user in users.values()
    ]
    save(path, _HEAD + ("users:\n" + "\n".join(lines) + "\n" if lines else "users: []\n"))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not password:
        raise click.UsageError("the password is empty")
    return hash_password(str(password))


def _known(users: dict[str, UserEntry], name: str) -> UserEntry:
    user = users.get(address.key(name))
    if user is None:
        say(f"error: there is no user {name!r}; there are: {', '.join(u.name for u in users.values()) or 'none'}")
        sys.exit(Exit.FAILED)
    return user


@command.command("add")
@click.argument("name")
@click.option("--send-as", multiple=True, required=True, metavar="ADDRESS", help="Repeatable; the first is theirs.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@config_option
@click.pass_obj
def add(context: Context, name: str, send_as: tuple[str, ...], password_stdin: bool) -> None:
    """Add a user who may send as these addresses ("*@corp.example" is all of a domain)."""
    path = _file(context)
    users = _load(path)
    if address.key(name) in users:
        say(f"error: {name!r} is there already; change the password with `mailguard user passwd {name}`")
        sys.exit(Exit.FAILED)
    try:
        user = UserEntry(name=name, password=_password(password_stdin), send_as=send_as)
    except ValidationError as error:
        say(f"error: {error.errors()[0]['msg'].removeprefix('Value error, ')}")
        sys.exit(Exit.USAGE)
    _save(path, users | {address.key(name): user})
    _told(context, "added", name)
    say(f"{name} may now log in and send as {', '.join(send_as)}")


@command.command("passwd")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@config_option
@click.pass_obj
def passwd(context: Context, name: str, password_stdin: bool) -> None:
    """Set a new password."""
    path = _file(context)
    users = _load(path)
    user = _known(users, name)
    changed = user.model_copy(update={"password": _password(password_stdin)})
    _save(path, users | {address.key(name): changed})
    _told(context, "password_changed", user.name)
    say(f"the password of {user.name} is changed")


@command.command("disable")
@click.argument("name")
@click.option("--again", is_flag=True, help="Let a disabled user log in again.")
@config_option
@click.pass_obj
def disable(context: Context, name: str, again: bool) -> None:
    """Let a user log in no more; what waits of their mail is held for the fallback person.

    Letting them log in again lets nothing go: that is a person's decision, mail by mail.
    """
    path = _file(context)
    users = _load(path)
    user = _known(users, name)
    _save(path, users | {address.key(name): user.model_copy(update={"disabled": not again})})
    _told(context, "enabled" if again else "disabled", user.name)
    say(f"{user.name} {'may log in again' if again else 'can log in no more'}")
    if not again:
        applied = _service(context) is not None
        say("what waits of their mail is held" if applied else "what waits of their mail is held when it starts")
    elif any(one["name"] == f"login {address.key(name)}" for one in _service(context) or ()):
        say(f"but {user.name} is frozen because too much was sent: `mailguard user thaw {user.name}` ends that")


@command.command("totp")
@click.argument("name")
@click.option("--remove", is_flag=True, help="Take the second factor away: no signing in with the password then.")
@config_option
@click.pass_obj
def totp(context: Context, name: str, remove: bool) -> None:
    """Give a user a second factor, with which they may sign in to the pages (web.passwords).

    Shows the address for their authenticator app, as a QR code on a terminal, and ten recovery codes: once. Another one
    replaces the one before. What they are signed in to with it ends.
    """
    users = configured(context).users_path
    login = _known(_load(users), name).name if users is not None else name
    with asking():
        answer = client.ask(configured(context).socket_path, f"factor_{'remove' if remove else 'enrol'}", name=login)
    if remove:
        if not answer["done"]:
            say(f"error: {login} has no second factor")
            sys.exit(Exit.FAILED)
        say(f"{login} has no second factor any more, and can't sign in with the password")
        return
    if sys.stdout.isatty():
        segno.make(answer["uri"], micro=False).terminal(compact=True)
    click.echo(answer["uri"])
    say("scan it with an authenticator app. Each of these codes is good once, for when the app is lost:")
    for code in answer["recovery"]:
        click.echo(code)
    say(f"none of it is shown again; {login} signs in with the password and the app's code")
    if not configured(context).web.passwords:
        say("but not before mailguard.yaml says web: {passwords: true}")


@command.command("app-passwords")
@click.argument("person", required=False, metavar="[ADDRESS]")
@click.option("--revoke", metavar="NAME", help="It logs nobody in any more, from now on.")
@click.option("--revoke-all", is_flag=True, help="None of this person's does: a device is lost, somebody leaves.")
@config_option
@click.pass_obj
def app_passwords(context: Context, person: str | None, revoke: str | None, revoke_all: bool) -> None:
    """List app passwords (smtp.users.app_passwords), or revoke one or all of a person.

    None is ever shown: its owner makes it on the web. A client that is logged in with what is revoked is thrown out.
    """
    if (revoke or revoke_all) and not person:
        raise click.UsageError("whose? Name the ADDRESS")
    if revoke and revoke_all:
        raise click.UsageError("either --revoke NAME or --revoke-all")
    path = configured(context).socket_path
    with asking():
        if not (revoke or revoke_all):
            rows = client.ask(path, "app_password_list", person=person)
            shown = [(row["person"], row["name"], row["made_at"], row["used_on"] or "never") for row in rows]
            table(("PERSON", "NAME", "MADE", "LAST USED"), shown)
            return
        revoked = client.ask(path, "app_password_revoke", person=person, name=revoke)["revoked"]
    if not revoked:
        say(f"error: {person} has none{f' called {revoke!r}' if revoke else ''}")
        sys.exit(Exit.FAILED)
    say(f"revoked: {', '.join(map(plain, revoked))}")


def _told(context: Context, what: str, name: str) -> None:
    """For the audit: who did it. Without a service, its next start finds that the file is another one."""
    with contextlib.suppress(client.Unreachable, client.Refused):
        client.ask(configured(context).socket_path, "user_changed", what=what, name=name)


def _service(context: Context) -> list[dict[str, Any]] | None:
    """Have the running service look at the file now; who is frozen. None, and said so, when it does not answer."""
    try:
        answer = client.ask(configured(context).socket_path, "users")
    except client.Unreachable:
        say("the service does not run")
        return None
    except client.Refused as error:
        say(f"error: {error}")
        sys.exit(Exit.FAILED)
    frozen: list[dict[str, Any]] = answer["frozen"]
    return frozen


@command.command("thaw")
@click.argument("name")
@config_option
@click.pass_obj
def thaw(context: Context, name: str) -> None:
    """Accept mail again of a login that was frozen.

    Also of a listener, as `user list` names it. What is held stays held.
    """
    with asking():
        answer = client.ask(configured(context).socket_path, "thaw", name=name)
    if not answer["done"]:
        say(f"error: {name!r} is not frozen: `mailguard user list` shows who is")
        sys.exit(Exit.FAILED)
    say(f"mail of {name} is accepted again")


@command.command("list")
@config_option
@click.pass_obj
def list_(context: Context) -> None:
    """List the users; no password is ever shown."""
    users = _load(_file(context))
    service = _service(context)
    frozen = {one["name"]: one for one in service or ()}
    factors = client.ask(configured(context).socket_path, "factor_list") if service is not None else []

    def note(user: UserEntry) -> str:
        found = frozen.get(f"login {address.key(user.name)}")
        said = ["disabled"] * user.disabled + ["second factor"] * (address.key(user.name) in factors)
        said += [f"frozen since {found['since']}: {found['why']}"] if found else []
        return ", ".join(said)

    table(("NAME", "SENDS AS", ""), [(user.name, ", ".join(user.send_as), note(user)) for user in users.values()])
    for one in frozen.values():
        if one["name"].startswith("listener "):
            say(f"{one['name']} is frozen since {one['since']}: {one['why']}")
