"""How many are connected: in all, and of one client."""

from functools import lru_cache

from mailguard.mail.peer import client, plain_address
from mailguard.smtpd.settings import Network


@lru_cache(maxsize=4096)  # asked at every MAIL
def trusted(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the peer is in one of the networks; no network written down means everybody."""
    if not networks:
        return True
    try:
        address = plain_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


class Gate:
    """Counts connections; who is let in must leave."""

    def __init__(self) -> None:
        self.inside = 0
        self._by_client: dict[str, int] = {}

    def enter(self, peer: str, connections: int, per_client: int) -> bool:
        """False: no room for this one; it must not `leave`."""
        who = client(peer)
        count = self._by_client.get(who, 0)
        if self.inside >= connections or count >= per_client:
            return False
        self.inside += 1
        self._by_client[who] = count + 1
        return True

    def leave(self, peer: str) -> None:
        who = client(peer)
        self.inside -= 1
        self._by_client[who] -= 1
        if not self._by_client[who]:
            del self._by_client[who]
