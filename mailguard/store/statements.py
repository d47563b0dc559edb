"""Named SQL: every statement has a name and a sentence what it does.

What every database understands stands in `sql/*.sql`, what each says in its own way in `sql/<db>/*.sql`.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

_BLOCK = re.compile(r"^-- name: (?P<name>\w+)\n(?P<about>(?:--.*\n)+)(?P<sql>(?:(?!-- name:).*\n)+)", re.MULTILINE)


def folder(database: str) -> Traversable:
    """Where the statements of `database` (`sqlite`, `postgres`) are kept, in the installed package too."""
    return files("mailguard.store").joinpath("sql", database)


def parse(text: str) -> dict[str, str]:
    """Blocks of `-- name: NAME`, at least one comment line saying what it does, and the statement."""
    found = {block["name"]: block["sql"].strip().removesuffix(";") for block in _BLOCK.finditer(text)}
    if len(found) != len(re.findall(r"^-- name:", text, re.MULTILINE)):
        raise ValueError("a statement has no description, no text, or the name of another one")
    return found


def load(database: str) -> Mapping[str, str]:
    """Every named statement of `database`; a name stands for one statement in all its files."""
    places = (files("mailguard.store").joinpath("sql"), folder(database))
    found: dict[str, str] = {}
    for text in (item.read_text("utf-8") for place in places for item in place.iterdir() if item.name.endswith(".sql")):
        if twice := found.keys() & (more := parse(text)).keys():
            raise ValueError(f"two statements of {database} have the same name: {', '.join(sorted(twice))}")
        found |= more
    return found


def migrations(database: str) -> list[tuple[int, str]]:
    """(number, script), in order."""
    found = [item for item in folder(database).joinpath("migrations").iterdir() if item.name.endswith(".sql")]
    return sorted((int(item.name.partition("_")[0]), item.read_text("utf-8")) for item in found)
