"""What a mail says, as it is stored: its pieces and the words found in it, with the key that `sealing` gives them."""

from dataclasses import replace

from mailguard.errors import ConfigError
from mailguard.mail.edits import dump, load
from mailguard.mail.headers import Splice
from mailguard.store.database import Database, Row
from mailguard.store.sealing import Seal
from mailguard.store.verbs import codec

BATCH = 100  # mails in one transaction
TURNS = 20  # transactions each time: nothing is sent meanwhile, and the rest comes the next time
CHUNK = 256 << 10  # bytes bound at once; a mail of at most this size comes inline with its claim
_SPLICE = '"splice"'  # in the JSON of an edit of the body
_OCTETS = 8 << 20  # and of bodies that are written anew in it


def seal_of(db: Database, row: Row) -> Seal:
    """`row` has a mail's queue_id, key_id and body_key."""
    return db.keys.seal(row["queue_id"], row["key_id"], row["body_key"])


def readable(db: Database, number: int) -> bool:
    """Whether this process has the key of a mail that is there: another node may be the first to have a new one.

    It is looked at only after one was missed: that round failed, and the next leave the mail to who has its key.
    """
    return not db.keys.missed or db.run("key_of", (number,)).fetchone()["key_id"] in db.keys


def piece(db: Database, number: int, at: int) -> bytes | None:
    """One of a mail's; None when it is gone or damaged."""
    row = db.run("chunk", (number << 16 | at,)).fetchone()
    return None if row is None else seal_of(db, row).open_piece(at, row["data"])


def words(db: Database, number: int, text: str) -> str:
    """The words found in a mail that is there, as they are stored; JSON."""
    if text == "[]" or not db.keys:
        return text
    return seal_of(db, db.run("key_of", (number,)).fetchone()).words(text)


def edits(db: Database, number: int, text: str) -> str:
    """Edits of a mail that is there, as they are stored; those of its body may hold a part of that."""
    return words(db, number, text) if _SPLICE in text else text


@codec.sound
def read(db: Database, row: Row, column: str) -> str:
    """What `words` or `edits` took. `row` also has a mail's queue_id, key_id and body_key."""
    text: str = row[column]
    return text if _plain(text) else seal_of(db, row).open_words(text)


def purge_edits(db: Database, number: int) -> None:
    """Of encrypted edits what the body was to say is gone; that it was changed is kept, as `purge_splices` does."""
    if not db.keys:
        return
    row = db.run("key_of", (number,)).fetchone()
    for version in db.run("sealed_texts", (number,)).fetchall():
        if not _plain(version["edits"]):
            some = load(seal_of(db, row).open_words(version["edits"]))
            bare = dump([replace(edit, octets="") if isinstance(edit, Splice) else edit for edit in some])
            db.run("write_texts", (bare, "[]", number, version["number"]))


def _plain(text: str) -> bool:
    """JSON lists begin so, and base64 does not."""
    return text.startswith("[")


def refuse_unknown(db: Database) -> None:
    """Raises ConfigError when mail is there that no key at hand opens."""
    for row in db.run("key_ids").fetchall():
        if row["key_id"] not in db.keys:
            mails = db.run("mails_with_key", (row["key_id"],)).fetchone()[0]
            raise ConfigError(
                f"{mails} stored mails are encrypted with key {row['key_id']}, which no key_file of `encryption`"
                " holds: name its file under encryption.old; if it is lost, restore it, for they can't be read without"
            )


def seal_anew(db: Database, after: int) -> int | None:
    """Bring some mails after this number to the current key, or to none; the last number looked at, None at the end."""
    last, written = None, 0
    for row in db.run("keyed_otherwise", {"after": after, "key_id": db.keys.current, "limit": BATCH}).fetchall():
        last = int(row["id"])
        if not readable(db, last):
            continue
        if row["key_id"] and db.keys.current:
            fresh = db.keys.rewrap(row["queue_id"], row["key_id"], row["body_key"])
            db.run("use_key", (*fresh, row["id"]))
        else:
            _write_anew(db, row)
            written += row["size"]
        if written > _OCTETS:
            break
    return last


def _write_anew(db: Database, row: Row) -> None:
    """Encrypt what is plain, or the other way round. A damaged mail stays as it is."""
    number, before = row["id"], seal_of(db, row)
    key_id, body_key, seal = db.keys.fresh(row["queue_id"])
    pieces = [piece(db, number, at) for at in range(-(-row["size"] // CHUNK))]
    if None in pieces:
        return
    for at, data in enumerate(pieces):
        db.run("write_chunk", (seal.piece(at, data or b""), number << 16 | at))
    for version in db.run("sealed_texts", (number,)).fetchall():
        told, found = (
            text if _plain(text) else before.open_words(text) for text in (version["edits"], version["evidence"])
        )
        told = seal.words(told) if _SPLICE in told else told
        found = seal.words(found) if found != "[]" else found
        db.run("write_texts", (told, found, number, version["number"]))
    db.run("use_key", (key_id, body_key, number))
