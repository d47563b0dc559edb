"""What leaves is signed for its From's domain, over the bytes as they leave, and verifiers find it in order."""

import asyncio
from base64 import encodebytes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dkim
import pytest

from mailguard.dkim.keys import fresh, read
from mailguard.errors import ConfigError, TemporaryFailure
from mailguard.records import State
from mailguard.testing import eventually
from tests import postfix
from tests.fidelity.proofs import dns_over, zone_text
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, LEE, MO, House, letter, routes
from tests.flow.test_changes import policy
from tests.unit.courier.dns_server import DnsServer
from tests.unit.courier.peer import Peer
from tests.unit.dkim.verifier import ED25519, OF_CORP, RSA, of, verdicts

CHANGES = """
version: 1
rules:
  - {id: drop, when: {to: {any: {domain: rival.example}}}, then: [{drop: true}]}
  - {id: copy, when: {always: true}, then: [{cc: {add: lee@corp.example}}, {subject: {prefix: "[EXT]"}}]}
"""


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Any]:
    """Two keys of corp.example, as settings."""
    (tmp_path / "rsa.pem").write_bytes(RSA)
    (tmp_path / "ed.pem").write_bytes(ED25519)
    return {"dkim": [setting(tmp_path / "rsa.pem", "rsa1"), setting(tmp_path / "ed.pem", "ed1")]}


def setting(path: Path, selector: str, domain: str = "corp.example") -> dict[str, str]:
    path.chmod(0o600)
    return {"domain": domain, "selector": selector, "key_file": str(path)}


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    """A real name server that has our records."""
    server = await DnsServer().start()
    for key in OF_CORP:
        server.zone[key.place, "TXT"] = [zone_text(key.record)]
    yield server
    await server.stop()


def arrived(house: House, recipient: str = KIM) -> bytes:
    (caught,) = house.arrived(recipient)
    return caught.raw


async def test_a_mail_is_signed_as_it_leaves_after_cc_and_drop(
    open_house: OpenHouse, keys: dict[str, Any], names: DnsServer
) -> None:
    house = await open_house(rules=CHANGES, config=keys)
    raw = letter(to=f"{KIM}, {MO}", body="Zażółć  \r\n.\r\n..dots\t\r\n\r\n\r\n")
    await house.submit(raw, [KIM, MO], mail=["BODY=8BITMIME"])
    await house.quiet()
    assert not house.arrived(MO)
    for recipient in (KIM, LEE):
        mail = arrived(house, recipient)
        assert b"Subject: [EXT] Quote" in mail
        assert f"Cc: {LEE}".encode() in mail
        assert mail.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=corp.example;\r\n s=rsa1;")
        assert await asyncio.to_thread(verdicts, mail, dns_over(names.port)) == [True, True]
    assert names.asked["rsa1._domainkey.corp.example", "TXT"]


@pytest.mark.clients("postfix")
async def test_a_real_postfix_behind_us_keeps_the_signatures_valid(
    open_house: OpenHouse, keys: dict[str, Any], peer: Peer
) -> None:
    with postfix.next_hop(peer.port) as port:
        hop = {"smarthost": f"127.0.0.1:{port}", "tls": "none"}
        house = await open_house(rules=DELAY, config={**keys, "next_hop": {**hop, "routes": {"*.example": hop}}})
        raw = letter(cc=LEE, body="Zażółć  \r\n.\r\n..dots\t\r\nFrom here\r\n" + "x" * 980 + "\r\n\r\n\r\n")
        await house.submit(raw, [KIM, LEE], mail=["BODY=8BITMIME"])
        await house.wait(minutes=5)
        await eventually(lambda: any(KIM in line for each in peer.arrived for line in each.rcpts), within=30)
    (mail,) = (each.data for each in peer.arrived if any(KIM in line for line in each.rcpts))
    assert b"(Postfix)" in mail
    assert verdicts(mail) == [True, True]


@pytest.mark.parametrize("size", [1 << 20, 7 << 20])
async def test_a_large_mail_is_signed_with_what_its_rule_puts_in(
    open_house: OpenHouse, keys: dict[str, Any], size: int
) -> None:
    rules = policy("{recipients: {any: external}}", "[{disclaimer: 'Corp Example, Warsaw'}]")
    house = await open_house(rules=rules, config=keys)
    file = encodebytes(bytes(size)).replace(b"\n", b"\r\n")
    text = b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    rest = b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + b"--b--\r\n"
    raw = b"From: ann@corp.example\r\nMessage-ID: <large@corp.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n"
    raw += b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + text + rest
    await house.submit(raw)
    await house.quiet()
    mail = arrived(house)
    assert b"Corp Example, Warsaw" in mail
    assert await asyncio.to_thread(verdicts, mail) == [True, True]


async def test_notices_and_reports_are_signed_too(open_house: OpenHouse, keys: dict[str, Any], peer: Peer) -> None:
    house = await open_house(rules=HOLD, config={**keys, **routes(client_example=peer.port)})
    peer.answers["RCPT"] = "550 5.1.1 no such user"
    await house.submit(letter())
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    told = house.notices(ANN)
    assert {caught.message.get_content_type() for caught in told} >= {"multipart/report", "multipart/alternative"}
    for caught in told:
        assert verdicts(caught.raw) == [True, True]


async def test_what_the_archive_is_told_is_signed_too(open_house: OpenHouse, keys: dict[str, Any]) -> None:
    archive = "journal@archive.example"
    house = await open_house(rules=CHANGES, config={**keys, "archive": {"to": archive, "of": ["sent"]}})
    await house.submit(letter())
    await eventually(lambda: bool(house.world.to(archive)))
    (journal,) = house.world.to(archive)
    assert verdicts(journal.raw) == [True, True]
    assert b"Subject: [EXT] Quote" in journal.raw


async def test_a_domain_without_a_key_is_left_unsigned(open_house: OpenHouse, keys: dict[str, Any]) -> None:
    both = {"organization": {"domains": ["corp.example", "shop.example"]}}
    house = await open_house(rules=policy("{always: true}", "[{tag: [seen]}]"), config={**keys, **both})
    await house.submit(letter("x@shop.example"), sender="x@shop.example")
    await house.submit(letter(to=BOB), [BOB])
    await house.quiet()
    assert b"DKIM-Signature" not in arrived(house)
    assert verdicts(arrived(house, BOB)) == [True, True]


async def test_our_own_signature_that_an_edit_broke_goes_and_anothers_stays(
    open_house: OpenHouse, keys: dict[str, Any]
) -> None:
    then = "[{drop: {edit_signed: true}}]"
    house = await open_house(rules=policy("{to: {any: {domain: rival.example}}}", then), config=keys)
    raw = letter(to=f"{KIM}, {MO}")
    own = dkim.sign(raw, b"client", b"corp.example", RSA, include_headers=[b"from", b"to"])
    bare = dkim.sign(raw, b"bare", b"corp.example", RSA, include_headers=[b"from", b"subject"])
    theirs = dkim.sign(raw, b"list", b"client.example", RSA, include_headers=[b"from", b"to"])
    queue_id = (await house.submit(own + bare + theirs + raw, [KIM, MO])).queue_id
    await house.quiet()
    mail = arrived(house)
    assert b"s=client;" not in mail
    known = of([*OF_CORP, read("corp.example", "bare", RSA), read("client.example", "list", RSA)])
    assert verdicts(mail, known) == [True, True, True, False]  # ours, what the edit did not touch, and theirs
    (line,) = house.log_lines("signature.removed")
    assert (line["queue_id"], line["domain"], line["selector"]) == (queue_id, "corp.example", "client")


async def test_what_the_client_signed_stays_where_nothing_was_edited(
    open_house: OpenHouse, keys: dict[str, Any]
) -> None:
    house = await open_house(rules=DELAY, config=keys)
    raw = letter()
    await house.submit(dkim.sign(raw, b"client", b"corp.example", RSA) + raw)
    await house.wait(minutes=5)
    assert verdicts(arrived(house), of([*OF_CORP, read("corp.example", "client", RSA)])) == [True, True, True]
    assert not house.log_lines("signature.removed")


async def test_keys_are_read_again_by_a_reload_and_a_bad_one_leaves_those_before(
    open_house: OpenHouse, keys: dict[str, Any], tmp_path: Path
) -> None:
    house = await open_house(rules=policy("{always: true}", "[{tag: [seen]}]"), config=keys)
    (tmp_path / "rsa.pem").write_bytes(b"no key")
    with pytest.raises(ConfigError):
        await house.reload()
    (line,) = house.log_lines("rules.reload_failed")
    assert "MG402" in line["error"]
    await house.submit(letter())
    await house.quiet()
    assert verdicts(arrived(house)) == [True, True]
    other = fresh("rsa")
    (tmp_path / "rsa.pem").write_bytes(other)
    await house.reload()
    await house.submit(letter(to=BOB), [BOB])
    await house.quiet()
    known = of([read("corp.example", "rsa1", other), OF_CORP[1]])
    assert verdicts(arrived(house, BOB), known) == [True, True]
    assert verdicts(arrived(house, BOB)) == [False, True]


async def test_a_large_mail_that_can_not_be_read_for_a_moment_is_tried_again(
    open_house: OpenHouse, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=policy("{always: true}", "[{tag: [seen]}]"), config=keys)
    store, body, asked = house.service.store, house.service.store.body, []

    async def shaky(queue_id: str) -> AsyncIterator[bytes]:
        asked.append(queue_id)
        if len(asked) == 2:  # after the checksum, for the signature
            raise TemporaryFailure("the disk is busy")
        async for chunk in body(queue_id):
            yield chunk

    monkeypatch.setattr(store, "body", shaky)
    queue_id = (await house.submit(letter(body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 130_000))).queue_id
    await house.quiet()
    copy = await house.copy(queue_id, KIM)
    assert (copy.state, copy.attempts) == (State.QUEUED, 1)
    await house.wait(hours=1)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert verdicts(arrived(house)) == [True, True]
