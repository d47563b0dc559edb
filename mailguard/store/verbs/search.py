"""Finding mail by its words: one full-text index answers all fields together, from the newest mail back."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mailguard.mail.address import domain
from mailguard.records import Kept, Mail, State
from mailguard.store.database import Database, Row, Term
from mailguard.store.search import Search
from mailguard.store.verbs import kept, mails
from mailguard.store.verbs.codec import clean, maybe_micros, micros

_UNFINISHED = (State.HELD, State.QUEUED, State.SENDING)
_UNSENT = (State.FAILED, State.CANCELLED)
_SLACK = 1000  # mails are numbered when they are put, which is nearly in the order in which they came
_WORD = re.compile(r"[^\W_]+")


def search(db: Database, what: Search) -> list[Mail]:
    terms = _terms(what)
    return [] if terms is None else newest(db, what, terms, "", {"digest": what.digest})


def newest(db: Database, what: Search, terms: Sequence[Term], narrowed: str, more: Mapping[str, Any]) -> list[Mail]:
    """Mails with these terms that are as `what` says, its words apart, and as `narrowed`, which asks for `more`."""
    last = mails.mail_id(db, what.after) if what.after else None
    if what.after and last is None:
        return []
    first, final = _numbers(db, what)
    asked = {
        "first": first,
        "last": final if last is None else min(final, last - 1),
        "since": maybe_micros(what.since),
        "before": maybe_micros(what.before),
        "state": what.state,
        "limit": what.limit,
        **more,
    }
    gaps, words = db.having(terms)
    if not terms:
        gaps["{from}"] = db.sql["search_unsent"] if what.state in _UNSENT else "mail m"
    elif what.state in _UNSENT:
        narrowed += " " + db.sql["search_among_unsent"]
    gaps = {"{narrowed}": f"{_narrowed(db, what)} {narrowed}", **gaps}  # which has gaps of its own
    numbers = [row["id"] for row in db.run("search", asked | words, gaps)]
    found = mails.load(db, numbers)
    return [found[number] for number in numbers]


def kept_of(db: Database, queue_id: str) -> Kept | None:
    row = db.run("kept_of", (queue_id,)).fetchone()
    return None if row is None else kept.read(row["facts"])


def _terms(what: Search) -> list[Term] | None:
    """None: nothing can match."""
    message_id = what.message_id if what.message_id.startswith("<") else f"<{what.message_id}>"
    whole = {"domains": what.domain.lower(), "rules": what.rule, "message_id": what.message_id and message_id}
    asked = [Term((column,), as_word(text)) for column, text in whole.items() if text]
    for columns, text in ((("sender",), what.sender), (("recipients", "domains"), what.recipient)):
        if text:
            asked.append(Term(columns, as_word(text.lower()), prefix=True))
    for column, text in (("subject", what.subject), ("files", what.file)):
        words = words_of(text)
        if text and not words:
            return None
        asked += [Term((column,), word, prefix=True) for word in words]
    return asked


def words_of(text: str) -> list[str]:
    """Its letters and digits; case and accents are left to the index."""
    return _WORD.findall(unicodedata.normalize("NFC", clean(text)))


def as_word(text: str) -> str:
    """One word that stands for a text found whole, or by how it begins: its bytes in hex."""
    return clean(text).encode().hex()


def _narrowed(db: Database, what: Search) -> str:
    parts = []
    if what.digest:
        parts.append(db.sql["search_file"])
    if what.waiting:
        parts.append(db.sql["search_waiting"])
    if what.state is State.HELD:
        parts.append(db.sql["search_held"])
    if what.state is State.SENDING:
        parts.append(db.sql["search_sending"])
    if what.state is State.QUEUED:
        parts.append(db.sql["search_unfinished"])
    if what.state is not None:
        parts.append(db.sql["search_state"])
    return " ".join(parts)


def _numbers(db: Database, what: Search) -> tuple[int, int]:
    """Between which numbers the mails of this time must be."""
    newest = int(db.run("last_mail").fetchone()[0])
    first = _number(db, what.since, newest) - _SLACK if what.since else 0
    last = _number(db, what.before, newest) + _SLACK if what.before else newest
    if what.waiting or what.state in _UNFINISHED:
        first = max(first, int(db.run("oldest_unfinished", (newest + 1,)).fetchone()[0]))
    return max(first, 0), min(last, newest)


def _number(db: Database, at: datetime, newest: int) -> int:
    """Where mail begins to have come at this time or later."""
    low, high, wanted = 0, newest + 1, micros(at)
    while low < high:
        middle = (low + high) // 2
        row = db.run("came_in", (middle,)).fetchone()
        if row is None or row["received_at"] >= wanted:
            high = middle
        else:
            low = row["id"] + 1
    return low


def words_for(row: Row) -> Iterator[tuple[str, str]]:
    """(column, word) of a row of `findable`, where the database does not make its index's words itself."""
    sender, message_id = row["sender_key"], row["message_id"]
    for text in (sender, row["login"].lower(), domain(sender)):
        yield "sender", as_word(text)
    for address in json.loads(row["recipients"] or "[]"):
        yield "recipients", as_word(address)
        yield "domains", as_word(domain(address))
    yield from (("subject", word) for word in words_of(row["subject"]))
    for name, *_ in json.loads(row["attachments"]):
        yield from (("files", word) for word in words_of(name))
    for rule in {*(rule for rule, *_ in json.loads(row["hits"])), *json.loads(row["held"] or "[]")}:
        yield "rules", as_word(rule)
    yield "message_id", as_word(message_id)
