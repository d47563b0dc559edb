"""The types of values that name people: addresses, patterns of addresses, domains, dates."""

import re
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field

from mailguard.document.model import BadValue, did_you_mean, suggest
from mailguard.document.wording import shown
from mailguard.errors import PermanentFailure
from mailguard.mail import address as addresses


def _address(value: str) -> str:
    wrong = "is a pattern, and one address is needed here" if value.startswith("*") else ""
    try:
        if not wrong:
            return addresses.check(value, smtputf8=True)
    except PermanentFailure as error:
        wrong = f"is not an address: {error.text.removeprefix('bad address: ')}"
    raise BadValue(f"{shown(value)} {wrong}", "write it like ann@corp.example", code="MG301")


def _domain(value: str) -> str:
    name = value.removeprefix("*.")
    try:
        addresses.check(f"x@{name}", smtputf8=True)
    except PermanentFailure:
        name = ""
    if not name or name.startswith("[") or "@" in name:
        how = 'write corp.example, or "*.corp.example" for its sub-domains'
        raise BadValue(f"{shown(value)} is not a domain", how, code="MG301")
    return value


def _pattern(value: str) -> str:
    local, _, host = value.rpartition("@")
    try:
        addresses.check(f"{local.replace('*', 'x')}@x.example", smtputf8=True)
        _domain(host)
    except (BadValue, PermanentFailure):
        how = 'write it like "*@client.example" or "all-*@corp.example"'
        raise BadValue(f"{shown(value)} is not an address or pattern", how, code="MG301") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        how = did_you_mean(value, sorted(known)) if suggest(value, known) else "write it like Europe/Warsaw or UTC"
        raise BadValue(f"{shown(value)} is not a time zone", how) from None
    return value


def _day(value: str) -> str:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise BadValue(f"{shown(value)} is not a day", "write year, month, day, like 2027-01-31")


Address = Annotated[str, AfterValidator(_address), Field(examples=["ann@corp.example"])]
AddressPattern = Annotated[str, AfterValidator(_pattern), Field(examples=["*@client.example"])]
DomainPattern = Annotated[str, AfterValidator(_domain), Field(examples=["corp.example"])]
Zone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Warsaw"])]
Day = Annotated[str, AfterValidator(_day), Field(examples=["2027-01-31"])]


class Pattern:
    """`ann@corp.example`, `all-*@corp.example`, `*@*.client.example`: `*` before the @ stands for anything.

    The domain is exact, or `*.` for sub-domains: `*@client.example` is not `x@notclient.example`.
    """

    __slots__ = ("_host", "_local", "text")

    def __init__(self, text: str) -> None:
        local, _, host = text.rpartition("@")
        self.text = text
        parts = addresses.key(f"{local}@x")[:-2].split("*")
        self._local = re.compile(".*".join(re.escape(part) for part in parts), re.DOTALL)
        self._host = host

    def matches(self, address: str) -> bool:
        local, _, host = addresses.key(address).rpartition("@")
        return addresses.within(host, self._host) and self._local.fullmatch(local) is not None
