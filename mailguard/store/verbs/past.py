"""What a sender's mail says about addresses: learnt when a copy was sent, asked when the next mail comes."""

from collections.abc import Collection, Iterable, Mapping

from mailguard.mail.address import domain, key
from mailguard.mail.domains import registered
from mailguard.records import Delivery, Past
from mailguard.records.past import COUNTED
from mailguard.store.database import Database
from mailguard.store.verbs import threads
from mailguard.store.verbs.codec import dump, instant

_ADDRESSES = 5000  # that one sender wrote to; who writes to more is a machine
_TOGETHER = 500  # of each address the latest mails: looking further back costs every mail and changes nothing


def learn(db: Database, number: int, sender: str, sent_to: Iterable[Delivery], now: int) -> None:
    """Remember that `sender` (a key) wrote to these. What a rule added says nothing about the sender."""
    rows = [(sender, key(d.address), number, now) for d in sent_to if not d.added]
    if not rows:
        return
    db.run_many("learn", rows)
    if db.run("learnt", (number,)).rowcount:
        db.run("learn_habit", (sender, now))


def facts(db: Database, sender: str, addresses: Collection[str], message_ids: Collection[str]) -> Past:
    """As `Store.facts_for`."""
    asked = sorted(set(addresses))
    about = {"sender": sender, "addresses": dump(asked), "limit": COUNTED}
    counted = db.run("written_to", about).fetchall()
    known = [row["address_key"] for row in counted if row["mails"]]
    habit = db.run("habit", (sender,)).fetchone()
    return Past(
        mails=habit["mails"] if habit else 0,
        since=instant(habit["since"]) if habit else None,
        written={row["address_key"]: row["mails"] for row in counted if row["mails"]},
        together=_together(db, sender, known),
        thread=threads.members(db, message_ids),
    )


def written_by(db: Database, sender: str) -> Mapping[str, int]:
    """As `Store.written_by`."""
    rows = db.run("written_by", {"sender": sender, "limit": _ADDRESSES})
    return {row["address_key"]: row["mails"] for row in rows}


def written_domains(db: Database) -> Mapping[str, int]:
    """As `Store.written_domains`."""
    found: dict[str, int] = {}
    for row in db.each("written_pairs"):
        name = registered(domain(row["address_key"]))
        found[name] = found.get(name, 0) + int(row["mails"])
    return found


def _together(db: Database, sender: str, known: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    about = {"sender": sender, "addresses": dump(known), "limit": _TOGETHER}
    for (group,) in db.run("written_together", about) if len(known) > 1 else ():
        members = {known[int(place)] for place in group.split(",")}
        for member in members:
            found.setdefault(member, set()).update(members)
    return {member: frozenset(others - {member}) for member, others in found.items()}
