"""The `smtp:` section, and what it says about mistakes."""

from typing import Any

import pytest
from pydantic import ValidationError

from mailguard.smtpd.settings import LOOPBACK, Listener, Quota, SmtpSettings

TLS = {"certificate": "tls.crt", "key": "tls.key"}
LOGIN = {"bind": "0.0.0.0:465", "tls": "implicit", "auth": "required"}
OPEN = {"bind": "127.0.0.1:2525", "tls": "none", "auth": "none"}
CONNECTOR = {"bind": "0.0.0.0:25", "mode": "connector", "networks": ["192.0.2.0/24"]}


def settings(**more: Any) -> SmtpSettings:
    return SmtpSettings.model_validate({"tls": TLS, "users": {"file": "u"}, "listeners": [LOGIN, OPEN], **more})


def test_the_documented_form_is_read() -> None:
    made = settings(
        hostname="mail.corp.example",
        limits={"size": "35MB", "recipients": 1000, "connections": 1000, "per_client": 100, "decide": "10s"},
        quota={"mails": "300/h", "recipients": "2000/h", "waiting": 5000, "bytes": "2GB"},
    )
    assert made.limits.size == 35 << 20
    assert made.quota == Quota(mails=300, recipients=2000, waiting=5000, bytes=2 << 30)
    assert made.listeners[1].trusted == LOOPBACK
    assert made.listeners[0].trusted == ()


def test_the_default_is_this_machine_only() -> None:
    (only,) = SmtpSettings().listeners
    assert (only.bind, only.auth.value, only.trusted) == ("127.0.0.1:2525", "none", LOOPBACK)


def test_a_connector_does_not_log_in() -> None:
    made = settings(listeners=[OPEN, CONNECTOR])
    assert [one.mode.value for one in made.listeners] == ["submission", "connector"]
    assert [one.auth.value for one in made.listeners] == ["none", "none"]


@pytest.mark.parametrize(("text", "expected"), [("300/h", 300), ("10/m", 600), ("240/d", 10), ("1/d", 1), (7, 7)])
def test_rates(text: object, expected: int) -> None:
    assert Quota.model_validate({"mails": text}).mails == expected


@pytest.mark.parametrize(
    ("wrong", "help_text"),
    [
        ({"listeners": [{**LOGIN, "tls": "none"}]}, "cleartext"),
        ({"listeners": [{**LOGIN, "senders": ["*@corp.example"]}]}, "send_as"),
        ({"listeners": [{**OPEN, "senders": ["corp"]}]}, "write user@domain, or *@domain"),
        ({"listeners": [{**OPEN, "networks": ["10.0.0.1/8"]}]}, "network"),
        ({"listeners": [{**OPEN, "bind": "2525"}]}, "HOST:PORT"),
        ({"listeners": [{**CONNECTOR, "auth": "required"}]}, "does not log in"),
        ({"listeners": [{**CONNECTOR, "senders": ["<>"]}]}, "mode: submission"),
        ({"listeners": [{**CONNECTOR, "mode": "conector"}]}, "connector"),
        ({"listeners": []}, "no listeners"),
        ({"listeners": [OPEN, OPEN]}, "two listeners share 127.0.0.1:2525"),
        ({"tls": None}, "add tls:"),
        ({"users": None}, "add users:"),
        ({"users": {"file": "u", "upstream": "h:1"}}, "say one of file"),
        ({"users": {}}, "say one of file"),
        ({"hostname": "mail server"}, "host name"),
        ({"hostname": "-x-"}, "host name"),
        ({"quota": {"mails": "300"}}, "like 300/h"),
        ({"quota": {"mails": "0/h"}}, "like 300/h"),
        ({"quota": {"mails": True}}, "like 300/h"),
        ({"limits": {"recipients": 10}}, "100"),
        ({"limits": {"recipients": 6000}}, "every recipient is a command"),
        ({"limits": {"size": "large"}}, "25MB"),
        ({"surprise": 1}, "surprise"),
        ({"verp": ["*"]}, "is no pattern"),
        ({"verp": ["{local}*"]}, "is no pattern"),
        ({"verp": ["{local}+*@corp.example"]}, "is no pattern"),
    ],
)
def test_mistakes_say_what_to_write(wrong: dict[str, Any], help_text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**wrong)
    assert help_text in str(caught.value)


@pytest.mark.parametrize(
    "pattern", ["ann@corp.example", "*@corp.example", "*@*.corp.example", "<>", "zoë@corp.example"]
)
def test_sender_patterns(pattern: str) -> None:
    assert Listener.model_validate({**OPEN, "senders": [pattern]}).senders == (pattern,)


@pytest.mark.parametrize("pattern", ["*", "*@", "@corp.example", "*@a@b", "*@*", "a*@corp.example@", 5, "", "*@ x"])
def test_what_is_no_sender_pattern(pattern: object) -> None:
    with pytest.raises(ValidationError):
        Listener.model_validate({**OPEN, "senders": [pattern]})
