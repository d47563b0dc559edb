"""STARTTLS that is refused, broken, untrusted or attacked: nothing and no password ever goes in the clear."""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime

import trustme

from mailguard.records import State
from mailguard.testing import eventually
from tests.torture.badhop import BadHop, Trick, drip, fin, flood, rst, says, silent
from tests.torture.fault import Trial, fault
from tests.torture.faults.hop import MOST_GROWTH, peak_memory
from tests.torture.scene import OFFERS, Scene, scene, settled

_EARLIER = datetime(2001, 1, 1, tzinfo=UTC)
_INJECTED = b"220 go ahead\r\n250-evil.example\r\n250-AUTH LOGIN\r\n250 PIPELINING\r\n"


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


_CERTIFICATES: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "expired": lambda ours: ours.issue_cert("127.0.0.1", not_after=_EARLIER, not_before=_EARLIER),
    "of another name": lambda ours: ours.issue_cert("elsewhere.example"),
    "of an unknown authority": lambda _: trustme.CA().issue_cert("127.0.0.1"),
}
_TRICKS: dict[str, Trick] = {
    "refused": says(b"454 4.7.0 TLS not available\r\n"),
    "refused for good": says(b"554 5.7.0 no\r\n"),
    "answered with noise": says(b"220 go\r\n" + b"\x00\xff" * 500),
    "hung up": fin,
    "reset": rst,
    "silent": silent,
}
_NOT_OFFERED = "not offered"
_KINDS = [_NOT_OFFERED, *_CERTIFICATES, *_TRICKS]


def _way(trial: Trial, ours: trustme.CA) -> dict[str, object]:
    path = trial.folder / "ca.pem"
    ours.cert_pem.write_to_path(str(path))
    return {"tls": "starttls", "username": "relay", "password": "s3cret-word", "ca_file": str(path)}


async def _nothing_in_the_clear(at: Scene) -> None:
    await at.send()
    await at.house.quiet()
    assert set(await at.states()) == {State.QUEUED}
    assert not {"AUTH", "MAIL", "RCPT", "DATA"} & set(at.hop.verbs), at.hop.verbs


@fault("STARTTLS not offered, refused, broken, expired, of a wrong name or authority",
       "waits, never in the clear; one copy when mended", short=len(_KINDS), full=100)  # fmt: skip
async def broken(trial: Trial) -> None:
    kind = _KINDS[trial.number % len(_KINDS)]
    ours = trustme.CA()
    good = _context(ours.issue_cert("127.0.0.1"))
    offers = ("AUTH PLAIN LOGIN", *OFFERS)
    hop = BadHop(*offers, tls=_context(_CERTIFICATES[kind](ours)) if kind in _CERTIFICATES else good)
    if kind != _NOT_OFFERED:
        hop.offers.insert(0, "STARTTLS")
    if kind in _TRICKS:
        hop.tricks["STARTTLS"] = _TRICKS[kind]
    async with scene(trial, hop, next_hop=_way(trial, ours)) as at:
        await _nothing_in_the_clear(at)
        hop.tls, hop.offers = good, ["STARTTLS", *offers]
        await at.mended()
        await at.check()
        assert hop.verbs.index("AUTH") > len(hop.verbs) - 1 - hop.verbs[::-1].index("STARTTLS")


@fault("replies slipped in before TLS begins", "not believed: what counts is said inside TLS", short=1, full=10)
async def injected(trial: Trial) -> None:
    ours = trustme.CA()
    hop = BadHop("STARTTLS", "AUTH PLAIN", *OFFERS, tls=_context(ours.issue_cert("127.0.0.1")))
    hop.tricks["STARTTLS"] = says(_INJECTED)
    hop.goes_on.add("STARTTLS")
    async with scene(trial, hop, next_hop=_way(trial, ours)) as at:
        await at.send()
        await at.house.quiet()
        assert not [line for line in hop.commands if line.startswith("AUTH LOGIN")], "the injected offer was believed"
        hop.reused = 0  # inside TLS it is another connection
        await at.mended()
        await at.check()


# --- who never ends ---

_RECORD = b"\x16\x03\x03\x40\x00" + bytes(1 << 14)  # as long as one may be; a client ignores HelloRequests for ever
_GO = b"220 go ahead\r\n"


def _after(text: bytes, trick: Trick) -> Trick:
    """The trick, once these bytes were answered: after `_GO`, with a ClientHello."""

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await reader.read(1 << 16)
        await trick(reader, writer)

    return both


async def _challenges(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whatever is answered, it asks again."""
    writer.write(b"334 VXNlcm5hbWU6\r\n")
    while await reader.readline():
        writer.write(b"334 UGFzc3dvcmQ6\r\n")


def _then(hop: BadHop, verb: str, trick: Trick) -> Trick:
    """Lets TLS begin, and plays the trick inside it."""

    async def go(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hop.tricks[verb] = trick
        writer.write(_GO)

    return go


_ENDLESS: list[tuple[str, Trick]] = [
    ("AUTH", flood(b"334 VXNlcm5hbWU6\r\n", 1 << 30)),
    ("STARTTLS", flood(b"220-go on\r\n", 1 << 30)),
    ("STARTTLS", _after(_GO, flood(_RECORD, 1 << 30))),
    ("AUTH", flood(b"235-go on\r\n", 1 << 30)),
    ("STARTTLS", _after(_GO, silent)),
    ("AUTH", flood(b"2", 1 << 30)),
    ("STARTTLS", flood(b"2", 1 << 30)),
    ("AUTH", flood(b"235 2.7.0 welcome\r\n", 1 << 30)),
    ("STARTTLS", _after(_GO, drip(_RECORD, 0.01))),
    ("AUTH", drip(b"334-go on\r\n", 0.01)),
    ("STARTTLS", _after(_GO, flood(b"\x15\x03\x03\x00\x02\x01\x5a", 1 << 30))),  # warnings
    ("INSIDE", flood(b"250-again\r\n", 1 << 30)),
    ("STARTTLS", _after(_GO, flood(b"\x17\x03\x03\x00\x00", 1 << 30))),  # empty records
    ("INSIDE", drip(b"250-again\r\n", 0.01)),
    ("AUTH", _challenges),
    ("IMPLICIT", silent),
    ("IMPLICIT", flood(_RECORD, 1 << 30)),
    ("IMPLICIT", drip(_RECORD, 0.01)),
]  # fmt: skip


@fault("a gigabyte, or no end, at STARTTLS, in the TLS handshake, at the EHLO inside and at AUTH",
       "left in bounded time and memory; arrives once, later (growth in the note)",
       short=1, full=2 * len(_ENDLESS))  # fmt: skip
async def endless(trial: Trial) -> None:
    verb, trick = _ENDLESS[trial.number % len(_ENDLESS)]
    login = ("AUTH PLAIN", "AUTH LOGIN")[trial.number // len(_ENDLESS) % 2]
    ours = trustme.CA()
    hop = BadHop("STARTTLS", login, *OFFERS, tls=_context(ours.issue_cert("127.0.0.1")))
    way = _way(trial, ours)
    if verb == "INSIDE":
        hop.tricks["STARTTLS"], hop.goes_on = _then(hop, "EHLO", trick), {"STARTTLS"}
    elif verb == "IMPLICIT":
        way["tls"], hop.tricks["BANNER"] = "implicit", _after(b"", trick)
    else:
        hop.tricks[verb] = trick
    async with scene(trial, hop, next_hop=way) as at:
        peak_memory()
        before = peak_memory()
        began = time.monotonic()
        await at.send()
        await settled(at.house)
        await eventually(lambda: not hop.open, within=10)
        took, growth = time.monotonic() - began, peak_memory() - before
        trial.note = f"left within {took:.1f} s, peak memory + {growth:.0f} MB"
        assert growth < MOST_GROWTH
        if verb == "IMPLICIT":
            await hop.refuse()
            hop.implicit = True
            await hop.start()
        hop.offers = ["STARTTLS", "AUTH PLAIN", *OFFERS]  # LOGIN it can't do when it behaves
        await at.mended()
        await at.check()
