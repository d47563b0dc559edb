"""What may stand under directory.ldap."""

from typing import Any

import pytest
from pydantic import ValidationError

from mailguard.directory.settings import LdapSettings

GOOD = {"url": "ldaps://ldap.corp.example", "base": "dc=corp"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ldap.corp.example"}, "is not a directory"),
        ({"url": "https://ldap.corp.example"}, "is not a directory"),
        ({"url": "ldaps://ldap.corp.example/dc=corp"}, "is not a directory"),
        ({"url": "ldaps://u:p@ldap.corp.example"}, "is not a directory"),
        ({"url": "ldaps://ldap.corp.example:99999"}, "is not a directory"),
        ({"filter": "cn=*"}, "write it in brackets"),
        ({"filter": "((cn=*)"}, "write it in brackets"),
        ({"starttls": True}, "leave one of them out"),
        ({"bind": "cn=x"}, "belong together"),
        ({"password": "x"}, "belong together"),
        ({"url": "ldap://ldap.corp.example", "bind": "cn=x", "password": "y"}, "in cleartext"),
        ({"timeout": "0s"}, "between 1s and 2m"),
        ({"every": "10s"}, "1m or more"),
        ({"attributes": {"title": "a b"}}, "pattern"),
    ],
)
def test_mistakes_are_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LdapSettings.model_validate({**GOOD, **changes})


def test_hosts_and_ports() -> None:
    assert (LdapSettings.model_validate(GOOD).host, LdapSettings.model_validate(GOOD).port) == (
        "ldap.corp.example",
        636,
    )
    other = LdapSettings.model_validate({**GOOD, "url": "ldap://[::1]:3890/"})
    assert (other.host, other.port, other.tls) == ("::1", 3890, False)
