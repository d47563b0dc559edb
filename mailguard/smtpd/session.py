# ruff: noqa: N802 - the verbs have the names aiosmtpd looks for
"""What a client wants: MAIL, RCPT, DATA and the small verbs."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from mailguard.errors import PermanentFailure, SmtpError, TemporaryFailure
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Identity, Session
from mailguard.mail.message import LONG_HEAD, Message
from mailguard.records import Accepted, Spool
from mailguard.smtpd import data
from mailguard.smtpd.bodies import Body
from mailguard.smtpd.commands import mail_parameters, rcpt_parameters
from mailguard.smtpd.connection import GoodbyeError, syntax
from mailguard.smtpd.connector import Visit
from mailguard.smtpd.gate import trusted
from mailguard.smtpd.greeting import Greeting, order
from mailguard.smtpd.lock import LockedOut, has_secrets, without_secrets
from mailguard.smtpd.quota import Booking, Payer
from mailguard.smtpd.settings import Auth, Tls
from mailguard.smtpd.transaction import Transaction, path_argument
from mailguard.tasks import in_thread

LARGEST_HEAD = 256 * 1024  # a thousand recipients in To take 60 KB
SMALL = 64 * 1024  # octets of a mail that is hashed once more on the loop
MOST_FIELDS = 2000  # a mail that went far has a hundred; the loop looks at each several times


class SmtpSession(Greeting):
    """A client that sends mail."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.transaction: Transaction | None = None
        self._unheard: list[Accepted] = []  # mails whose 250 the client may not have seen

    def went_on(self) -> None:
        """Whoever speaks after the 250 has read it; what was pipelined before says nothing of it."""
        if self._unheard and not self._replies and self.wire.received > self._told:
            for accepted in self._unheard:
                self.floor.accept.answered(accepted)
            self._unheard.clear()

    def within_mail(self) -> bool:
        return self.transaction is not None

    def forget_mail(self) -> None:
        self.transaction = None

    async def smtp_MAIL(self, argument: str) -> None:
        await self._may_send()
        if self.transaction is not None:
            raise order("there is a mail in progress: RSET first")
        floor = self.floor
        self.sender, rest = address.parse_path(path_argument(argument, "FROM:"), smtputf8=True)
        given = mail_parameters(rest, floor.clock.now, floor.limits.future_release, secure=self.secure)
        if not given.smtputf8 and not self.sender.isascii():
            address.check(self.sender)  # says 553 5.6.7
        if given.size > floor.limits.size:
            raise data.too_big(floor.limits.size)
        if floor.connector is None:
            floor.policy.check_envelope(self.user, self.sender)
        if floor.quota is not None:
            floor.meter.check(self._payer(), floor.quota)
            await floor.meter.check_waiting(self._payer(), floor.quota, given.size)
        if not await floor.room(given.size):
            raise TemporaryFailure("the disk is almost full: try again later", code=452, enhanced="4.3.1")
        self.transaction = Transaction(self.sender, given, floor.limits.recipients)
        self._say("250 2.1.0 sender ok")

    async def _may_send(self) -> None:
        floor = self.floor
        if not self.helo:
            raise order("EHLO first")
        if floor.listener.tls is Tls.STARTTLS and not self.secure:
            raise PermanentFailure("STARTTLS first", code=530, enhanced="5.7.0")
        # At MAIL and not at the greeting: 550 is no greeting, and here the words reach whoever set the client up.
        if self.unnamed and floor.listener.trusted:
            raise PermanentFailure("the proxy does not say who sends: only known networks may")
        if not trusted(self.peer, floor.listener.trusted):
            raise PermanentFailure(f"{self.peer} may not send mail here: its network is not trusted")
        if floor.listener.auth is Auth.REQUIRED and self.user is None:
            raise PermanentFailure("log in first (AUTH)", code=530, enhanced="5.7.0")
        await self._refuse_disabled()

    async def _refuse_disabled(self) -> None:
        """Somebody disabled this login, or revoked its password, while its session went on."""
        user = self.user
        if user is None:
            return
        if not self.floor.warden.may_send(user.name) or (user.valid is not None and not await user.valid()):
            raise GoodbyeError("this login is not valid any more")

    def _payer(self) -> Payer:
        if self.user is None:
            return Payer(f"listener {self.floor.listener.bind}")
        return Payer(f"login {address.key(self.user.name)}", self.user.name)

    async def smtp_RCPT(self, argument: str) -> None:
        transaction = self.transaction
        if transaction is None:
            raise order("MAIL first")
        home = address.domain(self.floor.policy.notices_sender)  # whose bare <postmaster> is (RFC 5321 §4.5.1)
        recipient, rest = address.parse_path(
            path_argument(argument, "TO:"), smtputf8=transaction.parameters.smtputf8, postmaster=home
        )
        if not recipient:
            raise PermanentFailure("bad address: <> can't receive mail", code=501, enhanced="5.1.3")
        given = rcpt_parameters(rest)
        if self.floor.quota is not None:
            self.floor.meter.check(self._payer(), self.floor.quota, 0, len(transaction.recipients) + 1)
        transaction.add(recipient, given)
        self._say("250 2.1.5 recipient ok")

    async def smtp_DATA(self, argument: str) -> None:
        async with AsyncExitStack() as stack:
            try:
                envelope, booking = await self._begin(argument, stack)
            except SmtpError as error:
                if self.wire.empty():
                    raise
                self._say(error.line)
                # The client did not wait: what follows is a body, and must not be taken for commands (RFC 2920 §3.1).
                raise GoodbyeError("nothing may follow DATA before its answer") from None
            await self._receive(envelope, booking)

    async def _begin(self, argument: str, stack: AsyncExitStack) -> tuple[Envelope, Booking | None]:
        """What DATA ends: the envelope, and the mail's place in its sender's quota, which `stack` gives back."""
        if self.transaction is None or argument:
            raise syntax("DATA takes nothing", 501) if argument else order("MAIL first")
        transaction, self.transaction = self.transaction, None
        envelope, quota = transaction.envelope(), self.floor.quota
        if quota is None:
            return envelope, None
        recipients, size = len(envelope.recipients), transaction.parameters.size
        return envelope, await stack.enter_async_context(
            self.floor.meter.booking(self._payer(), quota, recipients, size)
        )

    async def _receive(self, envelope: Envelope, booking: Booking | None) -> None:
        self._say("354 go ahead, end with a line that is only a dot")
        await self._flush()
        body = Body(self.floor.bodies, self.floor.limits.in_flight)
        try:
            spool = await self._body(body)
            if booking is not None:
                await booking.weigh(len(spool.raw))
            accepted = await self._commit(envelope, spool)
        finally:
            body.release()
        if booking is not None and not accepted.resend:
            booking.keep()

    async def _body(self, body: Body) -> Spool:
        self._upload_begins()
        try:
            return await data.receive(self.wire, self.floor.limits.size, body)
        finally:
            self._upload_ended()

    async def _commit(self, envelope: Envelope, spool: Spool) -> Accepted:
        floor, dot = self.floor, self.floor.clock.monotonic()
        spool, identity = await self._admitted(envelope.sender, spool)
        session = Session(
            self.id, identity, self.peer, self.helo, self._protocol(envelope.smtputf8), floor.listener.bind
        )
        await self._refuse_disabled()
        if floor.quota is not None:
            floor.meter.refuse_frozen(self._payer())
        self.committing = True
        try:
            accepted = await floor.commits.run(floor.accept.accept(envelope, spool, session))
        finally:
            self.committing = False
        self._commands = 0
        self._say(_thanks(accepted))
        self._unheard.append(accepted)
        floor.watcher.smtp_accepted(session, envelope, len(spool.raw), accepted, floor.clock.monotonic() - dot)
        if self.user is None and floor.faces.seen(self.peer, floor.listener):
            floor.watcher.one_client(floor.listener.bind, self.peer)
        return accepted

    async def _admitted(self, sender: str, spool: Spool) -> tuple[Spool, Identity]:
        """As `_opened`; a long header is read in a thread, one of no sensible size by nobody (552 5.3.4)."""
        message = spool.message
        if message.head_size > LARGEST_HEAD:
            raise PermanentFailure(f"the header is longer than {LARGEST_HEAD} octets", code=552, enhanced="5.3.4")
        if message.field_count > MOST_FIELDS:
            raise PermanentFailure(f"the header has more than {MOST_FIELDS} fields", code=552, enhanced="5.3.4")
        opened = partial(self._opened, sender, spool)
        long = message.head_size > LONG_HEAD or (len(spool.raw) > SMALL and has_secrets(message))
        try:
            return await in_thread(opened) if long else opened()
        except PermanentFailure as error:
            if self.floor.lock is not None:
                reason, tenant = (error.reason, error.tenant) if isinstance(error, LockedOut) else ("sender", "")
                self.floor.watcher.locked_out(
                    reason, tenant, session_id=self.id, peer=self.peer, listener=self.floor.listener.bind
                )
            raise

    def _opened(self, sender: str, spool: Spool) -> tuple[Spool, Identity]:
        """The mail as it may be kept and who sent it, if it opens this listener's lock and they may. Else 550."""
        if self.floor.lock is not None:
            self.floor.lock.check(spool.message, sender, secure=self.secure)
        return without_secrets(spool), self._proven(sender, spool.message)

    def _proven(self, sender: str, message: Message) -> Identity:
        """By the login or network (`Policy`), or by the connector."""
        floor = self.floor
        if floor.connector is None:
            return floor.policy.identity(self.user, sender, message)
        visit = Visit(self.peer, self.helo, self.secure, sender, floor.listener)
        return floor.connector.identity(visit, message)

    def _protocol(self, smtputf8: bool) -> str:
        """RFC 3848 and RFC 6531 §3.7.3."""
        if not self._extended:
            return "SMTP"
        return f"{'UTF8SMTP' if smtputf8 else 'ESMTP'}{'S' if self.secure else ''}{'A' if self.user else ''}"

    # --- the rest ---------------------------------------------------------------------------------------------
    async def smtp_RSET(self, argument: str) -> None:
        if argument:
            raise syntax("RSET takes nothing", 501)
        self.forget_mail()
        self._say("250 2.0.0 ok")

    async def smtp_NOOP(self, _: str) -> None:
        self._say("250 2.0.0 ok")

    async def smtp_HELP(self, _: str) -> None:
        self._say("214 2.0.0 see RFC 5321")

    async def smtp_VRFY(self, argument: str) -> None:
        if not argument:
            raise syntax("say whom: VRFY user@domain", 501)
        self._say("252 2.1.5 send some mail, I'll try my best")

    async def smtp_EXPN(self, _: str) -> None:
        raise PermanentFailure("lists are not shown", code=502, enhanced="5.5.1")

    async def smtp_BDAT(self, _: str) -> None:
        """Its octets can't be told from commands by somebody who doesn't read it: the connection ends."""
        self._goodbye("502 5.5.1 BDAT is not offered")

    async def smtp_QUIT(self, argument: str) -> None:
        if argument:
            raise syntax("QUIT takes nothing", 501)
        self._goodbye("221 2.0.0 goodbye")


def _thanks(accepted: Accepted) -> str:
    if accepted.held_by:
        return f"250 2.0.0 held as {accepted.queue_id}: {accepted.held_by} (check your mail for the link)"
    return f"250 2.0.0 queued as {accepted.queue_id}"
