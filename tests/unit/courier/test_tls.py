"""Pitfall "aiosmtplib" 4: TLS that is required is required, and a login never crosses the network in the clear."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosmtplib
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from mailguard.courier.route import Host
from mailguard.courier.smtp import Unreachable, _take_over
from mailguard.errors import ConfigError
from mailguard.records import Outcome, Result
from mailguard.testing import FakeClock
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer, parcel, server_context
from tests.unit.courier.peer import CLOSE, Peer

LOGIN = {"username": "relay", "password": "s3cret"}


async def carry_one(make_courier: MakeCourier, peer: Peer, **settings: object) -> Outcome:
    courier = make_courier(peer, **settings)
    (outcome,) = await courier.carry(parcel(courier))
    return outcome


async def test_starttls_with_a_certificate_that_fits(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", tls=good)
    outcome = await carry_one(make_courier, peer, tls="starttls", ca_file=ca_file)
    assert outcome.result is Result.SENT
    assert peer.verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("shown", [True, False])
async def test_a_server_that_asks_who_we_are_is_shown_our_certificate(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, authority: trustme.CA, ca_file: str,
    tmp_path: Path, tls: str, shown: bool,
) -> None:  # fmt: skip
    authority.configure_trust(good)
    good.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("relay.corp.example")
    own.cert_chain_pems[0].write_to_path(tmp_path / "relay.pem")
    own.private_key_pem.write_to_path(tmp_path / "relay.key")
    ours = {"certificate": tmp_path / "relay.pem", "key": tmp_path / "relay.key"} if shown else {}
    peer = await start_peer(*FULL, "STARTTLS", tls=good, implicit=tls == "implicit")
    outcome = await carry_one(make_courier, peer, tls=tls, ca_file=ca_file, **ours)
    assert outcome.result is (Result.SENT if shown else Result.DEFERRED)
    assert len(peer.arrived) == shown


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": "relay.key"}, "a key without a certificate"),
        ({"certificate": "relay.pem", "tls": "none"}, "inside TLS only"),
        ({"certificate": "relay.pem", "smarthost": None, "mx": True}, "shown to strangers"),
    ],
)
def test_a_certificate_that_nobody_would_see_is_refused(
    make_courier: MakeCourier, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        make_courier(**{"smarthost": "a.example:25", **settings})


@pytest.mark.parametrize(
    ("key", "says"), [("nothing", "PEM|key"), ("encrypted", "without a passphrase"), ("absent", "No such file")]
)
def test_a_key_that_can_not_be_used_is_a_configuration_error(
    make_courier: MakeCourier, authority: trustme.CA, tmp_path: Path, key: str, says: str
) -> None:
    own = authority.issue_cert("relay.corp.example")
    own.cert_chain_pems[0].write_to_path(tmp_path / "relay.pem")
    (tmp_path / "nothing").write_text("no key")
    private = serialization.load_pem_private_key(own.private_key_pem.bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "encrypted").write_bytes(private.private_bytes(serialization.Encoding.PEM, form, secret))
    with pytest.raises(ConfigError, match=says):
        make_courier(smarthost="a.example:25", certificate=tmp_path / "relay.pem", key=tmp_path / key)


async def test_implicit_tls(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, tls=good, implicit=True)
    outcome = await carry_one(make_courier, peer, tls="implicit", ca_file=ca_file)
    assert outcome.result is Result.SENT


async def test_several_mails_share_one_tls_connection(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", tls=good)
    courier = make_courier(peer, tls="starttls", ca_file=ca_file)
    for _ in range(3):
        (outcome,) = await courier.carry(parcel(courier, body=b"x" * 400_000 + b"\r\n"))
        assert outcome.result is Result.SENT
    assert (peer.connections, len(peer.arrived)) == (1, 3)


async def test_required_starttls_that_is_not_offered_sends_nothing(
    start_peer: StartPeer, make_courier: MakeCourier
) -> None:
    peer = await start_peer(*FULL)
    outcome = await carry_one(make_courier, peer, tls="starttls")
    assert outcome.result is Result.DEFERRED
    assert "does not offer STARTTLS, which is required here: nothing was sent" in outcome.reply.text
    assert peer.verbs == ["EHLO"]


@pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "250 ok, no", CLOSE, "no number"])
async def test_required_starttls_that_is_refused_sends_nothing(
    start_peer: StartPeer, make_courier: MakeCourier, answer: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS")
    peer.answers["STARTTLS"] = answer
    outcome = await carry_one(make_courier, peer, tls="starttls", **LOGIN)
    assert (outcome.result, outcome.reply.code) == (Result.DEFERRED, 451)
    assert "-1" not in outcome.reply.text, "a mark of aiosmtplib's"
    assert peer.verbs == ["EHLO", "STARTTLS"]


async def test_a_handshake_that_fails_is_deferred_though_ssl_errors_escape_unwrapped(
    start_peer: StartPeer, make_courier: MakeCourier, ca_file: str
) -> None:
    peer = await start_peer(*FULL, "STARTTLS")
    peer.answers["STARTTLS"] = "220 go ahead\r\nthis is no TLS record, whatever it says"
    outcome = await carry_one(make_courier, peer, tls="starttls", ca_file=ca_file)
    assert outcome.result is Result.DEFERRED
    assert "TLS with 127.0.0.1" in outcome.reply.text


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [("expired", "certificate has expired"), ("name", "not valid for"), ("stranger", "unable to get local issuer")],
)
async def test_a_certificate_that_can_not_be_trusted_is_deferred_in_clear_words(
    start_peer: StartPeer,
    make_courier: MakeCourier,
    authority: trustme.CA,
    ca_file: str,
    tls: str,
    fault: str,
    words: str,
) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    certificates = {
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=past),
        "name": lambda: authority.issue_cert("other.example"),
        "stranger": lambda: trustme.CA().issue_cert("127.0.0.1"),
    }
    context = server_context(certificates[fault]())
    peer = await start_peer(*FULL, "STARTTLS", tls=context, implicit=tls == "implicit")
    outcome = await carry_one(make_courier, peer, tls=tls, ca_file=ca_file)
    assert (outcome.result, outcome.reply.enhanced) == (Result.DEFERRED, "4.7.5")
    assert "can't be trusted" in outcome.reply.text
    assert words in outcome.reply.text
    assert peer.arrived == []


async def test_the_system_s_authorities_are_asked_without_a_ca_file(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", tls=good)
    outcome = await carry_one(make_courier, peer, tls="starttls")
    assert outcome.reply.enhanced == "4.7.5"


async def test_replies_slipped_in_before_tls_are_not_believed(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    """A man in the middle adds an answer behind the 220 (the STARTTLS injection of 2011)."""
    peer = await start_peer(*FULL, "STARTTLS", tls=good)
    peer.answers["STARTTLS"] = lambda line: "220 go ahead\r\n250 PIPELINING"
    outcome = await carry_one(make_courier, peer, tls="starttls", ca_file=ca_file)
    assert outcome.result is Result.DEFERRED
    assert peer.arrived == []


@pytest.mark.parametrize(
    ("offer", "begins"),
    [
        ("AUTH CRAM-MD5 LOGIN PLAIN", "AUTH PLAIN AHJlbGF5AHMzY3JldA=="),
        ("AUTH=PLAIN", "AUTH PLAIN AHJlbGF5AHMzY3JldA=="),
    ],
)
async def test_the_login_goes_through_tls(
    start_peer: StartPeer,
    make_courier: MakeCourier,
    good: ssl.SSLContext,
    ca_file: str,
    offer: str,
    begins: str,
) -> None:
    peer = await start_peer(*FULL, "STARTTLS", offer, tls=good)
    outcome = await carry_one(make_courier, peer, tls="starttls", ca_file=ca_file, **LOGIN)
    assert outcome.result is Result.SENT
    assert peer.commands[3] == begins
    assert peer.verbs[:5] == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL"]


async def test_a_server_that_knows_login_only(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer("AUTH LOGIN", tls=good, implicit=True)
    peer.answers |= {"AUTH": "334 UGFzc3dvcmQ6", "CZNJCMV0": "235 ok"}
    outcome = await carry_one(make_courier, peer, tls="implicit", ca_file=ca_file, **LOGIN)
    assert peer.commands[1:3] == ["AUTH LOGIN cmVsYXk=", "czNjcmV0"]
    assert outcome.result is Result.SENT


async def test_a_refused_login_keeps_the_mail_and_is_tried_once_a_minute(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str, clock: FakeClock
) -> None:
    peer = await start_peer("AUTH CRAM-MD5 PLAIN LOGIN", tls=good, implicit=True)
    peer.answers["AUTH"] = "535 5.7.8 bad credentials"
    courier = make_courier(peer, tls="implicit", ca_file=ca_file, **LOGIN)
    for _ in range(3):
        (outcome,) = await courier.carry(parcel(courier))
        assert (outcome.result, outcome.reply.code, outcome.reply.enhanced) == (Result.DEFERRED, 454, "4.7.0")
        assert "refused our login (check username and password of next_hop)" in outcome.reply.text
        assert "535 5.7.8 bad credentials" in outcome.reply.text
        assert "s3cret" not in outcome.reply.text
    assert peer.verbs.count("AUTH") == 1
    del peer.answers["AUTH"]
    await clock.advance(61)
    (outcome,) = await courier.carry(parcel(courier))
    assert outcome.result is Result.SENT


async def test_a_server_without_auth_keeps_the_mail(
    start_peer: StartPeer, make_courier: MakeCourier, good: ssl.SSLContext, ca_file: str
) -> None:
    peer = await start_peer(tls=good, implicit=True)
    outcome = await carry_one(make_courier, peer, tls="implicit", ca_file=ca_file, **LOGIN)
    assert (outcome.result, outcome.reply.code) == (Result.DEFERRED, 454)
    assert "offers no login that we know" in outcome.reply.text


def test_a_server_that_hangs_up_right_behind_its_last_answer_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="closed the connection"):
        _take_over(aiosmtplib.SMTP(), Host("a.example", "192.0.2.1", 25))


def test_a_ca_file_that_can_not_be_read_is_a_configuration_error(make_courier: MakeCourier) -> None:
    with pytest.raises(ConfigError, match=r"a\.example:25"):
        make_courier(smarthost="a.example:25", ca_file="/nonexistent/ca.pem")
