"""As far as a mail would get at a next hop, without one: MAIL, RCPT, RSET."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailguard.courier.certificate import chain
from mailguard.courier.smtp import Session, mailbox
from mailguard.records import Reply

_OK = 2


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a server showed. `refused` is its first answer to each sender that it would not take mail of."""

    remote: str
    encrypted: bool
    chain: list[bytes]
    offers: frozenset[str]
    refused: dict[str, Reply] = field(default_factory=dict)


async def rehearse(session: Session, senders: Iterable[str], recipient: str) -> Rehearsal:
    """Ends the session. No DATA is said, so nothing can be sent. Errors: Broken."""
    wire, seconds = session.wire, session.timeouts.command
    refused: dict[str, Reply] = {}
    try:
        for sender in senders:
            for name, words in (("MAIL", f"MAIL FROM:{mailbox(sender)}"), ("RCPT", f"RCPT TO:{mailbox(recipient)}")):
                wire.ask(f"{words}\r\n".encode())
                reply = await wire.reply(seconds, name)
                if reply.code // 100 != _OK:
                    refused[sender] = reply
                    break
            wire.ask(b"RSET\r\n")
            await wire.reply(seconds, "RSET")
        return Rehearsal(wire.remote, wire.tls is not None, chain(wire.tls), frozenset(session.offers), refused)
    finally:
        wire.quit()
