"""A search as it stands in the URL: read, and written for the next page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from mailguard.document.units import duration
from mailguard.locale import N_
from mailguard.notices.words import clean
from mailguard.records import State
from mailguard.store.search import Search

TEXTS = ("from", "to", "domain", "subject", "file", "rule", "message-id", "id")
TIMES = ("newer", "older")
STATES = ("waiting", *(state.value for state in State))
_LONGEST = 254
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BAD_TIME = N_("{value} is no time: write 2h, 3d, 2026-11-24 or 2026-11-24 17:30.")
_BAD_STATE = N_("{value} is no state of a mail.")


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked, and what is wrong with it: a sentence and what fills its gap."""

    said: Mapping[str, str]
    what: Search = field(default_factory=Search)
    wrong: tuple[tuple[str, str], ...] = ()

    @property
    def queue_id(self) -> str:
        return self.said.get("id", "").upper()

    def limited(self, limit: int) -> Search:
        return replace(self.what, limit=limit)

    def link(self, **changed: str) -> str:
        """The same search with other parts; '' takes one out."""
        return urlencode({name: value for name, value in {**self.said, **changed}.items() if value})


def read(asked: Mapping[str, str], now: datetime, zone: ZoneInfo) -> Query:
    """What is not understood is said, never guessed."""
    names = (*TEXTS, *TIMES, "state", "after")
    said = {name: clean(asked[name], _LONGEST) for name in names if asked.get(name, "").strip()}
    wrong = []
    state = said.get("state", "")
    if state and state not in STATES:
        wrong.append((_BAD_STATE, state))
        state = ""
    times: dict[str, datetime | None] = {}
    for name in TIMES:
        try:
            times[name] = _instant(said.get(name, ""), now, zone)
        except (ValueError, OverflowError):
            wrong.append((_BAD_TIME, said[name]))
    file = said.get("file", "")
    digest = bytes.fromhex(file.lower()) if _SHA256.fullmatch(file.lower()) else b""
    what = Search(
        sender=said.get("from", ""), recipient=said.get("to", ""), domain=said.get("domain", "").lstrip("@"),
        subject=said.get("subject", ""), file="" if digest else file, digest=digest, rule=said.get("rule", ""),
        message_id=said.get("message-id", ""), state=State(state) if state and state != "waiting" else None,
        waiting=state == "waiting", since=times.get("newer"), before=times.get("older"), after=said.get("after", ""),
    )  # fmt: skip
    return Query(said, what, tuple(wrong))


def _instant(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """A span back from now, or a day or time of the organization's zone. ValueError, OverflowError."""
    if not text:
        return None
    try:
        return now - duration(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
