"""The PROXY protocol, versions 1 and 2: a proxy in front of a listener says first who the client is.

https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from mailguard.errors import MailguardError
from mailguard.smtpd.wire import LineTooLongError, Wire

WITHIN = 10.0  # seconds for the whole header
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LINE = 107  # octets of a version 1 header at most, with its CR LF
_LONGEST = 2048  # octets of a version 2 header after its first 16: addresses, and what else it says
_V1 = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n")
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0x20, 0x21  # version 2, and the command
_FAMILIES = {0x11: 4, 0x21: 16}  # TCP over IPv4 and IPv6: octets of an address
_UNSPECIFIED = 0x00
_HIGHEST = 65535


class NoHeader(MailguardError):
    """What came is no header of the PROXY protocol."""


async def client(wire: Wire) -> str | None:
    """The client's address; None: the connection is the proxy's own. NoHeader; GoneError when nothing comes."""
    first = await wire.exactly(len(_SIGNATURE))
    if first == _SIGNATURE:
        command, family, *length = await wire.exactly(4)
        size = int.from_bytes(bytes(length), "big")
        if size > _LONGEST:
            raise NoHeader("it is too long")
        return _second(command, family, await wire.exactly(size))
    wire.put_back(first)
    if not first.startswith(b"PROXY "):
        raise NoHeader("there is none")
    try:
        return _first(await wire.line(_LINE))
    except LineTooLongError:
        raise NoHeader("it is too long") from None


def _first(line: bytes) -> str | None:
    if _V1_UNKNOWN.fullmatch(line):
        return None
    found = _V1.fullmatch(line)
    if found is None or any(int(port) > _HIGHEST for port in (found[4], found[5])):
        raise NoHeader("it is not as version 1 is")
    source, _ = (_address(part, int(found[1])) for part in (found[2], found[3]))
    return str(source)


def _address(text: bytes, version: int) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text.decode("ascii"))
    except ValueError:
        address = None
    if address is None or address.version != version:
        raise NoHeader("it holds what is no address")
    return address


def _second(command: int, family: int, rest: bytes) -> str | None:
    if command == _LOCAL or (command == _PROXY and family == _UNSPECIFIED):
        return None
    width = _FAMILIES.get(family)
    if command != _PROXY or width is None or len(rest) < 2 * width + 4:
        raise NoHeader("it is not as version 2 is, or about no TCP connection")
    _check_rest(rest[2 * width + 4 :])
    return str(ip_address(rest[:width]))


def _check_rest(rest: bytes) -> None:
    """What else it says is read over: each with its type and length, and nothing behind the last."""
    while rest:
        size = int.from_bytes(rest[1:3], "big")
        if len(rest) < 3 + size:
            raise NoHeader("something in it is cut off")
        rest = rest[3 + size :]
