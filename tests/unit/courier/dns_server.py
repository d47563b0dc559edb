"""A small real DNS server on loopback, over UDP and TCP, made of dnspython's messages."""

import asyncio
import struct
from collections import Counter
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

NOERROR, NXDOMAIN, SERVFAIL, SILENT, TRUNCATED = "NOERROR", "NXDOMAIN", "SERVFAIL", "SILENT", "TRUNCATED"


class DnsServer(asyncio.DatagramProtocol):
    """`zone["client.example", "MX"]` is a list of records, or one of the words above; unknown names: NXDOMAIN."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str] | str] = {}
        self.secure = False  # whether answers say that they were validated (the AD bit), to who asks for that
        self.asked: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self) -> "DnsServer":
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    async def stop(self) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    def resolver(self, lifetime: float = 2.0) -> dns.asyncresolver.Resolver:
        found = dns.asyncresolver.Resolver(configure=False)
        found.nameservers = ["127.0.0.1"]
        found.port = self.port
        found.timeout = found.lifetime = lifetime
        return found

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data, udp=True)
        if answer and self._udp is not None:
            self._udp.sendto(answer, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self._answer(await reader.readexactly(length), udp=False)
        writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()

    def _answer(self, data: bytes, *, udp: bool) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        answer = dns.message.make_response(query, recursion_available=True)
        self._fill(answer, name, kind, udp)
        if self.secure and query.flags & dns.flags.AD:
            answer.flags |= dns.flags.AD
        silent = self.zone.get((name, kind)) == SILENT
        return b"" if silent else answer.to_wire()

    def _fill(self, answer: dns.message.Message, name: str, kind: str, udp: bool, links: int = 20) -> None:
        alias = self.zone.get((name, "CNAME"))
        if isinstance(alias, list) and links:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{alias[0]}."))
            self._fill(answer, alias[0], kind, udp, links - 1)
            return
        found = self.zone.get((name, kind), NOERROR if any(known == name for known, _ in self.zone) else NXDOMAIN)
        if found == TRUNCATED and udp:
            answer.flags |= dns.flags.TC
            return
        found = self.zone.get((name, f"{kind}/TCP"), found) if found == TRUNCATED else found
        if isinstance(found, list):
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, found))
        elif found in (NXDOMAIN, SERVFAIL):
            answer.set_rcode(dns.rcode.from_text(found))
