"""Parameters of MAIL and RCPT."""

from datetime import UTC, datetime, timedelta

import pytest

from mailguard.errors import PermanentFailure
from mailguard.smtpd.commands import MailParameters, RcptParameters, mail_parameters, rcpt_parameters

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def mail(text: str) -> MailParameters:
    return mail_parameters(text, lambda: NOW, MONTH)


def refused(text: str, parse: object = None) -> str:
    with pytest.raises(PermanentFailure) as caught:
        (rcpt_parameters if parse is rcpt_parameters else mail)(text)
    return caught.value.line


def test_nothing_is_given_nothing_is_assumed() -> None:
    assert mail("") == MailParameters()
    assert rcpt_parameters("") == RcptParameters()


def test_everything_at_once() -> None:
    assert mail("SIZE=42 BODY=8bitmime SMTPUTF8 ret=full ENVID=aB+2Bc AUTH=ann+40corp HOLDFOR=90") == MailParameters(
        42, True, True, "FULL", "aB+2Bc", NOW + timedelta(seconds=90)
    )
    assert rcpt_parameters("NOTIFY=Failure,SUCCESS orcpt=RFC822;B+2BoB@C") == RcptParameters(
        ("FAILURE", "SUCCESS"), "RFC822;B+2BoB@C"
    )
    assert rcpt_parameters("NOTIFY=NEVER").notify == ("NEVER",)
    assert rcpt_parameters("ORCPT=utf-8;zoë@x").orcpt == "utf-8;zoë@x"


@pytest.mark.parametrize(
    "text",
    [
        "SIZE", "SIZE=", "SIZE=-1", "SIZE=1e3", "SIZE=٣", "SIZE=" + "9" * 21, "BODY", "BODY=BINARYMIME", "SMTPUTF8=yes",
        "RET=ALL", "RET", "ENVID", "ENVID=" + "x" * 101, "ENVID=a+0D+0Ab", "ENVID=a+7F", "ENVID=a+zz", "ENVID=zoë",
        "AUTH", "AUTH=a=b", "AUTH=+0A", "SIZE=1 SIZE=2", "=1", "S!ZE=1", "HOLDFOR", "HOLDFOR=-5", "HOLDFOR=1234567890",
        "HOLDFOR=5 HOLDUNTIL=2026-11-24T00:00:00Z", "HOLDUNTIL=tomorrow", "HOLDUNTIL=2026-11-24", "HOLDUNTIL",
        "HOLDUNTIL=2026-11-24T00:00:00", "HOLDUNTIL=2026-13-24T00:00:00Z", "HOLDUNTIL=0001-01-01T00:00:00+23:59",
        "HOLDFOR=2592001", "HOLDUNTIL=2027-11-24T00:00:00Z",
    ],
)  # fmt: skip
def test_a_bad_value_of_mail_is_501(text: str) -> None:
    assert refused(text).startswith("501 5.5.4 ")


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY", "NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,SUCCESS", "NOTIFY=ALWAYS", "NOTIFY=,", "ORCPT=bob",
        "ORCPT=rfc822;", "ORCPT=;bob", "ORCPT=rfc822;a+0Ab", "ORCPT=rfc822;zoë@x", "ORCPT=rfc822;" + "x" * 500,
        "ORCPT=r c;x", "ORCPT=rfc822;a=b",
    ],
)  # fmt: skip
def test_a_bad_value_of_rcpt_is_501(text: str) -> None:
    assert refused(text, rcpt_parameters)[:9] in ("501 5.5.4", "555 5.5.4")


@pytest.mark.parametrize("text", ["FOO=1", "XYZ", "NOTIFY=NEVER", "MT-PRIORITY=3"])
def test_what_is_not_offered_is_555(text: str) -> None:
    assert refused(text).startswith("555 5.5.4 ")


def test_hold_until_is_an_instant_in_utc_whatever_its_zone() -> None:
    until = mail("HOLDUNTIL=2026-11-24T01:00:00+02:00").hold_until
    assert until == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    assert until is not None
    assert until.utcoffset() == timedelta(0)


def test_an_instant_that_has_passed_holds_nothing() -> None:
    assert mail("HOLDUNTIL=2020-01-01T00:00:00Z").hold_until is None
    assert mail("HOLDFOR=0").hold_until is None


def test_future_release_can_be_switched_off() -> None:
    with pytest.raises(PermanentFailure) as caught:
        mail_parameters("HOLDFOR=5", lambda: NOW, timedelta(0))
    assert caught.value.line.startswith("555 5.5.4 ")
