"""REQUIRETLS (RFC 8689): what one client demands holds on every hop, over waits and restarts, or nothing is sent."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from mailguard.demo.site import free_port
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, Answer, House, letter
from tests.unit.courier.conftest import FULL, server_context
from tests.unit.courier.peer import Peer


@dataclass
class Tls:
    """A listener with TLS, and two next hops: for client.example, and for the way back."""

    authority: trustme.CA
    folder: Path
    out: Peer
    back: Peer
    port: int

    def config(self, *, back: bool = True) -> dict[str, object]:
        hops = {"client.example": self.out} | ({"corp.example": self.back} if back else {})
        ca_file = str(self.folder / "ca.pem")
        places = {
            name: {"smarthost": f"127.0.0.1:{peer.port}", "tls": "starttls", "ca_file": ca_file}
            for name, peer in hops.items()
        }
        listener = {"bind": f"127.0.0.1:{self.port}", "tls": "starttls", "auth": "none"}
        files = {"certificate": str(self.folder / "tls.crt"), "key": str(self.folder / "tls.key")}
        return {"smtp": {"tls": files, "listeners": [listener]}, "next_hop": {"routes": places}}

    async def submit(self, raw: bytes, *mail: str, sender: str = ANN) -> str:
        return await asyncio.to_thread(self._submit, raw, sender, list(mail))

    def _submit(self, raw: bytes, sender: str, mail: list[str]) -> str:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.starttls(context=context)
            client.ehlo()
            assert client.has_extn("requiretls")
            assert client.mail(sender, mail)[0] == 250
            assert client.rcpt(KIM)[0] == 250
            code, text = client.data(raw)
        return Answer(code, text.decode()).queue_id


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[Tls]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    (tmp_path / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    peers = [await Peer(*FULL, "STARTTLS", "REQUIRETLS", tls=server_context(leaf)).start() for _ in range(2)]
    yield Tls(authority, tmp_path, peers[0], peers[1], free_port())
    for peer in peers:
        await peer.stop()


async def test_it_waits_with_the_mail_and_is_there_after_a_restart(open_house: OpenHouse, tls: Tls) -> None:
    house = await open_house(rules=DELAY, config=tls.config())
    queue_id = await tls.submit(letter(), "REQUIRETLS")
    await tls.submit(letter())
    await house.restart()
    await house.wait(minutes=6)
    assert sorted("REQUIRETLS" in one.mail.split(" ") for one in tls.out.arrived) == [False, True]
    assert tls.out.connections == 2, "what is good enough for one is not taken for the other"
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def failed(house: House, tls: Tls) -> bytes:
    """The report about a mail that could not leave."""
    queue_id = await tls.submit(letter(body="Deep secret.\r\n"), "REQUIRETLS", "RET=FULL")
    await house.wait(minutes=6)
    assert (await house.copy(queue_id, KIM)).state is State.FAILED
    if tls.back.arrived:
        return tls.back.arrived[-1].data
    (report,) = [one for one in house.notices(ANN) if one.message.get_content_type() == "multipart/report"]
    return report.raw


@pytest.mark.parametrize(("lacking", "status"), [("REQUIRETLS", b"Status: 5.7.30"), ("STARTTLS", b"Status: 5.7.10")])
async def test_a_next_hop_that_can_not_promise_it_gets_nothing(
    open_house: OpenHouse, tls: Tls, lacking: str, status: bytes
) -> None:
    house = await open_house(rules=DELAY, config=tls.config())
    tls.out.offers.remove(lacking)
    report = await failed(house, tls)
    assert tls.out.arrived == []
    assert "MAIL" not in tls.out.verbs
    assert status in report


async def test_what_a_person_sends_with_the_null_sender_is_no_report_that_may_leave_without_it(
    open_house: OpenHouse, tls: Tls
) -> None:
    house = await open_house(rules=DELAY, config=tls.config())
    tls.out.offers.remove("REQUIRETLS")
    queue_id = await tls.submit(letter(body="Deep secret.\r\n"), "REQUIRETLS", sender="")
    await house.wait(minutes=6)
    assert tls.out.arrived == []
    assert (await house.copy(queue_id, KIM)).state is State.FAILED


async def test_the_archive_gets_its_text_as_it_was_demanded_or_not_yet(open_house: OpenHouse, tls: Tls) -> None:
    config = tls.config() | {"archive": {"to": "journal@corp.example"}, "notices": {"delayed": "never"}}
    house = await open_house(rules=DELAY, config=config)
    tls.back.offers.remove("REQUIRETLS")
    await tls.submit(letter(body="Deep secret.\r\n"), "REQUIRETLS")
    await house.wait(minutes=6)
    assert len(tls.out.arrived) == 1
    assert tls.back.arrived == []
    await eventually(lambda: bool(house.log_lines("journal.deferred")))
    said = house.log_lines("journal.deferred")[0]
    assert said["enhanced_code"] == "5.7.30"
    tls.back.offers.append("REQUIRETLS")
    await house.wait(minutes=6)
    await eventually(lambda: bool(tls.back.arrived))
    (journal,) = tls.back.arrived
    assert "REQUIRETLS" in journal.mail.split(" ")
    assert b"Deep secret" in journal.data


async def test_its_reports_demand_it_as_well_and_hold_no_text(open_house: OpenHouse, tls: Tls) -> None:
    house = await open_house(rules=DELAY, config=tls.config())
    tls.out.answers["RCPT"] = "550 5.1.1 nobody"
    report = await failed(house, tls)
    assert tls.back.arrived[-1].mail.split(" ")[1:2] == ["FROM:<>"]
    assert "REQUIRETLS" in tls.back.arrived[-1].mail.split(" ")
    assert b"text/rfc822-headers" in report
    assert b"Deep secret" not in report, "as if RET=HDRS (RFC 8689 section 5)"


async def test_a_way_back_without_it_still_brings_the_report(open_house: OpenHouse, tls: Tls) -> None:
    house = await open_house(rules=DELAY, config=tls.config(back=False))  # by way of the world, in clear text
    tls.out.answers["RCPT"] = "550 5.1.1 nobody"
    report = await failed(house, tls)
    assert b"Status: 5.1.1" in report
    assert b"Deep secret" not in report


@pytest.mark.parametrize("back", [True, False])
async def test_a_mail_that_comes_back_comes_only_where_that_is_protected(
    open_house: OpenHouse, tls: Tls, back: bool
) -> None:
    house = await open_house(rules=HOLD, config=tls.config(back=back))
    queue_id = await tls.submit(letter(body="Deep secret.\r\n"), "REQUIRETLS")
    await house.wait(hours=25)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    if back:
        (with_it,) = [one for one in tls.back.arrived if b"Deep secret" in one.data]
        assert "REQUIRETLS" in with_it.mail.split(" ")
    else:
        notice = await house.notice(ANN, "Not sent")
        assert b"Deep secret" not in notice.raw
