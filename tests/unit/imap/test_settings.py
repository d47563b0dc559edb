"""The `sent_folder:` section: where, who logs in, and how mailboxes are called."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mailguard.imap import Account, Server
from mailguard.imap.settings import SentFolderSettings

KNOWN = {"server": "imaps://imap.corp.example", "master": "mailguard", "password": "s3cret"}


def settings(**more: Any) -> SentFolderSettings:
    return SentFolderSettings.model_validate({**KNOWN, **more})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("imaps://imap.corp.example", Server("imap.corp.example", 993, tls=True)),
        ("imap://imap.corp.example/", Server("imap.corp.example", 143, tls=False)),
        ("imaps://[::1]:1993", Server("::1", 1993, tls=True)),
    ],
)
def test_a_server_is_named_by_its_address(url: str, place: Server) -> None:
    assert settings(server=url).place == place


def test_a_mailbox_is_called_by_its_address_or_by_what_stands_before_the_at_sign() -> None:
    assert settings().account("ann@corp.example") == Account("ann@corp.example", "s3cret", "mailguard")
    assert settings(user="local").account("ann@corp.example").user == "ann"
    assert "s3cret" not in repr(settings())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        *(({"server": url}, "is no IMAP server") for url in (
            "imap.corp.example", "http://imap.corp.example", "imaps://", "imaps://u:p@imap.corp.example",
            "imaps://imap.corp.example:x", "imaps://imap.corp.example/Sent", "imaps://imap.corp.example:0",
        )),
        ({"password": None}, "Add password_file"),
        ({"timeout": "1h"}, "between 1s and 5m"),
        ({"old": "burn"}, "keep"),
        ({"master": ""}, "at least 1"),
    ],
)  # fmt: skip
def test_mistakes_say_what_to_write(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changed)


def test_a_password_in_a_file_is_enough() -> None:
    assert settings(password=None, password_file=Path("secret")).password is None
