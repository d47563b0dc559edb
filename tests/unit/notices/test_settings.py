"""The notices and web sections say what is wrong and what to write instead."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mailguard.notices.settings import NoticeSettings
from mailguard.web.settings import WebSettings


def test_the_example_of_the_documentation_is_read() -> None:
    data = {
        "sender": "mailguard@corp.example",
        "language": "en",
        "delayed": "risky",
        "minimum": "2m",
        "digest": {"over": 3, "within": "2m"},
    }
    settings = NoticeSettings.model_validate(data)
    assert settings == NoticeSettings(sender="mailguard@corp.example")
    assert settings.digest.within == timedelta(minutes=2)


@pytest.mark.parametrize("wrong", ["", "mailguard", "a@b\r\nBcc: x@y", "Mailguard <m@corp.example>", "a@" + "x" * 300])
def test_a_sender_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="like mailguard@corp"):
        NoticeSettings(sender=wrong)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("https://MG.corp.example/", "https://mg.corp.example"), ("http://[::1]:8025", "http://[::1]:8025")],
)
def test_the_url_is_kept_as_an_origin(given: str, kept: str) -> None:
    assert WebSettings(url=given).url == kept


@pytest.mark.parametrize(
    "wrong", ["mg.corp.example", "ftp://x", "https://", "https://x/path", "https://u@x", "https://x?q"]
)
def test_a_url_that_links_can_not_start_with_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        WebSettings(url=wrong)


def test_cookies_demand_tls_where_there_is_tls() -> None:
    assert WebSettings(url="https://x.example").secure
    assert not WebSettings().secure
