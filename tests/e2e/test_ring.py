"""Two mailguards that a provider's rules send each other's mail: every round is judged, and after three it ends."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailguard.document import yaml
from mailguard.testing import eventually, make_message
from tests.installed import Installed, install
from tests.provider.cloud import HOST, Cloud, Smarthost, certify, opened
from tests.provider.letter import Letter

SECRET = "5" * 64
RULES = "version: 1\nrules: [{id: seen, when: {always: true}, then: [{tag: [seen]}]}]\n"


@dataclass
class Ring:
    """Its rules send to the second mailguard what comes from the first, and to the first what comes from the second."""

    domains: Sequence[str] = ("corp.example",)

    def brings(self, *_: object) -> bool:
        return True

    def routed(self, letter: Letter) -> tuple[Letter, Smarthost]:
        passed = sum("(mailguard)" in field for field in letter.all("received"))
        name = ("first.corp.example", "second.corp.example")[passed % 2]
        return letter.without("X-Mailguard-Secret").below(f"X-Mailguard-Secret: {SECRET}"), Smarthost(name)

    def leaving(self, letter: Letter) -> Letter:
        return letter


def join(cloud: Cloud, folder: Path, number: int) -> Installed:
    """A mailguard of its own, with its own key, whose only listener and next hop are the provider."""
    folder.mkdir()
    made = install(folder, cloud.port)
    name = ("first", "second")[number] + ".corp.example"
    (folder / "connector.secret").write_text(SECRET)
    (folder / "stamp.key").write_text(str(number) * 64)
    for path in (folder / "rules").iterdir():
        path.unlink()
    (folder / "rules" / "10-seen.yaml").write_text(RULES)
    cloud.authority.cert_pem.write_to_path(str(folder / "provider.pem"))
    listener = {
        "bind": f"127.0.0.1:{made.ports['starttls']}", "mode": "connector", "networks": ["127.0.0.0/8"],
        "lock": {"provider": "google", "secret_file": "connector.secret"},
    }  # fmt: skip
    smtp = {"hostname": name, "tls": certify(cloud.authority, name, folder), "stamp": {"key_file": "stamp.key"}}
    data: Any = yaml.read(made.config).data
    data["smtp"] = {**smtp, "listeners": [listener]}
    data["next_hop"] = {"smarthost": f"{HOST}:{cloud.port}", "ca_file": "provider.pem", "stamp": True}
    made.config.write_text(json.dumps(data))
    cloud.hosts[name] = made.ports["starttls"]
    return made


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with opened() as made:
        yield made


@pytest.fixture
async def ring(cloud: Cloud, tmp_path: Path) -> AsyncIterator[list[Installed]]:
    made = [await asyncio.to_thread(join, cloud, tmp_path / str(number), number) for number in range(2)]
    try:
        for one in made:
            await asyncio.to_thread(one.start)
        yield made
    finally:
        for one in made:
            if one.process is not None:
                await asyncio.to_thread(one.end, signal.SIGTERM)


def events(one: Installed, name: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in one.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


@pytest.mark.slow
async def test_a_ring_of_two_judges_each_time_and_ends_after_three_rounds(cloud: Cloud, ring: list[Installed]) -> None:
    tenant = Ring()
    cloud.tenants.append(tenant)
    raw = make_message("ann@corp.example", "bob@corp.example", Message_ID="<ring@corp.example>")
    await cloud.submit(tenant, "ann@corp.example", ["bob@corp.example"], raw)
    await eventually(lambda: bool(cloud.bounced), within=30)
    await cloud.quiet()
    (bounced,) = cloud.bounced
    assert (bounced.sender, bounced.reply) == ("ann@corp.example", "554 5.4.6 this mail is going round in circles")
    assert len(cloud.handed) == 4
    assert [len(events(one, "message.evaluated")) for one in ring] == [2, 1]  # no round without the rules
    assert [line["known_by"] for line in events(ring[1], "message.looped")] == ["received"]
    assert cloud.delivered == []
    assert all(SECRET not in one.log for one in ring)
