"""The house rules, read from the code itself: who imports whom, sizes, and what must be documented."""

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import get_args

import click
import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel

from mailguard.metrics import Metrics

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mailguard"

# Imports go down this list only (to a smaller number); rooms of one line never import each other.
LINES = (
    "errors clock tasks process syslog",
    "document mail locale",
    "records logger",
    "people",
    "rules history retry dkim dsn journal notices tokens audit log metrics stamp",
    "store courier extract directory imap oidc plugin",
    "intake desk scheduler postman webhooks curbs nodes",
    "smtpd web admin answers sent_copies",
    "config",
    "health doctor departures",
    "service",
    "workers",
    "cli demo",
)
LEVEL = {room: level for level, line in enumerate(LINES) for room in line.split()}
# The one import sideways: the verb `demo` starts the room of that name.
SIDEWAYS = {("cli/demo.py", "demo")}
ANYWHERE = {"testing", "__init__", "__main__"}  # may import all; testing is imported by none

# Third-party and standard modules that live in one place each.
CONFINED = {
    "aiosmtpd": ("smtpd/", "demo/"),
    "aiosmtplib": ("courier/smtp.py",),
    "babel": ("locale/",),
    "dns": ("courier/lookup.py",),
    "yaml": ("document/",),
    "sqlite3": ("store/",),
    "asyncpg": ("store/",),
    "httpx": ("webhooks/", "courier/sts.py", "courier/token.py"),
    "structlog": ("logger.py",),
    "asn1crypto": ("extract/", "courier/certificate.py"),
    "compressed_rtf": ("extract/",),
    "olefile": ("extract/",),
    "pypdfium2": ("extract/",),
    "tnefparse": ("extract/",),
    "tarfile": ("extract/", "cli/support_bundle.py"),
    "zipfile": ("extract/",),
    "ldap3": ("directory/client.py",),
    "imaplib": ("imap/",),
    "authlib": ("oidc/provider.py",),
    "httpx2": ("oidc/",),
    "joserfc": ("oidc/",),
    "cryptography": ("store/sealing.py", "dkim/keys.py"),
    "pyotp": ("desk/factor.py",),
    "segno": ("cli/user.py", "web/second_factor.py"),
}
# The clock, the demo's faster one, and the one for tests (which also polls real work)
CLOCKS = {"clock.py", "demo/clock.py", "testing.py"}
CLOCK_CALLS = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.sleep",
    "asyncio.sleep",
}


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 10
    return found


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything imported, `from a import b` as a.b, at any depth of the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}: relative import in line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- who may import whom --------------------------------------------------------------------------


def test_every_room_has_its_line() -> None:
    assert {room(path) for path in modules()} - set(LEVEL) - ANYWHERE == set()


def test_imports_only_go_down() -> None:
    wrong = []
    for path in modules():
        here = room(path)
        for name in imports(path):
            there = name.split(".")[1] if name.startswith("mailguard.") else here
            if there == here or here not in LEVEL or there not in LEVEL | {"testing": 0}:
                continue
            if (shown(path), there) in SIDEWAYS:
                continue
            if there == "testing" or LEVEL[there] >= LEVEL[here]:
                wrong.append(f"{shown(path)} imports {name}")
    assert wrong == []


def test_each_library_stays_in_its_place() -> None:
    wrong = [
        f"{shown(path)} imports {name}"
        for path in modules()
        for name in imports(path)
        if (places := CONFINED.get(name.split(".")[0])) and not shown(path).startswith(places)
    ]
    assert wrong == []


def test_only_the_clock_asks_for_the_time_or_sleeps() -> None:
    wrong = [
        f"{shown(path)}:{line} calls {name}"
        for path in modules()
        if shown(path) not in CLOCKS
        for line, name in _clock_calls(tree(path))
    ]
    assert wrong == []


def _clock_calls(module: ast.Module) -> Iterator[tuple[int, str]]:
    known: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            head, _, rest = ast.unparse(node.func).partition(".")
            name = ".".join(filter(None, [known.get(head, head), rest]))
            yields = name == "asyncio.sleep" and ast.unparse(node.args[0]) == "0"
            if name in CLOCK_CALLS and not yields:
                yield node.lineno, name


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import datetime as d\nd.datetime.now()", ["datetime.datetime.now"]),
        ("from datetime import datetime\ndatetime.now(UTC)", ["datetime.datetime.now"]),
        ("from time import time as t\nt()", ["time.time"]),
        ("import asyncio\nawait asyncio.sleep(1)", ["asyncio.sleep"]),
        ("import asyncio\nawait asyncio.sleep(0)", []),
        ("await self.clock.sleep(5)", []),
    ],
)
def test_the_search_for_clock_calls_sees_through_names(code: str, found: list[str]) -> None:
    assert [name for _, name in _clock_calls(ast.parse(code))] == found


# --- sizes and names ------------------------------------------------------------------------------


def test_files_stay_small() -> None:
    lengths = {shown(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert median(lengths.values()) <= 140


def test_nothing_is_named_for_what_it_is_not() -> None:
    vague = re.compile(r"^(utils?|helpers?|misc)$")
    assert [shown(path) for path in modules() if vague.match(path.stem)] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [shown(path) for path in modules() if later.search(path.read_text("utf-8"))]
    assert found == []


def test_test_folders_are_packages_so_that_equal_names_do_not_clash() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert sorted(f"{folder}" for folder in folders if not (folder / "__init__.py").exists()) == []


def test_every_event_and_every_number_is_written_by_somebody() -> None:
    others = "".join(path.read_text("utf-8") for path in modules() if path.name not in ("log.py", "metrics.py"))
    events = re.findall(r"^    def ([a-z]\w+)", (PACKAGE / "log.py").read_text("utf-8"), re.MULTILINE)
    numbers = [name for name, value in vars(Metrics()).items() if isinstance(value, MetricWrapperBase)]
    assert len(events) > 20
    assert len(numbers) > 15
    dead = [name for name in events if name != "address" and not re.search(rf"log\.{name}\b", others)]
    dead += [name for name in numbers if not re.search(rf"metrics\.{name}\b", others)]
    assert dead == []


# --- what must be documented ----------------------------------------------------------------------


def doc(*names: str) -> str:
    return "\n".join((ROOT / name).read_text("utf-8") for name in names)


def conditions() -> list[str]:
    """The YAML keys given to @condition("key")."""
    names = [
        decorator.args[0].value
        for path in sorted((PACKAGE / "rules" / "conditions").glob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] == "condition"
        if isinstance(decorator.args[0], ast.Constant)
    ]
    return [str(name) for name in names]


def test_every_condition_is_documented() -> None:
    names = conditions()
    assert len(names) >= 10
    assert [name for name, count in Counter(names).items() if count > 1] == []
    text = doc("docs/writing-rules.md")
    assert [name for name in names if f"`{name}`" not in text] == []


def settings(model: type[BaseModel], at: str = "") -> Iterator[str]:
    """Dotted paths of every setting in mailguard.yaml."""
    for name, field in model.model_fields.items():
        key = at + (field.alias or name)
        inner = list(_models(field.annotation))
        yield key
        for section in inner:
            yield from settings(section, f"{key}.")


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def test_every_setting_is_documented() -> None:
    from mailguard.config import Config

    example, text = doc("deploy/mailguard.yaml"), doc("docs/operating.md")
    paths = sorted(set(settings(Config)))
    assert len(paths) > 40
    undocumented = [
        path
        for path in paths
        if f"`{path}`" not in text and not re.search(rf"\b{re.escape(path.split('.')[-1])}:", example)
    ]
    assert undocumented == []


def test_every_command_is_documented() -> None:
    from mailguard.cli import cli

    lines = doc("docs/operating.md", "README.md").splitlines()
    missing = [verb for verb in _verbs(cli) if not any(_speaks_of(verb, line) for line in lines)]
    assert missing == []


def _speaks_of(verb: str, line: str) -> bool:
    """A verb of a group may stand further on in its line: `mailguard queue send|stop`."""
    group, _, rest = verb.partition(" ")
    found = re.search(rf"\bmailguard {group}\b", line)
    return found is not None and re.search(rf"\b{rest}\b", line[found.end() :]) is not None


def _verbs(group: click.Group) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        yield name
        if isinstance(command, click.Group):
            yield from (f"{name} {verb}" for verb in command.list_commands(click.Context(command)))


def test_reading_the_configuration_loads_no_more_than_the_settings_of_each_room() -> None:
    """Every command does it, and a container's health check twice a minute: all of the house costs twice as much."""
    heavy = {
        "aiosmtpd", "aiosmtplib", "asyncpg", "httpx", "ldap3", "uvicorn",
        *(f"mailguard.{name}" for name in ("intake.accept", "rules.conditions", "scheduler.loop", "smtpd.server")),
    }  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-c", "import sys, mailguard.cli.healthcheck, mailguard.config; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    loaded = set(told.stdout.split())
    assert "mailguard.config.settings" in loaded
    assert sorted(loaded & heavy) == []


def test_the_example_configuration_loads(tmp_path: Path) -> None:
    from mailguard import config

    shutil.copytree(ROOT / "deploy", tmp_path, dirs_exist_ok=True)
    shutil.copytree(ROOT / "rules", tmp_path / "rules", dirs_exist_ok=True)
    loaded = config.load(tmp_path / "mailguard.yaml", {})
    assert loaded.organization.domains
