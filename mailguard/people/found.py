"""What an LDAP server knows of people, beside what people.yaml says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailguard.document.problem import Problem
from mailguard.people.people import Directory


@dataclass(frozen=True)
class Found:
    """One answer of a directory. `places`: the entry (DN) of each address, by key; `source`: the server."""

    directory: Directory
    source: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
