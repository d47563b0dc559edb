"""A connector: a mail system that passes on what its users sent, and vouches for who they are (decision 41)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailguard.errors import PermanentFailure
from mailguard.mail.envelope import Identity, Proof
from mailguard.mail.message import Message
from mailguard.notices import reply
from mailguard.smtpd.settings import Listener

# Who acted, first of all; what is in the last two a connector does not vouch for, and mail of our own has no need of.
_ACTORS = (("sender",), ("from",), ("resent-sender", "resent-from"))


@dataclass(frozen=True, slots=True)
class Visit:
    """What the session knows of whoever brings a mail."""

    peer: str
    helo: str
    secure: bool  # over TLS
    sender: str  # MAIL FROM; '' is the null reverse-path
    listener: Listener


@dataclass(frozen=True, slots=True)
class Connector:
    """Takes its word for who sent a mail. Network, and TLS where the listener has it, were looked at before (MAIL)."""

    internal: Callable[[str], bool]
    notices_sender: str

    def identity(self, visit: Visit, message: Message) -> Identity:
        """Of Sender, else From, the first address that is our own; '' for mail that somebody outside wrote.

        PermanentFailure 550 5.7.1. This is the one place where a connector is believed: what else is to prove that it
        is ours, and not another customer of the same provider, is asked before it is.
        """
        if message.torn & {name for names in _ACTORS for name in names}:
            raise _refuse("a line in the header is no field, and a From or Sender follows it: take that line away")
        found = [self._addresses(message, names) for names in _ACTORS]
        for address in (visit.sender, *(one for each in found for one in each)):
            if reply.token(self.notices_sender, address) is not None:
                raise _refuse(f"{address} is reserved for this server's own notices")
        return Identity(next((one for each in found for one in self._own(each)), ""), Proof.CONNECTOR)

    def _own(self, addresses: Iterable[str]) -> Iterable[str]:
        return (one for one in addresses if self.internal(one))

    def _addresses(self, message: Message, names: tuple[str, ...]) -> list[str]:
        return [box.address for box in message.mailboxes(*names) if "@" in box.address]


def _refuse(why: str) -> PermanentFailure:
    return PermanentFailure(why, code=550, enhanced="5.7.1")
