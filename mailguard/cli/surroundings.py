"""The organization and people that rules are looked at with, when there may be no installation at hand."""

import os
from dataclasses import dataclass
from pathlib import Path

from mailguard import people as directory
from mailguard.cli.common import Context, say
from mailguard.config import Config
from mailguard.config import load as load_config
from mailguard.directory.look import remembered as copy_of_directory
from mailguard.document.problem import render
from mailguard.history.settings import HistorySettings
from mailguard.people import Found, Organization, People
from mailguard.rules.settings import HoldSettings

_EXAMPLE = Organization(name="Corp Example", domains=("corp.example",))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules need besides a mail. `config` is None where none was named and none is installed."""

    people: People
    holds: HoldSettings
    history: HistorySettings
    config: Config | None = None


def remembered(config: Config) -> Found | None:
    """What the service's directory said last; where that can't be read, it is said on stderr."""
    if config.directory.ldap is None:
        return None
    known, problems = copy_of_directory(config.directory.ldap, config.directory_path)
    if problems:
        say(render(problems))
    return known.found if known else None


def surroundings(context: Context, beside: Path) -> Surroundings:
    """From the configuration if one is named or installed; else people.yaml beside the file, else corp.example."""
    if context.path or os.environ.get("MAILGUARD_CONFIG") or context.config_path.exists():
        config = load_config(context.existing, os.environ)
        people = directory.load(config.people_path, config.organization, remembered(config))
        return Surroundings(people, config.holds, config.history, config)
    file = (beside if beside.is_dir() else beside.parent) / "people.yaml"
    people = directory.load(file if file.exists() else None, _EXAMPLE)
    return Surroundings(people, HoldSettings(fallback="postmaster@corp.example"), HistorySettings())
