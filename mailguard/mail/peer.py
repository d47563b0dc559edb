"""Who is at the other end of a connection, by its address."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address


@lru_cache(maxsize=4096)
def plain_address(peer: str) -> IPv4Address | IPv6Address:
    """The peer without a zone, and as IPv4 when it is IPv4 in IPv6's clothes (a listener on `[::]`)."""
    address = ip_address(peer.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=4096)
def client(peer: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 /64, which is what one subscriber gets."""
    try:
        address = plain_address(peer)
    except ValueError:
        return peer
    return str(address) if address.version == 4 else address.packed[:8].hex()  # noqa: PLR2004
