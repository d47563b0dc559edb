"""SPF as RFC 7208 has it: the test suite of its authors, asked of a real DNS server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.exception
import dns.name
import pytest
import yaml

from mailguard.courier.lookup import Lookup
from mailguard.doctor.spf import judge
from tests.unit.courier.dns_server import SERVFAIL, DnsServer

SUITE = Path(__file__).with_name("rfc7208-tests.yml")  # release 2014.04; its licence is beside it
SCENARIOS = [one for one in yaml.safe_load_all(SUITE.read_text("utf-8")) if one]
CASES = [
    pytest.param(scenario, test, id=name) for scenario in SCENARIOS for name, test in sorted(scenario["tests"].items())
]


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 203


def quoted(value: object) -> str:
    strings = value if isinstance(value, list) else [value]
    parts = ["".join(f"\\{b:03d}" for b in str(part).encode()) for part in strings]
    return " ".join(f'"{part}"' for part in parts) or '""'  # no strings at all can't be put into a record


def escaped(name: str) -> str:
    """As the server will see it: spaces and the like as numbers."""
    try:
        return dns.name.from_text(name).to_text(omit_final_dot=True).lower()
    except dns.exception.DNSException:
        return name.lower()  # nobody can ask for it


def zone(data: dict[str, Any]) -> dict[tuple[str, str], list[str] | str]:
    """As the suite's readme asks: SPF stands for TXT unless TXT is there; after TIMEOUT nothing is answered."""
    found: dict[tuple[str, str], list[str] | str] = {}
    for name, entries in data.items():
        records: dict[str, list[str]] = {}
        texts = any("TXT" in entry for entry in entries if isinstance(entry, dict))
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            ((kind, value),) = entry.items()
            if kind == "SPF":
                if texts:
                    continue
                kind = "TXT"
            if kind == "TXT":
                if value != "NONE":
                    records.setdefault(kind, []).append(quoted(value))
                continue
            written = f"{value[0]} {value[1] or ''}." if kind == "MX" else f"{value}"
            written += "." if kind == "PTR" else ""
            records.setdefault(kind, []).append(written.rstrip(".") if kind == "CNAME" else written)
        known = escaped(str(name))
        found |= {(known, kind): values for kind, values in records.items()}
        if "TIMEOUT" in entries:
            for kind in ("TXT", "A", "AAAA", "MX", "PTR"):
                found.setdefault((known, kind), SERVFAIL)
    return found


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = await DnsServer().start()
    yield server
    await server.stop()


@pytest.mark.parametrize(("scenario", "case"), CASES)
async def test_rfc_7208_suite(scenario: dict[str, Any], case: dict[str, Any], names: DnsServer) -> None:
    names.zone = zone(scenario["zonedata"])
    lookup = Lookup(names.resolver())
    domain = case["mailfrom"].rpartition("@")[2] or case["helo"]
    judged = await judge(lookup, case["host"], domain, sender=case["mailfrom"], helo=case["helo"])
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert judged.result in wanted, judged.why
