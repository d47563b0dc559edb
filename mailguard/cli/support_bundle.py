"""`mailguard support-bundle`: what somebody who helps from afar needs to know, and nothing of anybody's mail."""

import glob
import importlib.metadata
import io
import json
import os
import platform
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from mailguard import __version__
from mailguard.admin import client
from mailguard.cli.check import everything
from mailguard.cli.common import Context, Exit, say, verb
from mailguard.cli.masked import Masks
from mailguard.cli.packaged import default_rules
from mailguard.config import Config
from mailguard.config import load as load_config
from mailguard.document import yaml
from mailguard.errors import ConfigError, MailguardError
from mailguard.store.settings import is_postgres

_LINES = 20_000  # the newest of the log


@verb("support-bundle")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), default=Path("mailguard-support.tar.gz"))
@click.option("--log", type=click.File("r", errors="replace"), help="The service's log in JSON, or - for stdin.")
@click.pass_obj
def command(context: Context, target: Path, log: TextIO | None) -> None:
    """Pack what a helper must know, and no content.

    Versions, settings, health, numbers and the log go into TARGET. No mail, subject, secret or address does: every text
    that somebody wrote is a mark, the same one for the same text within this bundle.
    `journalctl -u mailguard -o cat -S -1d | mailguard support-bundle --log -`
    """
    masks = Masks(_own_words())
    parts: dict[str, Callable[[], str]] = {
        "versions.json": lambda: _json(_versions()), "check.txt": lambda: "\n".join(_check(context)),
        "settings.json": lambda: _json(masks.settings(_config(context))),
        "files.json": lambda: _json(_files(_config(context))),
        "health.json": lambda: _json(_health(_config(context), masks)),
        "metrics.txt": lambda: "\n".join(masks.samples(_scrape(_config(context)))),
    }  # fmt: skip
    if log is not None:
        parts["log.jsonl"] = lambda: "\n".join(_log(log, masks))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        say(f"error: {target} is there already: name a file that is not")
        sys.exit(Exit.FAILED)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, part in parts.items():
            _add(bundle, name, part)
    say(f"{target}: {', '.join(parts)}. Look into it before you send it: tar xzOf {target} | less")


def _add(bundle: tarfile.TarFile, name: str, part: Callable[[], str]) -> None:
    """What can't be had is said in its place: by its kind, since the words may quote anything."""
    try:
        text = part()
    except (MailguardError, OSError, ValueError) as error:
        text = f"not to be had: {type(error).__name__}"
    data = text.encode()
    entry = tarfile.TarInfo(f"mailguard-support/{name}")
    entry.size, entry.mode = len(data), 0o600
    bundle.addfile(entry, io.BytesIO(data))


def _own_words() -> set[str]:
    """Ids of the shipped rules."""
    files = sorted(default_rules().glob("[0-9]*.yaml"))
    found = (yaml.read(path).data for path in files if not path.name.endswith(".test.yaml"))
    return {str(rule["id"]) for file in found if isinstance(file, dict) for rule in file.get("rules", ())}


def _config(context: Context) -> Config:
    return load_config(context.existing, os.environ)


def _versions() -> dict[str, Any]:
    libraries = importlib.metadata.distributions()
    return {
        "mailguard": __version__, "python": platform.python_version(), "system": platform.platform(),
        "processors": os.cpu_count(),
        "libraries": dict(sorted((one.metadata["Name"] or "?", one.version) for one in libraries)),
    }  # fmt: skip


def _check(context: Context) -> Iterator[str]:
    """Where something is wrong; the words may quote a file."""
    for problem in everything(context):
        yield f"{Path(problem.path).suffix}:{problem.line}: {problem.severity}[{problem.code}]"


def _files(config: Config) -> dict[str, Any]:
    """Sizes, modes and room, of what stands beside the store."""
    if is_postgres(config.store):
        return {"store": "postgresql"}
    path = config.store_path
    found = [(one, one.stat()) for one in sorted(path.parent.glob(f"{glob.escape(path.name)}*")) if one.is_file()]
    files = {
        f"store{one.name.removeprefix(path.name)}": {"size": is_.st_size, "mode": oct(is_.st_mode), "uid": is_.st_uid}
        for one, is_ in found
    }
    return {"files": files, "free": shutil.disk_usage(path.parent).free}


def _health(config: Config, masks: Masks) -> dict[str, Any]:
    said = client.ask(config.socket_path, "health", timeout=5)
    return {
        "ready": said["ready"], "paused": bool(said["paused"]), "rules": said["rules"], "queue": said["queue"],
        "listeners": [masks.mark(one) for one in said["listeners"]],
        "notices_undelivered": said["notices_undelivered"], "bypass": bool(said["bypass"]),
        "frozen": [masks.mark(one) for one in said["frozen"]],
        "suspects": [masks.mark(one) for one in said["suspects"]],
        "nodes": [{"rules": node.get("rules", ""), "version": node.get("version", "")} for node in said["nodes"]],
    }  # fmt: skip


def _scrape(config: Config) -> str:
    if config.metrics.bind is None:
        raise ConfigError("no metrics.bind")
    with urllib.request.urlopen(f"http://{config.metrics.bind}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def _log(log: TextIO, masks: Masks) -> Iterator[str]:
    lines, unread = log.readlines()[-_LINES:], 0
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict):
            yield json.dumps(masks.line(event), ensure_ascii=False)
        else:
            unread += 1
    if unread:
        yield json.dumps({"not_json": unread})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
