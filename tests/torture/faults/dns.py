"""DNS that is broken, silent, absurd or lying, on the way to a recipient's own mail servers."""

from collections.abc import Callable
from typing import Any

from mailguard.records import State
from tests.torture.badhop import BadHop
from tests.torture.fault import Trial, fault
from tests.torture.scene import OFFERS, reports, scene
from tests.unit.courier.dns_server import SERVFAIL, SILENT, TRUNCATED, DnsServer

Zone = dict[tuple[str, str], list[str] | str]
_DOMAIN, _HOST, _DEAD = "client.example", "mx.client.example", "127.0.0.9"
_MYSELF = "guard.corp.example"
_GOOD: Zone = {(_DOMAIN, "MX"): [f"10 {_HOST}."], (_HOST, "A"): ["127.0.0.1"]}

_WAITS: dict[str, Zone] = {
    "SERVFAIL": {(_DOMAIN, "MX"): SERVFAIL},
    "silence": {(_DOMAIN, "MX"): SILENT},
    "SERVFAIL for the address": {(_DOMAIN, "MX"): [f"10 {_HOST}."], (_HOST, "A"): SERVFAIL, (_HOST, "AAAA"): SERVFAIL},
    "a truncated answer and nothing by TCP": {(_DOMAIN, "MX"): TRUNCATED, (_DOMAIN, "MX/TCP"): SERVFAIL},
    "fifty dead servers": {
        (_DOMAIN, "MX"): [f"{rank} mx{rank}.client.example." for rank in range(50)],
        **{(f"mx{rank}.client.example", "A"): [_DEAD] for rank in range(50)},
    },
}
_FAILS: dict[str, Zone] = {
    "NXDOMAIN": {},
    "a null MX": {(_DOMAIN, "MX"): ["0 ."]},
    "an MX without address": {(_DOMAIN, "MX"): [f"10 {_HOST}."], (_HOST, "TXT"): ['"x"']},
    "an MX on loopback": _GOOD,
    "our own name as MX": {(_DOMAIN, "MX"): [f"10 {_MYSELF}."], (_MYSELF, "A"): ["192.0.2.1"]},
}
_ARRIVES: dict[str, Zone] = {
    "a chain of aliases": {
        (_DOMAIN, "CNAME"): ["a.example"], ("a.example", "CNAME"): ["b.example"], ("b.example", "MX"): [f"10 {_HOST}."],
        (_HOST, "A"): ["127.0.0.1"],
    },
    "no MX, only an address": {(_DOMAIN, "A"): ["127.0.0.1"]},
    "a first MX without address": {**_GOOD, (_DOMAIN, "MX"): ["5 gone.example.", f"10 {_HOST}."]},
    "a first MX that is dead": {
        **_GOOD, (_DOMAIN, "MX"): ["5 dead.example.", f"10 {_HOST}."], ("dead.example", "A"): [_DEAD],
    },
    "a truncated answer": {**_GOOD, (_DOMAIN, "MX"): TRUNCATED, (_DOMAIN, "MX/TCP"): [f"10 {_HOST}."]},
}  # fmt: skip


class _Names(DnsServer):
    """Before each answer it sends `junk(query)`, as one who guesses does."""

    junk: Callable[[bytes], list[bytes]] | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for lie in self.junk(data) if self.junk else ():
            assert self._udp is not None
            self._udp.sendto(lie, addr)
        super().datagram_received(data, addr)


async def _run(trial: Trial, zone: Zone, expected: State, *, loops: bool = True, names: _Names | None = None) -> None:
    """Before `zone` the mail is `expected`; with a good one it ends, once."""
    names = names or _Names()
    await names.start()
    names.zone = dict(zone)
    hop = BadHop(*OFFERS)
    await hop.start()
    await hop.refuse()  # only its port is wanted already
    dns: dict[str, Any] = {"resolver": names.resolver(0.5), "mx_port": hop.port, "loops_allowed": loops}
    way = {"mx": True, "unsigned": True, "tls": "none"}
    async with scene(trial, hop, next_hop=way, config={"smtp": {"hostname": _MYSELF}}, **dns) as at:
        await at.send()
        await at.house.quiet()
        assert set(await at.states()) == {expected}, zone
        names.zone = dict(_GOOD)
        await at.mended()
        failed = int(expected is State.FAILED)
        await at.check(failed=failed)
        assert len(reports(at.house)) == failed
        asked = {name for name, kind in names.asked if kind == "A"}
        assert len(asked) <= 12, f"{len(asked)} servers were looked up"
    await names.stop()


@fault("SERVFAIL, time-out, empty truncation, 50 dead MX", "waits, in bounded time; one copy when mended",
       short=len(_WAITS), full=50)  # fmt: skip
async def waits(trial: Trial) -> None:
    await _run(trial, list(_WAITS.values())[trial.number % len(_WAITS)], State.QUEUED)


@fault("NXDOMAIN, null MX, MX without address, MX that is loopback or ourselves", "refused, with one report",
       short=len(_FAILS), full=50)  # fmt: skip
async def fails(trial: Trial) -> None:
    await _run(trial, list(_FAILS.values())[trial.number % len(_FAILS)], State.FAILED, loops=False)


@fault("CNAME chain, no MX, first MX dead or without address, truncated answer", "one copy arrives at once",
       short=len(_ARRIVES), full=50)  # fmt: skip
async def arrives(trial: Trial) -> None:
    await _run(trial, list(_ARRIVES.values())[trial.number % len(_ARRIVES)], State.SENT)


@fault("a CNAME that leads back to itself", "waits, in bounded time; one copy when mended", short=1, full=10)
async def loop(trial: Trial) -> None:
    await _run(trial, {(_DOMAIN, "CNAME"): ["a.example"], ("a.example", "CNAME"): [_DOMAIN]}, State.QUEUED)


@fault("junk answers with a wrong id, other names or no sense", "not believed: one copy, at the right server", short=1,
       full=10)  # fmt: skip
async def junk(trial: Trial) -> None:
    names = _Names()

    def lies(query: bytes) -> list[bytes]:
        forged = names._answer(query, udp=True).replace(b"\x7f\x00\x00\x01", b"\x7f\x00\x00\x09")
        wrong = (int.from_bytes(query[:2]) ^ (1 + trial.dice.getrandbits(15))).to_bytes(2)
        return [wrong + forged[2:], trial.dice.randbytes(40), query[:2] + b"\x84\x00" + b"\x00" * 8, b""]

    names.junk = lies
    await _run(trial, _GOOD, State.SENT, names=names)
