"""A customer of Google Workspace: a content compliance rule, a route, the SMTP relay; set as a page says."""

import ipaddress
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.provider.cloud import Cloud, Smarthost, domain
from tests.provider.letter import Letter

_ROW = re.compile(r"^\| (.+?) \| (.*?) \|$", re.MULTILINE)
_numbers = itertools.count(1)


def table(page: str, first: str) -> dict[str, str]:
    """The rows of the table that begins with `| first | value |`."""
    start = page.index(f"| {first} | value |")
    rows = page[start : page.index("\n\n", start)]
    return {name: value for name, value in _ROW.findall(rows) if value not in ("value", "---")}


@dataclass
class Google:
    """Set up from a page. `secret`, and mailguard's address in relay and rule, stand in for what no page can know."""

    cloud: Cloud
    domains: Sequence[str]
    route: Mapping[str, str]
    relay: Mapping[str, str]
    rule: Mapping[str, str]
    secret: str
    relayed: str
    excepted: str

    def __post_init__(self) -> None:
        self.cloud.tenants.append(self)
        assert self.route["Require mail to be transmitted via a secure (TLS) connection"] == "on"
        assert self.route["Validate certificate hostname"] == "on"
        assert self.relay["Allowed senders"] == "Only addresses in my domains"
        assert self.relay["Require TLS encryption"] == "on"
        assert self.rule["Email messages to affect"] == "Outbound, Internal - Sending"
        assert (self.rule["Expression"], self.rule["Attribute"]) == ("Metadata match", "Source IP")
        assert self.rule["Match type"] == "Source IP is not within the following range"
        assert self.rule["Value"] == self.relay["Only accept mail from the specified IP addresses"]
        assert self.rule["Change route"] == self.route["Name"]

    def brings(self, names: Sequence[str], peer: str, sender: str, hello: str) -> bool:
        """The SMTP relay: by the address; the null sender by the name in EHLO, which must be in a domain of theirs."""
        whose = domain(sender) if sender not in ("", "<>") else hello
        return peer == self.relayed and any(f".{whose}".endswith(f".{one}") for one in self.domains)

    def routed(self, letter: Letter) -> tuple[Letter, Smarthost | None]:
        if ipaddress.ip_address(letter.source) in ipaddress.ip_network(self.excepted):
            return letter, None
        name = self.rule["Add custom headers"].partition(":")[0]
        return letter.below(f"{name}: {self.secret}"), Smarthost(self.route["Host"])  # added to the user's own, if any

    def leaving(self, letter: Letter) -> Letter:
        number = next(_numbers)
        return letter.on_top(
            f"Received: by mail-out-{number}.google.com with SMTP id {number}; Mon, 30 Nov 2026 08:00:00 +0000",
            "X-Google-DKIM-Signature: v=1; a=rsa-sha256; d=1e100.net; s=20251104; b=AAAA",
            "X-Gm-Message-State: AOJu0Yx",
        )
