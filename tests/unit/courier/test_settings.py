from pathlib import Path

import pytest
from pydantic import ValidationError

from mailguard.courier.settings import Hop, NextHop, Tls


def test_a_smarthost_is_reached_with_required_starttls_unless_told_otherwise() -> None:
    assert NextHop(smarthost="smtp.corp.example:587").secured is Tls.STARTTLS
    assert NextHop(smarthost="127.0.0.1:2526", tls=Tls.NONE).secured is Tls.NONE


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "either smarthost"),
        ({"smarthost": "a:25", "mx": True}, "either smarthost"),
        ({"smarthost": "a"}, "not HOST:PORT"),
        ({"mx": True, "tls": "implicit"}, "do not speak implicit TLS"),
        ({"mx": True, "username": "u", "password": "p"}, "shown to strangers"),
        ({"smarthost": "a:25", "username": "u"}, "without a password"),
        ({"smarthost": "a:25", "password": "p"}, "without a username"),
        ({"smarthost": "a:25", "tls": "none", "username": "u", "password": "p"}, "cleartext"),
        ({"smarthost": "a:25", "routes": {"@corp.example": {"mx": True}}}, "is not a domain"),
        ({"smarthost": "a:25", "routes": {"*": {"mx": True}}}, "is not a domain"),
        (
            {"smarthost": "a:25", "routes": {"b.example": {"smarthost": "a:25", "tls": "none"}}},
            "both name a:25",
        ),
        ({"smarthost": "a:25", "connections": 0}, "greater than or equal to 1"),
    ],
)
def test_a_next_hop_that_makes_no_sense_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        NextHop.model_validate(given)


def test_a_login_may_come_from_a_file_or_a_value() -> None:
    assert NextHop.model_validate({"smarthost": "a:25", "username": "u", "password_file": "/run/p"}).password is None
    hop = Hop(smarthost="a:25", username="u", password_file=Path("/run/p"), tls=Tls.IMPLICIT)
    assert hop.secured is Tls.IMPLICIT


def test_a_password_is_never_printed() -> None:
    hop = NextHop.model_validate({"smarthost": "a:25", "username": "u", "password": "s3cret"})
    assert "s3cret" not in f"{hop!r} {hop} {hop.model_dump_json()}"


def test_two_routes_may_share_a_smarthost_when_they_agree() -> None:
    hop = {"smarthost": "exchange.corp.example:25", "tls": "starttls"}
    settings = NextHop.model_validate({"mx": True, "routes": {"corp.example": hop, "*.corp.example": hop}})
    assert settings.routes["corp.example"] == settings.routes["*.corp.example"]
