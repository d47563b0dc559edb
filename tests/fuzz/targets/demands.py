"""What other domains publish in DNS and on the web about their mail: SPF records, MTA-STS policies, TLSA."""

import contextlib
from datetime import UTC, datetime, timedelta

from mailguard.courier import dane
from mailguard.courier.lookup import Tlsa
from mailguard.courier.sts import parse
from mailguard.doctor import spf
from tests.fuzz.target import target

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@target(
    "demands",
    "a policy is one or it is none, and TLSA records match or they don't",
    [b"version: STSv1\n", b"mode: ", b"enforce", b"testing", b"none", b"mx: ", b"*.", b"mx.client.example",
     b"max_age: ", b"86400", b"99999999999", b"\n", b"\r\n", b":", b".", b"\x30\x82", b"\x02\x01", b"\x00"],
)  # fmt: skip
def demands(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        policy = parse(text, "1", NOW)
    except ValueError as error:
        assert str(error)
    else:
        assert policy.mode in ("enforce", "testing", "none")
        assert NOW <= policy.until <= NOW + timedelta(days=366)
        assert not policy.allows("")
        assert not policy.allows("evil.invalid") or "evil.invalid" in text.lower() or "*.invalid" in text.lower()
    records = [
        Tlsa(usage, selector, matching, data) for usage in range(4) for selector in range(3) for matching in range(4)
    ]
    found = dane.usable(records)
    assert {one.usage for one in found} <= {2, 3}
    assert dane.is_server(found, [data]) is bool(data), "it is the very thing"
    dane.is_server(found, [data[1:]])
    trusted = dane.anchors(found, [b"x", data])
    with contextlib.suppress(ValueError):
        dane.context(trusted)


@target(
    "spf",
    "an SPF record is understood or refused with the word that is wrong",
    [b"v=spf1 ", b"include:", b"a", b"a:", b"mx", b"mx:", b"ptr", b"ip4:", b"192.0.2.1", b"ip6:", b"2001:db8::1",
     b"exists:", b"redirect=", b"exp=", b"all", b"-", b"~", b"?", b"+", b" ", b"/24", b"//64", b"%{i}", b"%{d2r}",
     b"%%", b"%", b".", b"client.example", b"=", b"x" * 64, b"\xff"],
)  # fmt: skip
def spf_record(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        terms, redirect = spf._parse(text, "client.example")
    except spf._Wrong as wrong:
        assert "client.example" in str(wrong)
    else:
        assert all(0 <= one.four <= 32 and 0 <= one.six <= 128 for one in terms)
        assert redirect is None or redirect in text
