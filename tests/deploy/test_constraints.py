"""The lock files: complete, hashed, and good for any package index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("constraints.txt", "constraints-runtime.txt", "constraints-build.txt", "constraints-site.txt")
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; [^\\]+)? \\$")


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> (version, hashes)."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    package = ""
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if match := PINNED.match(line):
            package = match[1]
            found[package] = (match[2], frozenset())
        elif digest := re.match(r"^    --hash=sha256:([0-9a-f]{64})( \\)?$", line):
            version, hashes = found[package]
            found[package] = (version, hashes | {digest[1]})
        else:
            assert line.startswith("    #"), f"{name}: {line!r} is neither a pin nor a hash nor a comment"
    return found


def normal(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_a_pin_with_hashes(name: str) -> None:
    assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []


@pytest.mark.parametrize("name", FILES)
def test_no_index_no_host_and_no_path_of_a_machine(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert re.findall(r"https?://|file:|--(?:index|extra|find|trusted)\S*|@ |(?<!\w)/\w+/", text) == []


def test_everything_the_project_asks_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = {normal(line) for line in project["project"]["dependencies"]}
    extras = {normal(line) for lines in project["project"]["optional-dependencies"].values() for line in lines}
    build = {normal(line) for line in project["build-system"]["requires"]}
    assert (runtime | extras | build | {"editables"}) - set(pins("constraints.txt")) == set()
    assert runtime - set(pins("constraints-runtime.txt")) == set()
    assert build - set(pins("constraints-build.txt")) == set()


@pytest.mark.parametrize("name", ["constraints-runtime.txt", "constraints-build.txt"])
def test_what_runs_is_what_was_tested(name: str) -> None:
    tested = pins("constraints.txt")
    assert {package: pin for package, pin in pins(name).items() if tested.get(package) != pin} == {}


def test_nothing_of_the_workshop_is_in_the_image() -> None:
    assert set(pins("constraints-runtime.txt")) & {"pytest", "mypy", "playwright", "hatchling", "dkimpy"} == set()
