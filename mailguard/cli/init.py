"""`mailguard init`: a folder to begin with: configuration, people, users and the default policy."""

import shutil
import sys
from pathlib import Path

import click

from mailguard.cli.common import DEFAULT, Exit, say, verb
from mailguard.cli.packaged import default_rules, example

# Places of a service; in a folder of one's own everything stays there.
_HERE = {"sqlite:///var/lib/mailguard/mail.db": "sqlite:mail.db", "/run/mailguard/admin.sock": "admin.sock"}
_USERS = """\
# Who may log in from a mail client. Written by `mailguard user add NAME --send-as ADDRESS`; live at once.
users: []
"""


@verb("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT.parent)
def command(folder: Path) -> None:
    """Begin: a configuration and the shipped rules.

    They are written into FOLDER [default: /etc/mailguard], with comments. Nothing that is there already is touched.
    In another folder than the default the store and the admin socket stand in it, too.
    """
    try:
        written = _write(folder)
    except OSError as error:
        say(f"error: cannot write {error.filename or folder}: {error.strerror}")
        sys.exit(Exit.FAILED)
    for path in written:
        click.echo(path)
    if not written:
        say(f"everything is in {folder} already: nothing was written")
        return
    program = "mailguard" if shutil.which("mailguard") else sys.argv[0]  # as it can be typed again here
    call = program if folder == DEFAULT.parent else f"{program} --config {folder / DEFAULT.name}"
    say(
        f"Next: edit {folder / DEFAULT.name} and people.yaml, then\n"
        f"  {call} check\n"
        f"  {call} test\n"
        f"  {call} user add ann --send-as ann@corp.example\n"
        f"  {call} serve"
    )


def _placed(text: str, folder: Path) -> str:
    for usual, here in _HERE.items() if folder != DEFAULT.parent else ():
        text = text.replace(usual, here)
    return text


def _write(folder: Path) -> list[Path]:
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    wanted = {folder / name: example(name) for name in ("mailguard.yaml", "people.yaml")}
    wanted |= {folder / "rules" / rule.name: rule for rule in sorted(default_rules().glob("*.yaml"))}
    written = []
    for path, source in wanted.items():
        if not path.exists():
            path.write_text(_placed(source.read_text("utf-8"), folder), "utf-8")
            written.append(path)
    users = folder / "users.yaml"
    if not users.exists():
        users.touch(mode=0o600)
        users.write_text(_USERS, "utf-8")
        written.append(users)
    return written
