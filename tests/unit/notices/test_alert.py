"""What is told about the service itself: what happened, and the command that answers it."""

import pytest

from mailguard.locale import NAMES
from mailguard.records import NewNotice, NoticeKind
from tests.unit.notices.alone import read

UNTIL = "2026-11-23T10:30:00+00:00"
ALERTS = {
    "identity.frozen": ("login ann", "mailguard user thaw"),
    "bypass.began": ("10:30", "mailguard bypass --end"),
    "bypass.ended": ("a drill", "bypass"),
    "directory.smaller": ("a drill", "mailguard reload"),
    "directory.refused": ("a drill", "mailguard reload"),
    "directory.silent": ("a drill", "mailguard check"),
    "directory.old": ("a drill", "mailguard check"),
    "mail.looped": ("message.looped",),
    "connector.tenant": ("mailguard reload", "connector.refused"),
    "connector.secret": ("connector.refused",),
    "connector.sender": ("TLS", "connector.refused"),
    "connector.tls": ("TLS", "connector.refused"),
    "rule.suspected": ("12", "mailguard queue list --rule sick"),
}


def said(about: str, language: str, name: str) -> tuple[str, str]:
    data = {"about": about, "name": name, "why": "a drill", "until": UNTIL, "held": "12", "mails": "40"}
    return read(NewNotice(NoticeKind.ALERT, "postmaster@corp.example", data=data), language)


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("about", sorted(ALERTS))
def test_an_alert_says_what_is_so_and_what_to_do(about: str, language: str) -> None:
    subject, text = said(about, language, "sick" if about == "rule.suspected" else "login ann")
    assert subject
    for words in ALERTS[about]:
        assert words in text


def test_alerts_have_subjects_of_their_own() -> None:
    assert len({said(about, language, "x")[0] for about in ALERTS for language in NAMES}) == 7 * len(NAMES)
