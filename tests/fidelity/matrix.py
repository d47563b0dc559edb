"""Every kind through a whole mailguard, once for each thing that is done to mail; and the table of what arrived."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailguard.mail import fields, headers
from mailguard.records import Actor
from tests.fidelity.kinds import KIM, MO, Kind, kinds
from tests.fidelity.proofs import bench, dns_over, zone_text
from tests.flow.house import ANN, LEE, lived_in
from tests.unit.courier.dns_server import DnsServer
from tests.unit.courier.peer import Arrived, Peer
from tests.unit.dkim.verifier import ED25519, OF_CORP, RSA, Lookup, verdicts

_ON_TOP = rb"(?:(?:DKIM-Signature|X-Mailguard-Stamp):(?:[^\n]*\n(?=[ \t]))*[^\n]*\n)*"
_TRACE = re.compile(rb"\A%bReceived: from .*?; [^\n]*\r\n" % _ON_TOP, re.DOTALL)


@dataclass(frozen=True)
class Action:
    """A column: `then` is what one rule does to every mail; `config` is laid over mailguard.yaml."""

    name: str
    then: str
    touches: frozenset[str] = frozenset()  # the header fields that may be others
    breaks: bool = False  # and says that a signature is no reason not to
    gets: frozenset[str] = frozenset({KIM, MO})
    config: Mapping[str, Any] = field(default_factory=dict)
    hop: Mapping[str, Any] = field(default_factory=dict)  # and this over its next hops
    signs: bool = False  # as it leaves, by two keys of corp.example
    dropped: str = ""  # whom a person takes off while it waits

    @property
    def rules(self) -> str:
        when = "{to: {any: {domain: rival.example}}}"
        return f"version: 1\nrules:\n  - {{id: column, when: {when}, then: {self.then}}}\n"


_BODY = frozenset({"mime-version", "content-type", "content-transfer-encoding"})  # what a text that grows may need
_CONNECTOR = {"bind": "127.0.0.1:0", "mode": "connector", "tls": "none"}
ACTIONS = (
    Action("pass", "[{tag: [seen]}]"),
    Action("delay", "[{delay: 5m}]"),
    Action("drop by a rule", "[{drop: true}]", frozenset({"to"}), gets=frozenset({KIM})),
    Action("drop by a person", "[{delay: 5m}]", frozenset({"to"}), gets=frozenset({KIM}), dropped=MO),
    Action("Cc added", f"[{{cc: {{add: {LEE}}}}}]", frozenset({"cc"}), gets=frozenset({KIM, MO, LEE})),
    Action(
        "subject, header", "[{subject: {prefix: '[EXT]'}}, {add_header: {name: X-Class, value: outside}}]",
        frozenset({"subject", "x-class"}),
    ),
    Action("disclaimer", "[{disclaimer: 'Corp Example, Warsaw'}]", _BODY),
    Action(
        "subject, disclaimer, `edit_signed`",
        "[{subject: {prefix: '[EXT]', edit_signed: true}}, {disclaimer: {text: Corp Example, edit_signed: true}}]",
        _BODY | {"subject"}, breaks=True,
    ),
    Action("signed here", "[{tag: [seen]}]", signs=True),
    Action(
        "Cc, subject, disclaimer, `edit_signed`, signed here",
        f"[{{cc: {{add: {LEE}}}}}, {{subject: {{prefix: '[EXT]', edit_signed: true}}}}, "
        "{disclaimer: {text: Corp Example, edit_signed: true}}]",
        _BODY | {"cc", "subject", "dkim-signature"}, gets=frozenset({KIM, MO, LEE}), signs=True,
    ),
    Action(
        "connector", "[{tag: [seen]}]",
        config={"smtp": {"listeners": [_CONNECTOR], "stamp": {"key": "k" * 32}}},
        hop={"stamp": True},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What arrived of one kind: other bytes in the header or the body, and what its verifier says."""

    action: Action
    head: bool
    body: bool
    whole: bool

    def __str__(self) -> str:
        if self.body:
            said = "text edited"
        elif self.head:
            said = "header edited"
        else:
            said = "left alone" if self.action.touches else "same bytes"
        return said if self.whole else f"**{said}, broken**"


Column = dict[str, Cell]


@dataclass(frozen=True)
class Outside:
    """One mail of each kind, the name server that verifiers ask, and the keys that we sign with, as settings."""

    kinds: Sequence[Kind]
    dns: Lookup
    keys: Sequence[Mapping[str, str]]


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    server = await DnsServer().start()
    try:
        with bench() as made, tempfile.TemporaryDirectory() as folder:
            server.zone["client._domainkey.corp.example", "TXT"] = [zone_text(made.dkim_record)]
            keys = []
            for key, pem in zip(OF_CORP, (RSA, ED25519), strict=True):
                server.zone[key.place, "TXT"] = [zone_text(key.record)]
                (path := Path(folder) / key.selector).write_bytes(pem)
                keys.append({"domain": key.domain, "selector": key.selector, "key_file": str(path)})
            dns = dns_over(server.port)
            yield Outside(kinds(made, dns), dns, keys)
    finally:
        await server.stop()


async def play(action: Action, world: Outside, folder: Path) -> Column:
    """Through real sockets: what the next hop was handed of each kind."""
    peer = await Peer("8BITMIME", "SIZE 100000000", "DSN").start()
    here = {"smarthost": f"127.0.0.1:{peer.port}", "tls": "none", **action.hop}
    hop = {"next_hop": {**here, "routes": {"*.example": here}}}
    try:
        config = {**action.config, **hop, "dkim": world.keys if action.signs else []}
        async with lived_in(folder, rules=action.rules, config=config) as house:
            for kind in world.kinds:
                said = [*kind.mail, *([] if kind.raw.isascii() else ["BODY=8BITMIME"])]
                answer = await house.submit(kind.raw, [KIM, MO], sender=kind.sender, mail=said, rcpt=kind.rcpt)
                assert answer.code == 250, f"{kind.name}: {answer}"
                if action.dropped:
                    mail = await house.mail(answer.queue_id)
                    await house.service.desk.take_out(mail, {action.dropped}, Actor(ANN, "page"))
            await house.wait(minutes=6)
        return {kind.name: await _cell(action, kind, peer.arrived, world.dns) for kind in world.kinds}
    finally:
        await peer.stop()


async def _cell(action: Action, kind: Kind, arrived: Sequence[Arrived], dns: Lookup) -> Cell:
    mine = [each for each in arrived if b"Message-ID: " + kind.message_id in each.data and _TRACE.match(each.data)]
    got = {who for each in mine for line in each.rcpts for who in re.findall(r"<([^>]+)>", line)}
    assert got == action.gets, f"{kind.name}, {action.name}: {sorted(got)}"
    (left,) = {_TRACE.sub(b"", each.data) for each in mine}
    assert all(each.data.count(b"X-Mailguard-Stamp: ") == bool(action.hop) for each in mine), kind.name
    for_kim = next(each for each in mine if any(f"<{KIM}>" in line for line in each.rcpts))
    at, sent = headers.split(left), headers.split(kind.raw)
    assert _others(left[:at], action) == _others(kind.raw[:sent], action), f"{kind.name}, {action.name}"
    ours = await asyncio.to_thread(verdicts, for_kim.data, dns) if action.signs else []
    assert len(ours) >= len(OF_CORP) * action.signs
    whole = await asyncio.to_thread(kind.proof, for_kim, for_kim.data if action.signs else left)
    return Cell(action, left[:at] != kind.raw[:sent], left[at:] != kind.raw[sent:], whole and all(ours))


def _others(head: bytes, action: Action) -> list[bytes]:
    """The fields that the action has nothing to do with, byte for byte."""
    found = fields.fields(head, 0, fields.head(head)[0])
    return [head[each.start : each.end] for each in found if each.name not in action.touches]


def table(every: Sequence[Kind], columns: Sequence[Column]) -> str:
    """As it stands in docs/fidelity.md."""
    names = [action.name for action in ACTIONS]
    lines = [f"| | verified by | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for kind in every:
        cells = " | ".join(str(column[kind.name]) for column in columns)
        lines.append(f"| {kind.name} | {kind.verified} | {cells} |")
    return "\n".join(lines)
