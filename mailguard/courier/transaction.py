"""One MAIL … DATA on an open session, and what became of each recipient."""

from contextlib import aclosing
from dataclasses import replace

from mailguard.courier import content
from mailguard.courier.parcel import Parcel
from mailguard.courier.plan import Plan, plan
from mailguard.courier.reply import CLOSING, out_of_place, outcome, own, rcpt_outcome
from mailguard.courier.smtp import Session
from mailguard.courier.wire import SLOWEST, Broken
from mailguard.errors import MailguardError, SmtpError
from mailguard.records import Outcome, Reply, Result

_GO_AHEAD = 354


class Stale(MailguardError):
    """A connection that was kept open was dead before it took MAIL: nothing happened yet, try a fresh one."""


async def transact(session: Session, parcel: Parcel) -> tuple[Outcome, ...]:
    """One outcome per recipient, in order. Afterwards `session.clean` says whether it may be used again.

    Cancelled or failing inside, it drops the connection: the next reader would get this one's replies.
    """
    transaction = _Transaction(session, parcel)
    session.used += 1
    try:
        return await transaction.run()
    except BaseException:
        session.clean = False
        session.wire.abort()
        raise


class _Transaction:
    """The steps, and what is known so far."""

    def __init__(self, session: Session, parcel: Parcel) -> None:
        self._session, self._parcel = session, parcel
        self._wire, self._timeouts = session.wire, session.timeouts
        self._pipelined = "pipelining" in session.offers
        self._known: dict[int, Outcome] = {}
        self._answered = False  # MAIL has its reply
        self._ended = False  # the final dot is written: from here on a silence is ambiguous

    async def run(self) -> tuple[Outcome, ...]:
        try:
            await self._steps(await plan(self._parcel, self._session.offers))
        except Broken as error:
            self._drop()
            if not self._answered and self._session.used > 1:
                raise Stale from error
            self._rest(Outcome(Result.DEFERRED, own(error), ambiguous=self._ended))
        except SmtpError as error:  # the plan's, or the store's while it was read
            if self._answered:
                self._drop()
            self._rest(outcome(own(error)))
        return tuple(self._known[index] for index in range(len(self._parcel.recipients)))

    async def _steps(self, todo: Plan) -> None:
        self._known.update(todo.refused)
        if not todo.rcpts:
            return
        self._wire.limit(self._timeouts.transaction + self._parcel.octets / SLOWEST)
        if self._pipelined:
            self._wire.ask(b"".join([todo.mail, *todo.rcpts.values(), b"DATA\r\n"]))
        sender = await self._ask(todo.mail, "MAIL")
        if sender.code == CLOSING and self._session.used > 1:
            raise Broken(sender.text)
        self._answered = True
        # failpoint: courier.mail
        accepted = await self._recipients(todo, sender)
        if accepted or self._pipelined:
            await self._data(accepted, todo)
        else:
            await self._reset()

    async def _ask(self, command: bytes, name: str) -> Reply:
        """The reply to a command, which a pipeline has sent already."""
        if not self._pipelined:
            self._wire.ask(command)
        seconds = self._timeouts.data if name == "DATA" else self._timeouts.command
        reply = await self._wire.reply(seconds, name)
        if reply.code == CLOSING:
            self._session.clean = False
        return reply

    async def _recipients(self, todo: Plan, sender: Reply) -> list[int]:
        """The indices accepted. When MAIL was refused, its reply is everybody's."""
        taken = outcome(sender)
        if taken.result is not Result.SENT:
            self._rest(taken)
            for command in todo.rcpts.values() if self._pipelined else ():
                await self._ask(command, "RCPT")
            return []
        accepted = []
        for index, command in todo.rcpts.items():
            reply = await self._ask(command, "RCPT")
            # failpoint: courier.rcpt
            judged = rcpt_outcome(reply)
            if reply.code == CLOSING:
                self._rest(judged)
                raise Broken(reply.text)
            if judged.result is Result.SENT:
                accepted.append(index)
            else:
                self._known[index] = judged
        return accepted

    async def _data(self, accepted: list[int], todo: Plan) -> None:
        start = await self._ask(b"DATA\r\n", "DATA")
        if start.code != _GO_AHEAD:
            judged = outcome(start)
            if judged.result is Result.SENT or await self._reset() == _GO_AHEAD:
                self._drop()  # answers and commands are out of step: nobody's reply is sure to be their own
                self._known = dict(todo.refused)
                judged = out_of_place(start)
            self._rest(judged)
            return
        if not accepted:  # it waits for a message that nobody gets: leave rather than send a lone dot
            self._drop()
            return
        await self._pour()
        if self._ended:
            self._wire.limit(None)  # only patience is safe now: to leave here may make a duplicate
        # failpoint: courier.dot
        end = await self._wire.reply(self._timeouts.dot, "the end of the message")
        if not self._ended:  # it spoke while we did: what it got is no whole message, whatever it says
            self._drop()
        judged = outcome(end)
        if judged.result is Result.SENT and not self._ended:
            judged = out_of_place(end)
        self._session.clean = self._session.clean and end.code != CLOSING
        self._rest(judged)

    async def _pour(self) -> None:
        """The message and its final dot; stops early when the server has already answered."""
        message = content.whole(self._parcel)
        if message is not None:
            self._ended = not self._wire.spoken
            if self._ended:
                self._wire.write(message)
            return
        stuffer = content.Stuffer()
        async with aclosing(content.pieces(self._parcel)) as pieces:
            async for piece in pieces:
                if self._wire.spoken:
                    return
                # failpoint: courier.pouring
                self._wire.write(stuffer.feed(piece))
                await self._wire.drain(self._timeouts.block)
        if not self._wire.spoken:
            self._ended = True
            self._wire.write(stuffer.end())

    def _rest(self, result: Outcome) -> None:
        """Everybody whose fate is not known yet."""
        asked = "dsn" in self._session.offers
        for index, recipient in enumerate(self._parcel.recipients):
            relayed = result.result is Result.SENT and "SUCCESS" in recipient.notify and not asked
            self._known.setdefault(index, replace(result, relayed_without_dsn=True) if relayed else result)

    def _drop(self) -> None:
        self._session.clean = False
        self._wire.abort()

    async def _reset(self) -> int:
        """Make the session fit for another mail; its end is no news for this one. The answer's code, or 0."""
        if not self._session.clean:
            return 0
        try:
            self._wire.write(b"RSET\r\n")
            reply = await self._wire.reply(self._timeouts.command, "RSET")
        except Broken:
            self._session.clean = False
            return 0
        self._session.clean = outcome(reply).result is Result.SENT
        return reply.code
