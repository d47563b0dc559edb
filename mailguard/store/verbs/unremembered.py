"""Mail that was sent from here before anything was remembered of it."""

from mailguard.mail.address import key
from mailguard.records import Mail
from mailguard.store.database import Database
from mailguard.store.verbs.mails import load


def unremembered(db: Database, after: int, limit: int) -> tuple[list[tuple[int, Mail, tuple[str, ...]]], int]:
    """As `Store.unremembered`. Of whom somebody had everything forgotten, it stays so: who got it is not known then."""
    numbers = [int(row["id"]) for row in db.run("unremembered", {"after": after, "limit": limit})]
    found = []
    for number, mail in load(db, numbers).items():
        sender = key(mail.identity.address)
        rows = db.run("written_in", {"sender": sender, "mail": number}).fetchall()
        if rows:
            found.append((number, mail, tuple(row["address_key"] for row in rows)))
    return sorted(found, key=lambda one: one[0]), numbers[-1] if numbers else after
