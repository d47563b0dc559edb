"""All that is kept of one person, table by table, as they may see it; and whether a text names them."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mailguard.mail.address import key
from mailguard.store.database import Database
from mailguard.store.inventory import PERSONAL, SECRET
from mailguard.store.verbs.codec import instant

_ADDRESS = re.compile(r"""[^\s"<>(),;:\[\]{}]+@[^\s"'<>(),;:\[\]{}]+""")
_TIMES = frozenset({"at", "since", "seen", "asked_since", "lease_until", "hold_until"})


def rows(db: Database, person: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, row). Times are instants; what proves or opens something, and hashes, are left out."""
    who = key(person)
    for table, statement in PERSONAL.items():
        for row in db.each(statement, asked(person)):
            found = {name: row[name] for name in list(row.keys())}
            if found.pop("mine", True) or named(who, *(text for text in found.values() if isinstance(text, str))):
                told = [(name, value) for name, value in found.items() if name != "names"]
                yield table, {name: _told(name, value) for name, value in told if _may_be_told(name, value)}


def asked(person: str) -> dict[str, str]:
    """What a statement of `person.sql` asks for."""
    return {"key": key(person), "text": json.dumps(key(person))[1:-1]}


def named(person: str, *texts: str) -> bool:
    """Whether an address in one of these texts (JSON or not) is this person's (a key), in whatever spelling."""
    return any(person in (key(found), key(found.lstrip("'"))) for text in texts for found in _addresses(text))


def _addresses(text: str) -> list[str]:
    if "@" not in text:
        return []
    with contextlib.suppress(ValueError):  # plain text
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return _ADDRESS.findall(text)


def _may_be_told(name: str, value: Any) -> bool:
    return name not in SECRET and not isinstance(value, bytes | bytearray | memoryview)


def _told(name: str, value: Any) -> Any:
    if isinstance(value, int) and (name in _TIMES or name.endswith("_at")):
        return instant(value).isoformat().replace("+00:00", "Z")
    return value
