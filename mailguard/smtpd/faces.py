"""Whether all mail of a listener without a login comes from one address, as behind a proxy or a NAT."""

from mailguard.mail.peer import plain_address
from mailguard.smtpd.settings import Listener

MANY = 1000  # mails


class Faces:
    """One listener's. Who is who can't be told behind one address: no limit, log or network tells them apart."""

    def __init__(self) -> None:
        self._only, self._mails = "", 0
        self._done = False  # told, or there was another

    def seen(self, peer: str, listener: Listener) -> bool:
        """True once: so many mails came, all from here, although others could have sent some."""
        if self._done:
            return False
        self._only = self._only or peer
        self._mails += 1
        self._done = peer != self._only or self._mails >= MANY
        return self._done and peer == self._only and _others_could(peer, listener)


def _others_could(peer: str, listener: Listener) -> bool:
    address = plain_address(peer)
    mine = [network for network in listener.trusted if address in network]
    return not address.is_loopback and any(network.num_addresses > 1 for network in mine)
