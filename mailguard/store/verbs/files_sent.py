"""Which files went to which domains: learnt when a copy was sent, asked when a file goes out again."""

from collections.abc import Collection, Iterable

from mailguard.mail.address import domain, key
from mailguard.records import Delivery, NewMail
from mailguard.store.database import Database

_DOMAINS = 100  # of one file: what went to so many is known to everybody


def carry(db: Database, number: int, mail: NewMail) -> None:
    """Keep the mail's files in mind until it is sent."""
    db.run_many("carry", [(number, digest) for digest in mail.files])


def sent(db: Database, number: int, sent_to: Iterable[Delivery], now: int) -> None:
    """These copies went out; inside everybody may have everything."""
    domains = {domain(key(delivery.address)) for delivery in sent_to if delivery.external}
    db.run_many("file_sent", [{"mail": number, "domain": name, "now": now} for name in sorted(domains)])


def files_sent(db: Database, digests: Collection[bytes]) -> dict[bytes, frozenset[str]]:
    """As `Store.files_sent`."""
    found: dict[bytes, set[str]] = {}
    for digest in digests:
        rows = db.run("files_sent", {"digest": digest, "limit": _DOMAINS}).fetchall()
        if rows:
            found[digest] = {row["domain"] for row in rows}
    return {digest: frozenset(domains) for digest, domains in found.items()}
