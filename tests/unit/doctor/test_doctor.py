"""`mailguard doctor` on a good set-up and on a bad one: what it says, that it ends, and that it sends nothing."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.clock import SystemClock
from mailguard.courier.settings import NextHop
from mailguard.doctor.domains import notices
from mailguard.doctor.finding import Finding, Status
from mailguard.doctor.run import examine
from mailguard.smtpd.settings import LOOPBACK
from tests.unit.courier.dns_server import SERVFAIL, SILENT
from tests.unit.courier.peer import SILENT as MUTE
from tests.unit.doctor.setup import EGRESS, SetUp, set_up

OK, WARN, FAIL, UNKNOWN = Status.OK, Status.WARN, Status.FAIL, Status.UNKNOWN


@pytest.fixture
async def good(tmp_path: Path) -> AsyncIterator[SetUp]:
    async with set_up(tmp_path, good=True) as found:
        yield found


@pytest.fixture
async def bad(tmp_path: Path) -> AsyncIterator[SetUp]:
    memory = Path(tempfile.mkdtemp(dir="/dev/shm"))
    async with set_up(tmp_path, good=False, memory=memory) as found:
        yield found
    shutil.rmtree(memory)


async def look(at: SetUp, only: str = "") -> dict[str, Finding]:
    found = await examine(at.config, at.outside, SystemClock(), only)
    assert len({one.check for one in found}) == len(found), "one line for each thing"
    for one in found:
        assert bool(one.fix) is (one.status is not OK), one
    return {one.check: one for one in found}


def nothing_was_sent(at: SetUp) -> None:
    assert at.intake.mails == []
    for peer in at.peers.values():
        assert peer.arrived == []
        assert "DATA" not in peer.verbs


async def test_a_good_set_up_is_said_to_be_good(good: SetUp) -> None:
    found = await look(good)
    for check, one in found.items():
        if check not in ("clock", "disk fsync", "disk space", "disk kind"):  # of this machine, whatever it is
            assert one.status is OK, one
    hop = f"localhost:{good.peers['hop'].port}"
    assert "login accepted, TLS trusted" in found[f"next hop {hop}"].found
    assert "nothing was sent" in found[f"send-as postmaster@corp.example at {hop}"].found
    assert found["spf corp.example"].found == "covers 192.0.2.10 (1 of 10 DNS look-ups)"
    assert "90 days left" in found[f"tls {good.config.smtp.listeners[0].bind}"].found
    assert "refused: 530 5.7.0" in found[f"open relay {good.config.smtp.listeners[0].bind}"].found
    assert "refused: 550 5.7.1" in found[f"open relay {good.config.smtp.listeners[2].bind}"].found
    assert found["clock"].found.startswith("as at localhost")
    nothing_was_sent(good)


async def test_a_listener_that_takes_this_machine_for_its_proxy_is_no_alarm(good: SetUp) -> None:
    smtp = good.config.smtp
    behind = tuple(one.model_copy(update={"proxy_from": LOOPBACK}) for one in smtp.listeners)
    smtp = smtp.model_copy(update={"listeners": behind})
    await good.server.reload(smtp)
    good.config = good.config.model_copy(update={"smtp": smtp})
    for name in ("tls 127", "open relay"):
        found = await look(good, name)
        assert found
        for one in found.values():
            assert one.status is UNKNOWN, one
            assert "takes 127.0.0.1 for a proxy" in one.found


async def test_everything_that_is_wrong_is_found_at_once(bad: SetUp) -> None:
    found = await look(bad)
    ports = {name: f"localhost:{peer.port}" for name, peer in bad.peers.items()}
    listeners = bad.config.smtp.listeners
    wrong = {
        "mx old.corp.example": (FAIL, "no address: gone.corp.example"),
        "spf corp.example": (FAIL, "our mail leaves from 192.0.2.10, and the record says fail of it"),
        "spf old.corp.example": (FAIL, "it lets every address on earth send for us"),
        "dmarc old.corp.example": (WARN, "p=none"),
        "dkim 2026 corp.example": (FAIL, "is not the key that 2026._domainkey.corp.example tells of"),
        "dmarc of notices (corp.example)": (OK, "signed with DKIM"),
        f"next hop {ports['hop']}": (FAIL, "can't be trusted"),
        f"next hop {ports['login']}": (FAIL, "refused our login"),
        f"send-as postmaster@corp.example at {ports['send-as']}": (FAIL, "refused: 550 5.7.60"),
        "way around corp.example": (WARN, "of mx.corp.example answers"),
        f"tls {listeners[0].bind}": (FAIL, "3 days left"),
        f"tls {listeners[1].bind}": (FAIL, "3 days left"),
        "tls web.url": (FAIL, "can't be trusted"),
        f"open relay {listeners[2].bind}": (FAIL, "takes mail from doctor@stranger.example to doctor@outside.example"),
        "clock": (FAIL, "seconds off the clock of localhost"),
        "disk kind": (FAIL, "is on tmpfs"),
        "disk fsync": (WARN, "faster than any disk"),
        "file rights": (FAIL, "open to others"),
    }
    for check, (status, words) in wrong.items():
        assert (found[check].status, words in found[check].found) == (status, True), found[check]
    for name in ("password", "tls.key", "dkim.pem", "users.yaml"):
        assert name in found["file rights"].found
    nothing_was_sent(bad)


@pytest.mark.parametrize(
    ("policy", "signed", "status"),
    [
        ("v=DMARC1; p=reject; aspf=s", True, OK),
        ("v=DMARC1; p=reject; aspf=s", False, FAIL),  # mail.corp.example is not corp.example
        ("v=DMARC1; p=reject", False, OK),
        ("v=DMARC1; p=none; aspf=s", False, OK),
    ],
)
async def test_notices_have_the_null_sender_so_the_helo_name_must_align(
    good: SetUp, policy: str, signed: bool, status: Status
) -> None:
    good.names.zone["_dmarc.corp.example", "TXT"] = [f'"{policy}"']
    good.outside = good.outside if signed else replace(good.outside, keys=())
    assert (await look(good, "dmarc of notices"))["dmarc of notices (corp.example)"].status is status


@pytest.mark.parametrize(("adkim", "status"), [("r", OK), ("s", FAIL)])
async def test_a_key_of_the_domain_above_signs_unless_alignment_is_strict(
    good: SetUp, adkim: str, status: Status
) -> None:
    good.names.zone["_dmarc.news.corp.example", "TXT"] = [f'"v=DMARC1; p=reject; aspf=s; adkim={adkim}"']
    lookup, domain = good.outside.lookup, "news.corp.example"
    found = await notices(lookup, domain, "mail.corp.example", (EGRESS,), ["corp.example"])
    assert found.status is status


@pytest.mark.parametrize(
    ("record", "status", "words"),
    [
        (["v=spf1 -all", "v=spf1 mx -all"], FAIL, "has 2 SPF records"),
        (["v=spf1 ip4:192.0.2.10 mx:a.x mx:b.x nonsense -all"], FAIL, "'nonsense'"),
        ([f"v=spf1 ip4:192.0.2.10 {' '.join(['a'] * 11)} -all"], FAIL, "more than 10 DNS look-ups"),
        ([f"v=spf1 ip4:192.0.2.10 {' '.join(['mx'] * 9)} -all"], WARN, "takes 9 of 10 DNS look-ups"),
        (["v=spf1 ip4:192.0.2.10"], WARN, "refuses nobody"),
        (["v=spf1 include:gone.example -all"], FAIL, "leads to no SPF record"),
        (["nothing of the kind"], FAIL, "no SPF record"),
        ([], FAIL, "no SPF record"),
    ],
)
async def test_what_is_wrong_with_an_spf_record(good: SetUp, record: list[str], status: Status, words: str) -> None:
    good.names.zone.pop(("corp.example", "TXT"))
    if record:
        good.names.zone["corp.example", "TXT"] = [f'"{one}"' for one in record]
    good.names.zone["corp.example", "A"] = ["192.0.2.99"]
    one = (await look(good, "spf"))["spf corp.example"]
    assert (one.status, words in one.found) == (status, True), one


async def test_without_an_egress_the_cover_is_not_known(good: SetUp) -> None:
    good.outside = replace(good.outside, egress=())
    one = (await look(good, "spf"))["spf corp.example"]
    assert (one.status, "--egress" in one.fix) == (UNKNOWN, True)


@pytest.mark.parametrize("broken", [SILENT, SERVFAIL])
async def test_dns_that_is_down_hides_nothing_else(good: SetUp, broken: str) -> None:
    for name, kind in list(good.names.zone):
        good.names.zone[name, kind] = broken
    good.names.zone["_spf.corp.example", "TXT"] = broken
    found = await look(good)
    dns = [one for one in found.values() if one.check.startswith(("mx", "spf", "dmarc", "dkim", "way around"))]
    assert len(dns) == 6
    assert {one.status for one in dns} == {UNKNOWN}
    assert found[f"tls {good.config.smtp.listeners[0].bind}"].status is OK


async def test_a_next_hop_that_hangs_is_not_waited_for(good: SetUp) -> None:
    good.peers["hop"].answers["EHLO"] = MUTE
    found = await look(good, "next hop")
    (one,) = found.values()
    assert one.status is FAIL
    assert "was silent" in one.found


async def test_a_check_that_takes_too_long_is_said_and_the_others_are_there(good: SetUp) -> None:
    good.outside = replace(good.outside, patience=0.3)
    good.peers["hop"].answers["EHLO"] = MUTE
    found = await look(good)
    assert found[f"next hop localhost:{good.peers['hop'].port}"].status is UNKNOWN
    assert found["file rights"].status is OK


async def test_a_check_with_a_bug_is_one_finding(good: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailguard.doctor.machine.rights", lambda paths: 1 / 0)
    found = await look(good)
    assert "ZeroDivisionError" in found["file rights"].found
    assert found["spf corp.example"].status is OK


@pytest.mark.parametrize(
    ("record", "status", "words"),
    [
        ("v=DKIM1; p=", FAIL, "revoked"),
        ("v=DKIM1; p=!!", FAIL, "no key that can be read"),
        ("v=DKIM1; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", FAIL, "no key that can be read"),
        (None, FAIL, "no TXT record"),
    ],
)
async def test_dkim_records_that_are_no_use(good: SetUp, record: str | None, status: Status, words: str) -> None:
    name = "2026._domainkey.corp.example"
    good.names.zone.pop((name, "TXT"))
    if record is not None:
        good.names.zone[name, "TXT"] = [f'"{record}"']
    one = (await look(good, "dkim"))["dkim 2026 corp.example"]
    assert (one.status, words in one.found) == (status, True), one
    assert "v=DKIM1; k=rsa; p=MIIB" in one.fix, "what to publish"


async def test_keys_of_the_configuration_are_looked_at_as_well(good: SetUp) -> None:
    ((selector, domain, file),) = good.outside.keys
    good.outside = replace(good.outside, keys=())
    key = SimpleNamespace(selector=selector, domain=domain, key_file=file)
    object.__setattr__(good.config, "dkim", (key,))
    found = await look(good, "d")
    assert found["dkim 2026 corp.example"].found == "matches the key (rsa 2048 bits)"
    assert found["dmarc of notices (corp.example)"].found == "signed with DKIM for corp.example"


def direct(at: SetUp) -> None:
    """Straight to the recipients' servers, from the address of mail.corp.example."""
    hop = NextHop.model_validate({"mx": True, "ca_file": str(at.config.path.parent / "ca.pem")})
    at.config = at.config.model_copy(update={"next_hop": hop})
    at.outside = replace(at.outside, egress=(), loops_allowed=True, mx_port=at.peers["hop"].port)
    at.names.zone["mail.corp.example", "A"] = [EGRESS]
    at.names.zone["10.2.0.192.in-addr.arpa", "PTR"] = ["mail.corp.example."]
    at.names.zone["client.example", "MX"] = ["10 mx.client.example."]
    at.names.zone["mx.client.example", "A"] = ["127.0.0.1"]


async def test_direct_delivery_comes_from_our_own_name_s_address(good: SetUp) -> None:
    direct(good)
    found = await look(good)
    assert found["spf corp.example"].found == "covers 192.0.2.10 (1 of 10 DNS look-ups)"
    assert found["reverse 192.0.2.10"].status is OK
    assert (found["next hop mx"].status, "--recipient" in found["next hop mx"].fix) == (UNKNOWN, True)
    assert found["way around corp.example"].status is UNKNOWN
    good.names.zone["10.2.0.192.in-addr.arpa", "PTR"] = ["host10.provider.example."]
    assert (await look(good, "reverse"))["reverse 192.0.2.10"].status is WARN
    del good.names.zone["10.2.0.192.in-addr.arpa", "PTR"]
    assert (await look(good, "reverse"))["reverse 192.0.2.10"].status is FAIL


async def test_direct_delivery_is_tried_with_somebody_outside(good: SetUp) -> None:
    direct(good)
    good.outside = replace(good.outside, recipient="kim@client.example")
    found = await look(good, "next hop")
    assert "TLS, certificate not checked (mx)" in found["next hop mx:client.example"].found
    assert found["send-as postmaster@corp.example at mx:client.example"].status is OK
    assert "RCPT TO:<kim@client.example>" in good.peers["hop"].commands
    nothing_was_sent(good)


@pytest.mark.parametrize(
    ("more", "code", "statuses"),
    [
        (("--only", "spf", "--egress", "192.0.2.10", "--strict"), 0, {"ok"}),
        (("--only", "spf", "--egress", "192.0.2.11"), 1, {"fail"}),
        (("--only", "spf", "--strict"), 3, {"unknown"}),
        (("--only", "spf"), 0, {"unknown"}),
        (("--only", "dkim", "--dkim", "2026._domainkey.corp.example"), 0, {"ok"}),
    ],
)
async def test_the_command(good: SetUp, more: tuple[str, ...], code: int, statuses: set[str]) -> None:
    args = ["--config", str(good.config.path), "doctor", "--dns", f"127.0.0.1:{good.names.port}", "--json", *more]
    result = await asyncio.to_thread(CliRunner().invoke, cli, args, obj=Context())
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, {row["status"] for row in rows}) == (code, statuses), result.output
    assert set(rows[0]) == {"check", "status", "found", "fix"}


async def test_a_name_that_no_check_has_is_not_a_clean_bill(good: SetUp) -> None:
    args = ["--config", str(good.config.path), "doctor", "--only", "spff"]
    result = await asyncio.to_thread(CliRunner().invoke, cli, args, obj=Context())
    assert result.exit_code == 2
    assert "no check begins with 'spff'" in result.output


@pytest.mark.parametrize("option", [("--egress", "here"), ("--dns", "resolver"), ("--dkim", "selector")])
def test_an_option_that_is_not_understood_is_said(tmp_path: Path, option: tuple[str, str]) -> None:
    result = CliRunner().invoke(cli, ["doctor", *option], obj=Context())
    assert result.exit_code == 2
    assert option[1] in result.output
