"""The last answer of a directory on disk, beside the store: what is known while the directory is silent."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mailguard.directory.settings import LdapSettings
from mailguard.document.problem import Problem
from mailguard.errors import MailguardError
from mailguard.people import Assistant, Directory, Found, Person
from mailguard.process import whole

_FORMAT = 1


class Unusable(MailguardError):
    """There is a copy, and it can't be used: another question was asked, it is damaged, or nobody may read it."""


@dataclass(frozen=True)
class Known:
    """What a directory said, and when."""

    found: Found
    asked_at: datetime


def write(path: Path, known: Known, settings: LdapSettings) -> None:
    """Whole or not at all, and readable by nobody else. OSError when it can't be kept."""
    found = known.found
    said = {
        "format": _FORMAT,
        "question": question(settings),
        "asked_at": known.asked_at.isoformat(),
        "source": found.source,
        "persons": [asdict(person) for person in found.directory.persons],
        "groups": found.directory.groups,
        "lists": found.directory.lists,
        "places": found.places,
        "warnings": [asdict(problem) for problem in found.warnings],
    }
    whole(path, json.dumps(said, ensure_ascii=False, separators=(",", ":")))


def read(path: Path, settings: LdapSettings) -> Known | None:
    """None: there is none. Raises Unusable."""
    try:
        said = json.loads(path.read_bytes())
        if said["format"] != _FORMAT or said["question"] != question(settings):
            raise Unusable(f"{path} answers another question than directory.ldap asks now")
        return Known(_found(said), datetime.fromisoformat(said["asked_at"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {(error.strerror or 'no reason given').lower()}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Unusable(f"{path} is damaged") from error


def question(settings: LdapSettings) -> str:
    """What is asked, whoever is asked: the same people come back to it."""
    asked = settings.model_dump_json(include={"base", "filter", "attributes", "groups"})
    return hashlib.sha256(asked.encode()).hexdigest()


def _found(said: dict[str, Any]) -> Found:
    directory = Directory(
        persons=tuple(_person(one) for one in said["persons"]),
        groups={str(name): tuple(map(str, members)) for name, members in said["groups"].items()},
        lists={str(name): tuple(map(str, members)) for name, members in said["lists"].items()},
    )
    places = {str(address): str(dn) for address, dn in said["places"].items()}
    return Found(directory, str(said["source"]), places, tuple(Problem(**one) for one in said["warnings"]))


def _person(said: dict[str, Any]) -> Person:
    tuples = {name: tuple(said[name]) for name in ("aliases", "groups", "members")}
    assistant = Assistant(**said["assistant"]) if said["assistant"] else None
    return Person(**{**said, **tuples, "assistant": assistant})
