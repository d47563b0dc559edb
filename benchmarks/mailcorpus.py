"""Sent mail as JSON lines (gzip): `id, date, from, to, cc, bcc, subject`, `owner` where all of the sender's is there.

Beside it, in a file of its own: `id, body, quoted`.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

from mailguard.history.said import Said, said
from mailguard.history.signs import Outgoing

LEAST = 100  # mails of a sender who is tested
MOST = 50  # recipients of a mail that is scored
UNTRAINED = "window"  # the kind of slip that no weights were learnt from
FOLDS = 5  # parts of the senders, each judged by weights learnt from the others


@dataclass(frozen=True)
class Sent:
    id: str
    at: float
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    subject: str
    body: str = ""
    quoted: str = ""
    owned: bool = False

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        return tuple(key for key in dict.fromkeys((*self.to, *self.cc, *self.bcc)) if key != self.sender)

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]

    @cached_property
    def said(self) -> Said:
        return said(self.subject, self.body, self.quoted)

    def forget(self) -> None:
        """What it says takes much room, and is asked for once."""
        self.__dict__.pop("said", None)

    def outgoing(self) -> Outgoing:
        return Outgoing(self.sender, self.at, self.to, self.cc, self.bcc, self.said)


def load(corpus: Path, bodies: Path | None) -> list[Sent]:
    """Oldest first."""
    texts: dict[str, Mapping[str, str]] = {}
    if bodies is not None:
        with gzip.open(bodies, "rt", encoding="utf-8") as lines:
            texts = {one["id"]: one for one in map(json.loads, lines)}
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        found = [_sent(one, texts.get(one["id"], {})) for one in map(json.loads, lines)]
    return sorted(found, key=lambda mail: (mail.at, mail.id))


def _sent(one: Mapping[str, Any], text: Mapping[str, str]) -> Sent:
    to, cc, bcc = tuple(one["to"]), tuple(one["cc"]), tuple(one["bcc"])
    at = datetime.fromisoformat(str(one["date"])).timestamp()
    return Sent(
        str(one["id"]), at, str(one["from"]), to, cc, bcc, str(one["subject"] or ""),
        text.get("body", "") or "", text.get("quoted", "") or "", "owner" in one,
    )  # fmt: skip


def senders(mails: Sequence[Sent], least: int) -> dict[str, list[int]]:
    """Whose sent mail is complete and long enough: the places of their mails."""
    found = defaultdict[str, list[int]](list)
    for place, mail in enumerate(mails):
        if mail.owned and mail.recipients:
            found[mail.sender].append(place)
    return {sender: places for sender, places in sorted(found.items()) if len(places) >= least}


def fold(sender: str) -> int:
    """The part of the senders this one is in."""
    return crc32(sender.encode()) % FOLDS


def unseen_model(folder: Path, part: int) -> Path:
    """The weights that were learnt without this part of the senders."""
    return folder / f"without-{part}.json"
