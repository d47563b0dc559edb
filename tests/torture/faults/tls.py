"""STARTTLS that is refused, broken, untrusted or attacked: nothing and no password ever goes in the clear."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import trustme

from mailguard.records import State
from tests.torture.badhop import BadHop, Trick, fin, rst, says, silent
from tests.torture.fault import Trial, fault
from tests.torture.scene import OFFERS, Scene, scene

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
