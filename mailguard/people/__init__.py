"""Who is who: own domains, groups, executives and their assistants, lists expanded."""

from pathlib import Path
from typing import Any

from mailguard.document import yaml
from mailguard.document.model import adapter, validate
from mailguard.document.problem import Problem, ordered, summary
from mailguard.errors import ConfigError
from mailguard.people.check import check
from mailguard.people.fields import Pattern
from mailguard.people.file import PeopleFile
from mailguard.people.organization import Organization
from mailguard.people.people import Assistant, Directory, NoContact, People, Person

__all__ = [
    "Assistant",
    "Directory",
    "NoContact",
    "Organization",
    "Pattern",
    "People",
    "Person",
    "empty",
    "json_schema",
    "load",
    "parse",
]


def load(path: Path | None, organization: Organization) -> People:
    """The people of a file, or only the organization without one. Raises ConfigError with all problems."""
    return empty(organization) if path is None else parse(yaml.read(path), organization)


def parse(document: yaml.Document, organization: Organization) -> People:
    """The people of a document that is read already, or of a part of one. Raises ConfigError."""
    file, problems = validate(document, PeopleFile)
    if file is None:
        raise _wrong(document, problems)
    directory = file.directory()
    found = ordered(check(document, file, People(organization, directory)))
    if any(problem.severity == "error" for problem in found):
        raise _wrong(document, found)
    return People(organization, directory, warnings=found)


def empty(organization: Organization) -> People:
    """Nobody known by name."""
    return People(organization)


def json_schema() -> dict[str, Any]:
    """What people.yaml may hold, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **adapter(PeopleFile).json_schema(),
        "title": "mailguard people.yaml",
    }


def _wrong(document: yaml.Document, problems: list[Problem]) -> ConfigError:
    return ConfigError(f"{document.path}: {summary(problems)}", problems)
