"""Stands before intake: what is written to the notices' address is read as an answer, the rest goes on as ever."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailguard import tokens
from mailguard.answers.wish import Verb, Wish, read
from mailguard.clock import Clock
from mailguard.desk import ByMail, Unmet, View
from mailguard.errors import CannotTell
from mailguard.intake import queue_id as ids
from mailguard.log import Log
from mailguard.mail.address import key
from mailguard.mail.envelope import Envelope, Session
from mailguard.mail.kind import automatic_header
from mailguard.mail.message import Message
from mailguard.mail.text import body_text
from mailguard.notices import reply
from mailguard.records import Accepted, Actor, NewNotice, NoticeKind, Spool
from mailguard.store.base import Store
from mailguard.tasks import in_thread

_HELP_AGAIN = timedelta(hours=24)
_REMEMBERED = 10_000  # people who were helped lately
_SMALL = 64 << 10  # octets: a larger one, mostly pictures of a signature, is read in a thread
# What answers by itself, beside Auto-Submitted: RFC 3834 §3.1.8 and what programs wrote before it
_BY_ITSELF = frozenset(
    {"x-autoreply", "x-autorespond", "x-autoresponder", "list-id", "list-unsubscribe", "x-ms-exchange-inbox-rules-loop"}
)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})


class Accept(Protocol):
    """Where mail goes that is no answer."""

    def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Coroutine[Any, Any, Accepted]: ...

    def answered(self, accepted: Accepted) -> None: ...


class Answers:
    """One answer is one act, and one notice that says what it did. What nobody wrote is swallowed."""

    def __init__(
        self, intake: Accept, acts: ByMail, store: Store, clock: Clock, log: Log, wake: Callable[[], None], sender: str,
    ) -> None:  # fmt: skip
        self._intake, self._acts, self._store = intake, acts, store
        self._clock, self._log, self._wake, self._sender = clock, log, wake, sender
        self._helped: dict[str, datetime] = {}

    def accept(self, envelope: Envelope, spool: Spool, session: Session) -> Coroutine[Any, Any, Accepted]:
        """As `Intake.accept`, which is called at once for mail that is none of ours."""
        ours = [one for one in envelope.recipients if reply.token(self._sender, one.address) is not None]
        if not ours:
            return self._intake.accept(envelope, spool, session)
        others = replace(envelope, recipients=tuple(one for one in envelope.recipients if one not in ours))
        rest = self._intake.accept(others, spool, session) if others.recipients else None
        said = [reply.token(self._sender, one.address) or "" for one in ours]
        return self._both(rest, said, envelope, spool, session)

    def answered(self, accepted: Accepted) -> None:
        self._intake.answered(accepted)

    async def _both(
        self, rest: Coroutine[Any, Any, Accepted] | None, said: list[str], envelope: Envelope, spool: Spool,
        session: Session,
    ) -> Accepted:  # fmt: skip
        """The mail to others first: what it is refused for refuses the answer too, and it can be sent again."""
        accepted = await rest if rest is not None else Accepted(ids.new(self._clock.now()))
        message = Message(spool.raw)
        if by_itself(envelope, message) or not session.identity.address:
            await self._note("", session, "ignored")
            return accepted
        wish = _wish(message) if len(spool.raw) <= _SMALL else await in_thread(_wish, message)
        for token in said:
            await self._answer(token, wish, session)
        self._wake()
        return accepted

    async def _answer(self, token: str, wish: Wish | None, session: Session) -> None:
        view = await self._acts.view(tokens.answer_digest(token), session.identity) if token else None
        if view is None or wish is None:
            await self._help(session)
            return
        data = {"verb": wish.verb.value}
        try:
            data |= await self._act(view, wish, session)
        except Unmet as error:
            data |= {"outcome": error.why, "who": error.said}
        await self._note(view.mail.queue_id, session, f"{wish.verb}: {data['outcome']}")
        if data["outcome"] == "done" and wish.verb is Verb.STOP and key(view.mail.answers) == key(view.person):
            return  # the sender is told of every stop
        notice = NewNotice(
            NoticeKind.ANSWERED, view.person, view.mail.queue_id, view.power, view.scope, data=data
        )  # fmt: skip
        await self._store.notify([notice], self._clock.now())

    async def _act(self, view: View, wish: Wish, session: Session) -> dict[str, str]:
        match wish.verb:
            case Verb.STOP:
                return {"outcome": (await self._acts.stop(view)).ending.value}
            case Verb.SEND:
                return {"outcome": (await self._acts.send(view, session.identity)).ending.value}
            case Verb.DROP:
                decision, who = await self._acts.drop(view, wish.who)
                return {"outcome": decision.ending.value, "who": ", ".join(who)}

    async def _help(self, session: Session) -> None:
        """Once a day: whoever gets it twice learns nothing new, and two programs would go on for ever."""
        person, now = session.identity.address, self._clock.now()
        last = self._helped.get(key(person))
        await self._note("", session, "not understood")
        if last is not None and now - last < _HELP_AGAIN:
            return
        if len(self._helped) >= _REMEMBERED:
            self._helped.clear()
        self._helped[key(person)] = now
        await self._store.notify([NewNotice(NoticeKind.HELP, person)], now)

    async def _note(self, queue_id: str, session: Session, outcome: str) -> None:
        """In the audit and the log, never what was written."""
        by = Actor(session.identity.address or "<>", "mail")
        data = {"outcome": outcome}
        await self._store.record("answer.read", by=by, now=self._clock.now(), queue_id=queue_id, data=data)
        self._log.answer(queue_id, by, session, outcome)


def by_itself(envelope: Envelope, message: Message) -> bool:
    """Whether a program wrote it: an absence, a report, a list. RFC 3834 §2 says not to answer these."""
    if not envelope.sender or automatic_header(message) or message.names & _BY_ITSELF:
        return True
    kind = (message.get("content-type") or "").strip().lower()
    return (message.get("precedence") or "").strip().lower() in _BULK or kind.startswith("multipart/report")


def _wish(message: Message) -> Wish | None:
    try:
        return read(body_text(message).new)
    except CannotTell:
        return None
