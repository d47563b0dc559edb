"""Three accounts of the same mail, held against each other: what clients sent, what the store says, what arrived.

Every start of the service is a life of its own; it says its number at EHLO, so that each arrival belongs to one. A copy
may arrive again only in a later life than the one that was killed while it was at its dot, and the store has to know.
"""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.postgres import Postgres

_ID = re.compile(rb"<(\d+-\w+)@parish\.example>")
_MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.MULTILINE | re.IGNORECASE)
_WAITING = ("held", "queued", "sending")

Row = Mapping[str, Any]  # a mail, as `queue list --json` tells it


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail that a client sent up to its final dot."""

    name: str  # its Message-ID without brackets and domain
    recipients: tuple[str, ...]
    raw: bytes
    queue_id: str = ""  # of its 250; '' when there was none

    @property
    def text(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail at a sink."""

    life: int  # of the service, from 1
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def name(self) -> str:
        """Of the letter it is, or speaks of; '' for none."""
        found = _ID.search(self.raw if self.told else self.raw[:4000])
        return found[1].decode() if found else ""

    @property
    def told(self) -> str:
        """journal, report, returned or notice; '' when it is a person's mail."""
        if self.sender:
            return ""
        if b"\r\nX-MS-Journal-Report:" in self.raw[:2000]:
            return "journal"
        if b"message/delivery-status" in self.raw:
            return "report"
        return "returned" if b"message/rfc822" in self.raw else "notice"

    def journalled(self) -> set[tuple[str, str, str]]:
        """(name, state, recipient) of each copy whose end the archive is told in it."""
        report = self.raw.partition(b"\r\nSender: ")[2].partition(b"\r\n--")[0].decode()
        head = report.partition("\r\n\r\n")[0]
        found = {
            (self.name, "sent", person) for person in re.findall(r"^(?:To|Recipient): (\S+)\r?$", head, re.MULTILINE)
        }
        taken_back = re.findall(r"^(?:Dropped|Cancelled): ([^;\s]+);", report, re.MULTILINE)
        return found | {(self.name, "cancelled", person) for person in taken_back}

    @property
    def message_id(self) -> str:
        found = _MESSAGE_ID.search(self.raw)
        assert found, f"no Message-ID: {self.raw[:300]!r}"
        return found[1].decode()


@dataclass(frozen=True, slots=True)
class Books:
    """One look at all three."""

    letters: Sequence[Letter]
    rows: Sequence[Row]
    arrivals: Sequence[Arrival]
    archive: bool = True  # whether there is one

    # --- what time still has to bring ---
    def unsettled(self) -> list[str]:
        """What is not yet as it must be in the end."""
        found = [
            f"{row['queue_id']} to {d['address']} is {d['state']}"
            for row in self.rows
            for d in row["deliveries"]
            if d["state"] in _WAITING
        ]
        mails, came = self._mails(), self.copies()
        told = Counter((one.told, one.name) for one in self.arrivals if one.told)
        archived = {one for arrival in self.arrivals if arrival.told == "journal" for one in arrival.journalled()}
        for letter in self.letters:
            if letter.name not in mails:
                continue
            states = _states(mails[letter.name])
            found += [
                f"{letter.name} to {person} is {state} and the archive was not told"
                for person, state in states.items()
                if self.archive and state in ("sent", "cancelled") and (letter.name, state, person) not in archived
            ]
            found += [
                f"{letter.name} to {person} is sent and did not arrive"
                for person, state in states.items()
                if state == "sent" and not came[letter.name, person]
            ]
            if "failed" in states.values() and not told["report", letter.name]:
                found.append(f"{letter.name}: its sender has no report")
            if set(states.values()) == {"cancelled"} and not told["returned", letter.name]:
                found.append(f"{letter.name}: it did not come back")
        return found

    # --- what must hold at any time ---
    def wrong(self, killed: Iterable[int], interrupted: Mapping[str, int], stored: Mapping[str, bytes]) -> list[str]:
        """Promises that were broken.

        `killed`: lives that ended by SIGKILL. `interrupted`: queue id → how often the store wrote down that an attempt
        was cut off. `stored`: queue id → the bytes it keeps.
        """
        mails, ended = self._mails(), set(killed)
        found = self._twice_in_the_books()
        for letter in self.letters:
            row = mails.get(letter.name)
            if row is None:
                found += [f"{letter.name} was acknowledged and is lost"] if letter.queue_id else []
            else:
                found += _half(letter, row, stored.get(row["queue_id"], b""))
        for arrival in self.arrivals:
            if not arrival.told:
                found += self._strange(arrival, mails.get(arrival.name))
        for (name, person), lives in self.copies().items():
            if name in mails:
                found += _again(mails[name], person, lives, ended, interrupted)
        return found + self._told_twice(ended)

    def copies(self) -> defaultdict[tuple[str, str], list[int]]:
        """(name, recipient) → the lives in which it arrived."""
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for arrival in self.arrivals:
            if not arrival.told:
                for person in arrival.recipients:
                    found[arrival.name, person].append(arrival.life)
        return found

    def duplicated(self) -> int:
        return sum(len(lives) - 1 for lives in self.copies().values())

    def suspects(self) -> set[str]:
        """Queue ids whose attempts have to be looked at: a copy came twice, or came and is not sent."""
        mails = self._mails()
        return {
            mails[name]["queue_id"]
            for (name, person), lives in self.copies().items()
            if name in mails and (len(lives) > 1 or _states(mails[name]).get(person) != "sent")
        }

    def _mails(self) -> dict[str, Row]:
        """By name; of people's mail only."""
        return {found[1].decode(): row for row in self.rows if (found := _ID.match(row["message_id"].encode()))}

    def _twice_in_the_books(self) -> list[str]:
        names = Counter(row["message_id"] for row in self.rows if _ID.match(row["message_id"].encode()))
        return [f"{name} is {times} mails" for name, times in names.items() if times > 1]

    def _strange(self, arrival: Arrival, row: Row | None) -> list[str]:
        letter = next((one for one in self.letters if one.name == arrival.name), None)
        if letter is None or row is None:
            return [f"{arrival.name or arrival.raw[:60]!r} arrived and is in no book"]
        untouched = "cancelled" not in _states(row).values()  # who is dropped is taken out of To as well
        if arrival.message_id != f"<{letter.name}@parish.example>":
            return [f"{letter.name} arrived as {arrival.message_id}"]
        whole = letter.raw if untouched else b"\r\n\r\n" + letter.text
        return [] if arrival.raw.endswith(whole) else [f"{letter.name}: other bytes arrived"]

    def _told_twice(self, killed: set[int]) -> list[str]:
        """A failed mail has one report; a mail that came back did so once a life."""
        found, reports = [], defaultdict(set)
        lives: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for one in self.arrivals:
            if one.told in ("report", "returned"):
                lives[one.told, one.name].append(one.life)
            if one.told == "report":
                reports[one.name].add(one.message_id)
        found += [f"{name} has {len(ids)} reports" for name, ids in reports.items() if len(ids) > 1]
        for (what, name), times in lives.items():
            found += [f"the {what} of {name} {trouble}" for trouble in _lives(times, killed)]
        return found


def _states(row: Row) -> dict[str, str]:
    return {d["address"]: d["state"] for d in row["deliveries"]}


def _half(letter: Letter, row: Row, stored: bytes) -> list[str]:
    """A mail is there with all its recipients and bytes, whether it was acknowledged or not."""
    found = []
    if set(_states(row)) != set(letter.recipients):
        found.append(f"{letter.name} is kept for {sorted(_states(row))}")
    if letter.queue_id not in ("", row["queue_id"]):
        found.append(f"{letter.name} was acknowledged as {letter.queue_id} and is {row['queue_id']}")
    if stored and not stored.endswith(letter.raw):
        found.append(f"{letter.name}: other bytes are kept")
    return found


def _lives(lives: Sequence[int], killed: set[int]) -> list[str]:
    """What speaks against so many arrivals: two in one life, or one more after a life that ended well."""
    if len(set(lives)) < len(lives):
        return [f"came twice in one life: {lives}"]
    return [f"came again after life {life}, which was not killed" for life in sorted(lives)[:-1] if life not in killed]


def _again(row: Row, person: str, lives: Sequence[int], killed: set[int], interrupted: Mapping[str, int]) -> list[str]:
    """One copy: where it ended, and how often it came."""
    where, state = f"{row['queue_id']} to {person}", _states(row).get(person, "nowhere")
    found = [f"{where} {trouble}" for trouble in _lives(lives, killed)]
    cut_off = interrupted.get(row["queue_id"], 0)
    attempts = next((d["attempts"] for d in row["deliveries"] if d["address"] == person), 0)
    if attempts < len(lives):
        found.append(f"{where} came {len(lives)} times in {attempts} attempts")
    if cut_off < len(lives) - 1:
        found.append(f"{where} came {len(lives)} times, and {cut_off} attempts were cut off")
    # Taken back while it was at its dot: it is not sent again, and may have arrived.
    taken_back = state == "cancelled" and cut_off and set(lives) <= killed
    if state != "sent" and not taken_back:
        found.append(f"{where} arrived and is {state}")
    return found


class Kept(Protocol):
    """What the store keeps, read beside the service."""

    def stored(self) -> dict[str, bytes]:
        """Queue id → the bytes of its mail."""
        ...

    def interrupted(self, queue_ids: Iterable[str]) -> dict[str, int]:
        """Queue id → how often an attempt of one of its copies was cut off."""
        ...


_CHUNKS = "SELECT m.queue_id, {data} FROM mail m JOIN chunk c ON c.id >> 16 = m.id ORDER BY c.id"
_CUT_OFF = (
    "SELECT count(DISTINCT e.at) FROM event e JOIN mail m ON m.id = e.mail "
    "WHERE m.queue_id = '{queue_id}' AND e.kind = 'delivery.interrupted'"
)


@dataclass(frozen=True, slots=True)
class InFile:
    """In SQLite."""

    database: Path

    def stored(self) -> dict[str, bytes]:
        return _joined(self._ask(_CHUNKS.format(data="c.data")))

    def interrupted(self, queue_ids: Iterable[str]) -> dict[str, int]:
        return {one: self._ask(_CUT_OFF.format(queue_id=one))[0][0] for one in queue_ids}

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(sql).fetchall()


@dataclass(frozen=True, slots=True)
class OnServer:
    """In PostgreSQL."""

    server: Postgres
    schema: str

    def stored(self) -> dict[str, bytes]:
        lines = self._ask(_CHUNKS.format(data="encode(c.data, 'hex')"))
        return _joined((name, bytes.fromhex(data)) for name, _, data in (line.partition("|") for line in lines))

    def interrupted(self, queue_ids: Iterable[str]) -> dict[str, int]:
        return {one: int(self._ask(_CUT_OFF.format(queue_id=one))[0]) for one in queue_ids}

    def _ask(self, sql: str) -> list[str]:
        return self.server.say(f"SET search_path TO {self.schema}; {sql}").splitlines()


def _joined(pieces: Iterable[tuple[Any, ...]]) -> dict[str, bytes]:
    found: defaultdict[str, bytes] = defaultdict(bytes)
    for queue_id, data in pieces:
        found[queue_id] += data
    return found
