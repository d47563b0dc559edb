"""One mail: put in, decided, read back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mailguard.errors import StoreBroken
from mailguard.locale import Saying
from mailguard.mail.address import key
from mailguard.mail.edits import dump as dump_edits
from mailguard.mail.edits import kind_of
from mailguard.mail.edits import load as load_edits
from mailguard.mail.headers import Drop, Edit
from mailguard.records import (
    Decision,
    Delivery,
    Ending,
    Hold,
    HoldKind,
    Kind,
    Mail,
    NewMail,
    NewNotice,
    State,
)
from mailguard.store.database import Database
from mailguard.store.sealing import Seal
from mailguard.store.verbs import bodies, codec, files_sent, forks, habits, kept, order, sketches, threads
from mailguard.store.verbs.codec import clean, dump, dump_list, dump_reason, dump_set, maybe_micros, micros

TIMELESS = frozenset({HoldKind.UNDECIDED, HoldKind.DAMAGED})  # holds that no time ends


def put(db: Database, mail: NewMail, now: datetime) -> str:
    """Envelope, bytes, verdict, deliveries, notices, thread and event: all or nothing. As `Store.put`."""
    if mail.fork and (first := forks.first(db, mail.fork, now)):
        return first
    thread, begins = threads.record(db, mail, micros(now)) if mail.kind is Kind.MAIL else (None, False)
    key_id, body_key, seal = db.keys.fresh(mail.queue_id)
    number = _add_mail(db, mail, thread, key_id, body_key)
    if mail.fork:
        db.run("fork_is", (number, mail.fork))
    _add_chunks(db, number, mail.raw, seal)
    files_sent.carry(db, number, mail)
    kept.add(db, number, mail)
    add_envelope(db, number, mail)
    add_version(db, number, 1, mail, now)
    add_holds(db, number, mail.verdict.holds, now)
    add_deliveries(db, number, mail.deliveries, mail.verdict.holds, now)
    _remember(db, number, thread, mail)
    _end(db, number, mail.deliveries, now)
    db.make_findable(number)
    earlier = set() if begins else order.line_up(db, number, thread, key(mail.identity.address))
    add_notices(db, mail.notices, now, {mail.queue_id: number})
    event(db, number, now, "smtp.accepted" if mail.kind is Kind.MAIL else "dsn.made", _who(mail), _facts(mail))
    # failpoint: store.putting
    _tell_waiting(db, number, mail, now)
    _tell_order(db, number, earlier, now)
    return ""


def decide(db: Database, mail: NewMail, now: datetime) -> Decision:
    """The verdict of a mail that was put as UNDECIDED. What people dropped or stopped meanwhile stays so."""
    number = lock(db, mail.queue_id)
    if number is None:
        return Decision(Ending.UNKNOWN)
    found = load(db, [number])[number]
    undecided = [hold for hold in found.holds if hold.kind is HoldKind.UNDECIDED]
    if not any(hold.open for hold in undecided):
        return Decision(Ending.ALREADY, at=max((h.resolved_at for h in undecided if h.resolved_at), default=None))
    db.run("resolve_kind", ("rules", micros(now), number, HoldKind.UNDECIDED))
    db.run("thaw", (number,))
    _next_version(db, number, mail, now)
    files_sent.carry(db, number, mail)
    kept.add(db, number, mail)
    add_holds(db, number, mail.verdict.holds, now)
    _replace_deliveries(db, number, found, mail, now)
    db.make_findable(number, anew=True)
    db.run("revise", (number,))
    add_notices(db, mail.notices, now, {mail.queue_id: number})
    event(db, number, now, "message.evaluated", "rules", _facts(mail))
    _tell_waiting(db, number, mail, now)
    return Decision(Ending.DONE, remaining=tuple(hold for hold in load_holds(db, number) if hold.open))


def load(db: Database, numbers: Iterable[int]) -> dict[int, Mail]:
    """Mails by their numbers; four statements, however many they are. StoreBroken when one of them is not there."""
    wanted = set(numbers)
    if not wanted:
        return {}
    asked = {"mails": dump(list(wanted))}
    deliveries: dict[int, list[Delivery]] = {}
    for row in db.run("deliveries_of", asked):
        deliveries.setdefault(row["mail"], []).append(codec.delivery(row))
    holds: dict[int, list[Hold]] = {}
    for row in db.run("holds_of", asked):
        holds.setdefault(row["mail"], []).append(codec.hold(row))
    found = {
        row["id"]: codec.mail(
            row,
            deliveries.get(row["id"], ()),
            holds.get(row["id"], ()),
            bodies.read(db, row, "edits"),
            bodies.read(db, row, "evidence"),
        )
        for row in db.run("mails", asked)
    }
    if found.keys() != wanted:
        raise StoreBroken("a mail is gone that others point to: the database is damaged")
    return found


def load_holds(db: Database, number: int) -> list[Hold]:
    return [codec.hold(row) for row in db.run("holds_of", {"mails": dump([number])})]


def mail_id(db: Database, queue_id: str) -> int | None:
    row = db.run("mail_id", (queue_id,)).fetchone()
    return None if row is None else int(row[0])


def lock(db: Database, queue_id: str) -> int | None:
    """The same; and nobody else changes the mail before this transaction ends."""
    row = db.run("lock_mail", (queue_id,)).fetchone()
    return None if row is None else int(row[0])


_OTHERWISE = frozenset({"recipient.dropped", "recipient.replaced", "recipient.hidden"})


def event(
    db: Database, number: int | None, now: datetime, kind: str, actor: object, data: Mapping[str, object]
) -> None:
    """One line of the mail's history; `kind` is noun.verb as in the log."""
    text = dump({name: str(value) for name, value in data.items() if value not in ("", None)})
    db.run("add_event", (number, micros(now), kind, clean(str(actor)), text))
    if kind in _OTHERWISE and number is not None:
        db.run("want_sent_copy", (number, micros(now)))


def add_notices(
    db: Database, notices: Iterable[NewNotice], now: datetime, known: Mapping[str, int] | None = None
) -> None:
    """Store what people are to be told. A notice about a mail that is not there is left out."""
    at = micros(now)
    for notice in notices:
        number = (known or {}).get(notice.queue_id) or mail_id(db, notice.queue_id)
        if number is None and notice.queue_id:
            continue
        due = maybe_micros(notice.due_at) or at
        data = dump({name: clean(value) for name, value in notice.data.items()})
        scope = dump_set(notice.scope)
        row = (number, notice.kind, notice.person, key(notice.person), notice.power, scope, data, at, due)
        db.run("add_notice", row)


def add_holds(db: Database, number: int, holds: Iterable[Hold], now: datetime, *, frozen: bool = False) -> None:
    for hold in holds:
        expires = None if hold.kind in TIMELESS else maybe_micros(hold.expires_at)
        made = micros(now)
        half = None if expires is None else made + (expires - made) // 2
        remind = half if hold.remind_at is None or expires is None else micros(hold.remind_at)
        asks = (dump(hold.approvers), hold.needed, hold.requires, expires, hold.on_expiry, dump_set(hold.scope))
        later = (maybe_micros(hold.escalate_at), dump(hold.escalate_to), hold.by_mail)
        times = (made, remind, frozen or hold.kind in TIMELESS, *later)
        said = dump_reason(hold.reason) if isinstance(hold.reason, Saying) else ""
        db.run("add_hold", (number, hold.rule, clean(hold.reason), hold.kind, *asks, *times, said))


def hold(db: Database, number: int, one: Hold, now: datetime, *, frozen: bool = False) -> None:
    """Hold a mail that was put before; it is found by that rule too from now on."""
    add_holds(db, number, [one], now, frozen=frozen)
    db.make_findable(number, anew=True)


def add_edits(db: Database, number: int, edits: Sequence[Edit], by: object, now: datetime) -> None:
    """A new version: the present one's edits and these."""
    row = db.run("present_edits", (number,)).fetchone()
    text = bodies.edits(db, number, dump_edits((*load_edits(bodies.read(db, row, "edits")), *edits)))
    db.run("edit_version", {"mail": number, "now": micros(now), "by": str(by), "edits": text})
    db.run("use_version", (row["number"] + 1, number))


# --- the parts of a put ---------------------------------------------------------------------------------------


def _add_mail(db: Database, mail: NewMail, thread: int | None, key_id: str, body_key: str) -> int:
    attachments = [[clean(a.name), clean(a.content_type), a.size] for a in mail.attachments]
    row = {
        "queue_id": mail.queue_id,
        "kind": mail.kind,
        "sender_key": key(mail.identity.address),
        "address": mail.identity.address,
        "proof": mail.identity.proof,
        "login": mail.identity.login,
        "answers": mail.answers or mail.identity.address,
        "answers_key": key(mail.answers or mail.identity.address),
        "size": len(mail.raw),
        "digest": mail.digest,
        "received_at": micros(mail.received_at),
        "message_id": clean(mail.message_id),
        "subject": clean(mail.subject),
        "attachments": dump_list(attachments),
        "automatic": mail.automatic,
        "thread": thread,
        "inside": dump_list([clean(one) for one in mail.inside]),
        "key_id": key_id,
        "body_key": body_key,
    }
    return int(db.run("add_mail", row).fetchone()[0])


def _add_chunks(db: Database, number: int, raw: bytes | bytearray, seal: Seal) -> None:
    with memoryview(raw) as view:
        for piece, start in enumerate(range(0, len(raw), bodies.CHUNK)):
            data = seal.piece(piece, view[start : start + bodies.CHUNK])
            db.run("add_chunk", (number << 16 | piece, data))


def add_envelope(db: Database, number: int, mail: NewMail, digest: bytes | None = None) -> None:
    """`digest`: of the bytes that came with it, where they are not the mail's."""
    e = mail.envelope
    recipients = codec.dump_recipients(e.recipients)
    asked = (e.smtputf8, e.eightbit, e.ret, e.envid, maybe_micros(e.hold_until), e.require_tls, digest)
    db.run("add_envelope", (number, mail.session_id, micros(mail.received_at), e.sender, recipients, *asked))


def add_version(db: Database, mail: int, number: int, new: NewMail, now: datetime) -> None:
    hits, evidence = codec.dump_hits(new.verdict.hits)
    evidence = bodies.words(db, mail, evidence)
    verdict = (int(new.verdict.action), hits, evidence, dump_list(new.verdict.tags), new.verdict.rules_hash)
    edits = bodies.edits(db, mail, dump_edits(new.edits)) if new.edits else "[]"
    db.run("add_version", (mail, number, micros(now), "rules", edits, *verdict))


def add_deliveries(
    db: Database, number: int, deliveries: Iterable[Delivery], holds: Sequence[Hold], now: datetime
) -> None:
    """What an open hold covers is held; what none covers waits for its instant."""
    rows = []
    for d in deliveries:
        address = key(d.address)
        held = any(hold.open and hold.covers(address) for hold in holds)
        state, due = (State.HELD, None) if held else (State.QUEUED, micros(d.due_at or now))
        about = (d.shorten, clean(d.flagged), d.added, d.visible, d.external)
        dsn = (",".join(d.recipient.notify), d.recipient.orcpt)
        rows.append((number, d.address, address, *dsn, d.destination, state, due, *about))
    db.run_many("add_delivery", rows)


def _remember(db: Database, number: int, thread: int | None, mail: NewMail) -> None:
    """What its text is known again by, and whether its conversation is confidential."""
    threads.mark(db, thread, mail)
    sketches.add(db, number, mail)
    habits.add(db, number, mail)


def _next_version(db: Database, number: int, mail: NewMail, now: datetime) -> None:
    row = db.run("present_edits", (number,)).fetchone()
    dropped = [edit for edit in load_edits(bodies.read(db, row, "edits")) if isinstance(edit, Drop)]
    add_version(db, number, row["number"] + 1, mail, now)
    db.run("use_version", (row["number"] + 1, number))
    if missing := [edit for edit in dropped if edit not in mail.edits]:
        add_edits(db, number, missing, "rules", now)


def _replace_deliveries(db: Database, number: int, found: Mail, mail: NewMail, now: datetime) -> None:
    ended = {key(d.address) for d in found.deliveries if not d.state.waiting}
    db.run("remove_waiting", (number,))
    fresh = [d for d in mail.deliveries if key(d.address) not in ended]
    add_deliveries(db, number, fresh, [hold for hold in load_holds(db, number) if hold.open], now)
    (thread,) = db.run("thread_of", (number,)).fetchone()
    _remember(db, number, thread, mail)
    _tell_order(db, number, order.line_up(db, number, thread, key(mail.identity.address)), now)
    _end(db, number, fresh, now)
    # also a hold on nobody but those who were dropped before the rules had decided
    db.run("resolve_idle", {"mail": number, "now": micros(now), "by": "rules"})
    order.let_follow(db, number, now)


def _end(db: Database, number: int, deliveries: Sequence[Delivery], now: datetime) -> None:
    """What the decision itself ends: whom a rule takes off; a reject after the 250 sends nothing."""
    cancelled = [d for d in deliveries if d.state is State.CANCELLED]
    for reason in dict.fromkeys(d.reason for d in cancelled):
        scope = dump_set(key(d.address) for d in cancelled if d.reason == reason)
        asked = {"mail": number, "now": micros(now), "reason": clean(reason), "scope": scope}
        db.run("call_off", asked).fetchall()
        if len(cancelled) == len(deliveries):
            event(db, number, now, "message.cancelled", "rules", {"reason": reason})
    if cancelled and len(cancelled) < len(deliveries):
        for d in cancelled:
            event(db, number, now, "recipient.dropped", "rules", {"address": d.address, "reason": d.reason})
    if cancelled:
        db.run("thread_dropped", {"mail": number, "now": micros(now)})


def _who(mail: NewMail) -> str:
    return mail.identity.login or mail.identity.address or "<>"


def _facts(mail: NewMail) -> dict[str, object]:
    verdict = mail.verdict
    return {
        "action": verdict.action.name.lower(), "rules": ",".join(verdict.rules), "rules_hash": verdict.rules_hash,
        "changes": ",".join(map(kind_of, verdict.edits)), "fork_of": mail.fork_of,
    }  # fmt: skip


def _tell_order(db: Database, number: int, earlier: Iterable[int], now: datetime) -> None:
    for mail in load(db, earlier).values():
        event(db, number, now, "message.delayed", "order", {"behind": mail.queue_id})


def _tell_waiting(db: Database, number: int, mail: NewMail, now: datetime) -> None:
    for hold in mail.verdict.holds:
        event(db, number, now, "message.held", hold.rule or hold.kind, {"reason": hold.reason, "kind": hold.kind})
    if mail.verdict.waits and not mail.verdict.holds:
        last = max(wait.due_at for wait in mail.verdict.waits.values())
        event(db, number, now, "message.delayed", "rules", {"due": last.isoformat()})
