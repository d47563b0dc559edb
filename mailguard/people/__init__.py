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
from mailguard.people.found import Found
from mailguard.people.merge import merge, sound
from mailguard.people.organization import Organization
from mailguard.people.people import Assistant, Delegate, Directory, NoContact, People, Person
from mailguard.people.preferences import Preference, PreferenceSettings

__all__ = [
    "Assistant",
    "Delegate",
    "Directory",
    "Found",
    "NoContact",
    "Organization",
    "Pattern",
    "People",
    "Person",
    "Preference",
    "PreferenceSettings",
    "bind",
    "empty",
    "json_schema",
    "load",
    "parse",
]


def load(path: Path | None, organization: Organization, found: Found | None = None) -> People:
    """The people of a file, over what a directory knows; of nothing, only the organization. Raises ConfigError."""
    return bind(yaml.read(path) if path is not None else None, organization, found)


def bind(document: yaml.Document | None, organization: Organization, found: Found | None = None) -> People:
    """The same, of a file that is read already, or none. Raises ConfigError with all problems."""
    if document is not None:
        return parse(document, organization, found)
    if found is None:
        return empty(organization)
    return _known(PeopleFile().directory(), organization, found)


def parse(document: yaml.Document, organization: Organization, found: Found | None = None) -> People:
    """The people of a document that is read already, or of a part of one. Raises ConfigError."""
    file, problems = validate(document, PeopleFile)
    if file is None:
        raise _wrong(document, problems)
    known = _known(file.directory(), organization, found)
    findings = ordered([*check(document, file, known), *known.warnings])
    if any(problem.severity == "error" for problem in findings):
        raise _wrong(document, findings)
    known.warnings = tuple(findings)
    return known


def _known(said: Directory, organization: Organization, found: Found | None) -> People:
    if found is None:
        return People(organization, said)
    merged, problems = merge(said, found)
    fit, more = sound(merged, found, People(organization, merged))
    return People(organization, fit, [*found.warnings, *problems, *more])


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
