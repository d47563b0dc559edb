"""A tenant of Exchange Online: connectors and mail flow rules, made by the cmdlets that its documentation has."""

import ipaddress
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses

from tests.provider import powershell
from tests.provider.cloud import Cloud, Smarthost, domain
from tests.provider.letter import Letter
from tests.provider.powershell import Call, Value

# Of each cmdlet the parameters that its page lists (learn.microsoft.com/powershell/module/exchangepowershell), of New-
# and Set-TransportRule those that are simulated.
_RULE = """
    Name Identity Priority Enabled Mode FromScope From SenderIpRanges HeaderContainsMessageHeader HeaderContainsWords
    SetHeaderName SetHeaderValue RemoveHeader RouteMessageOutboundConnector StopRuleProcessing
"""
_PARAMETERS = {
    "New-OutboundConnector": """
        Name AllAcceptedDomains CloudServicesMailEnabled Comment Confirm ConnectorSource ConnectorType Enabled
        IsTransportRuleScoped LinkForModifiedConnector RecipientDomains RouteAllMessagesViaOnPremises
        SenderRewritingEnabled SmartHosts TestMode TlsDomain TlsSettings UseMXRecord WhatIf
    """,
    "New-InboundConnector": """
        Name SenderDomains AssociatedAcceptedDomains ClientHostNames CloudServicesMailEnabled Comment Confirm
        ConnectorSource ConnectorType EFSkipIPs EFSkipLastIP EFSkipMailGateway EFTestMode EFUsers Enabled RequireTls
        RestrictDomainsToCertificate RestrictDomainsToIPAddresses ScanAndDropRecipients SenderIPAddresses
        TlsSenderCertificateName TreatMessagesAsInternal TrustedOrganizations WhatIf
    """,
    "New-TransportRule": _RULE,
    "Set-TransportRule": _RULE,
    "Enable-TransportRule": "Identity",
    "Disable-TransportRule": "Identity",
    "Remove-TransportRule": "Identity",
    "Remove-OutboundConnector": "Identity",
    "Remove-InboundConnector": "Identity",
}
_numbers = itertools.count(1)


@dataclass
class Microsoft:
    """`domains` are its accepted domains, the first of them the initial one."""

    cloud: Cloud
    id: str
    domains: Sequence[str]
    rules: list[dict[str, Value]] = field(default_factory=list)
    outbound: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    inbound: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    rewrites: bool = False  # makes messages anew on their way, as Exchange does with what it stores

    def __post_init__(self) -> None:
        self.cloud.tenants.append(self)

    def run(self, script: str, **variables: str) -> None:
        """What an administrator types. AssertionError: there is no such cmdlet or parameter."""
        for call in powershell.calls(script, variables):
            assert call.name in _PARAMETERS, f"no such cmdlet: {call.name}"
            unknown = set(call.given) - {*_PARAMETERS[call.name].split(), ""}
            assert not unknown, f"{call.name} has no parameter {unknown}"
            self._do(call)

    def _do(self, call: Call) -> None:
        verb, _, noun = call.name.partition("-")
        given = dict(call.given)
        name = str(given.pop("", "") or given.pop("Identity", "") or given.get("Name"))
        if noun != "TransportRule":
            made = self.outbound if noun == "OutboundConnector" else self.inbound
            assert (name in made) is (verb != "New"), f"{noun} {name}: there already, or not at all"
            if verb == "New":
                made[name] = self._connector(noun, given)
            else:
                del made[name]
        elif verb == "New":
            assert all(rule["Name"] != name for rule in self.rules)
            place = int(str(given.get("Priority", len(self.rules))))
            self.rules.insert(place, {"Enabled": True, **given})
        else:
            (rule,) = [rule for rule in self.rules if rule["Name"] == name]
            if verb == "Remove":
                self.rules.remove(rule)
            else:
                rule.update({"Enable": {"Enabled": True}, "Disable": {"Enabled": False}}.get(verb, given))

    def _connector(self, noun: str, given: Mapping[str, Value]) -> Mapping[str, Value]:
        assert given["ConnectorType"] == "OnPremises"
        if noun == "OutboundConnector":
            assert given["UseMXRecord"] is False
            assert given["SmartHosts"]
            assert given["TlsSettings"] == "DomainValidation"
            assert given["TlsDomain"] == given["SmartHosts"]
        else:
            assert str(given["TlsSenderCertificateName"]).lower() in self.domains, "no accepted domain of the tenant"
        return given

    # --- mail -----------------------------------------------------------------------------------------
    def brings(self, names: Sequence[str], peer: str, sender: str, hello: str) -> bool:
        """By the certificate alone: peer, sender and hello are anybody's."""
        return any(connector["TlsSenderCertificateName"] in names for connector in self.inbound.values())

    def routed(self, letter: Letter) -> tuple[Letter, Smarthost | None]:
        for rule in self.rules:
            if not (rule["Enabled"] and self._fits(rule, letter)):
                continue
            if name := rule.get("RemoveHeader"):
                letter = letter.without(re.escape(str(name)))
            if name := rule.get("SetHeaderName"):
                letter = letter.without(re.escape(str(name))).below(f"{name}: {rule['SetHeaderValue']}")
            if way := rule.get("RouteMessageOutboundConnector"):
                connector = self.outbound[str(way)]
                assert connector["IsTransportRuleScoped"] is True
                return letter, Smarthost(str(connector["SmartHosts"]))
            if rule.get("StopRuleProcessing"):
                break
        return letter, None

    def leaving(self, letter: Letter) -> Letter:
        """The tenant's own marks replace whatever stood there in their name."""
        number = next(_numbers)
        stamped = letter.without(r"X-MS-Exchange-(CrossTenant|Organization)-.*|X-OriginatorOrg").on_top(
            f"Received: from USER{number}.prod.outlook.com by OUT{number}.prod.outlook.com with ESMTPS; "
            "Mon, 30 Nov 2026 08:00:00 +0000",
            f"X-MS-Exchange-CrossTenant-Id: {self.id}",
            "X-MS-Exchange-CrossTenant-AuthAs: Internal",
            "X-MS-Exchange-CrossTenant-FromEntityHeader: Hosted",
            f"X-OriginatorOrg: {self.domains[0]}",
        )
        if not self.rewrites:
            return stamped
        return Letter(stamped.raw + b"\r\n", stamped.sender, stamped.recipients, stamped.source, stamped.inside)

    def _fits(self, rule: Mapping[str, Value], letter: Letter) -> bool:
        authors = [address for _, address in getaddresses(letter.all("from"))]
        tests = [
            rule.get("FromScope") != "InOrganization"
            or (letter.inside and any(domain(one) in self.domains for one in authors)),
            not rule.get("From") or bool({*_list(rule["From"])} & {*authors}),
            not rule.get("SenderIpRanges")
            or any(
                ipaddress.ip_address(letter.source) in ipaddress.ip_network(one)
                for one in _list(rule["SenderIpRanges"])
            ),
        ]
        if name := rule.get("HeaderContainsMessageHeader"):
            said = " ".join(letter.all(str(name))).lower()
            words = [re.escape(one.lower()) for one in _list(rule["HeaderContainsWords"])]
            tests.append(any(re.search(rf"(?<!\w){word}(?!\w)", said) for word in words))
        return all(tests)


def _within(source: str, ranges: Sequence[str]) -> bool:
    return any(ipaddress.ip_address(source) in ipaddress.ip_network(one) for one in ranges)


def _list(value: Value) -> list[str]:
    return value if isinstance(value, list) else [str(value)]
