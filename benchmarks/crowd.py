"""A store with a hundred thousand mails in it, as a year of a firm leaves it."""

import hashlib
import random
from datetime import datetime, timedelta
from pathlib import Path

from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Action, AttachmentInfo, Delivery, Hit, Hold, Mode, NewMail, State, Verdict
from mailguard.store.sqlite import connection
from mailguard.store.verbs import mails

WORDS = (
    "quote",
    "invoice",
    "minutes",
    "contract",
    "draft",
    "umowa",
    "faktura",
    "offer",
    "meeting",
    "budget",
    "plan",
    "report",
    "question",
    "answer",
    "delivery",
    "order",
)
RULES = ("external-delay", "unexpected-cc", "confidential-outside", "executive-assistant", "greeting")
WAITING = 400  # of them all, the latest


def fill(path: Path, count: int, now: datetime, seed: int = 1) -> None:
    """Put with the store's own words, in one transaction; then all but the latest leave at once."""
    chance = random.Random(seed)
    db = connection.connect_writer(path)
    with connection.transaction(db):
        for number in range(count):
            at = now - timedelta(minutes=5 * (count - number))
            mails.put(db, _mail(chance, number, at, waits=number >= count - WAITING), at)
        last = count - WAITING
        db.execute("UPDATE delivery SET state = iif(mail % 200 = 0, 'failed', iif(mail % 90 = 0, 'cancelled', 'sent')),"
                   " due_at = NULL, ended_at = (SELECT m.received_at FROM mail m WHERE m.id = delivery.mail),"
                   " last_reply = '250 2.0.0 ok' WHERE mail <= ?", (last,))  # fmt: skip
        db.execute("UPDATE hold SET resolved_at = made_at + 600000000, resolved_by = 'ann@corp.example (link)'"
                   " WHERE mail <= ?", (last,))  # fmt: skip
        db.execute("UPDATE notice SET state = 'sent', ended_at = created_at")
    db.close()


def file(number: int) -> bytes:
    """The SHA-256 of one of a thousand files that go round."""
    return hashlib.sha256(str(number).encode()).digest()


def _mail(chance: random.Random, number: int, at: datetime, *, waits: bool) -> NewMail:
    sender = f"person{chance.randrange(500)}@corp.example"
    to = [Recipient(f"contact{chance.randrange(20_000)}@client{chance.randrange(800)}.example")]
    if chance.random() < 0.4:
        to.append(Recipient(f"person{chance.randrange(500)}@corp.example"))
    rule, action = RULES[0], Action.DELAY
    if number % 150 == 0:
        rule, action = chance.choice(RULES[1:]), Action.HOLD
    hits = (Hit(rule, Mode.ENFORCE, action, "1 recipient outside"), Hit("tone", Mode.AUDIT, Action.DELAY, "short"))
    hold = (Hold(rule, "1 recipient outside", expires_at=at + timedelta(hours=24)),) if action is Action.HOLD else ()
    state, due = (State.HELD, None) if hold else (State.QUEUED, at + timedelta(minutes=5 if not waits else 60))
    raw = b"Subject: x\r\n\r\nHello\r\n"
    subject = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}"
    files = (AttachmentInfo(f"{chance.choice(WORDS)}-{number}.pdf", "application/pdf", 48_000),)
    return NewMail(
        f"{number:08X}", Envelope(sender, tuple(to)), Identity(sender, Proof.LOGIN, sender.partition("@")[0]), raw,
        hashlib.sha256(raw).digest(), at, (), tuple(Delivery(r, "mx:x", state, due_at=due, external=True) for r in to),
        Verdict(action, holds=hold, hits=hits, rules_hash="h1"), message_id=f"<{number}@corp.example>", subject=subject,
        attachments=files if number % 3 == 0 else (), answers=sender,
        files=(file(number % 1000),) if number % 3 == 0 else (),
    )  # fmt: skip
