"""What is told about the service itself: what happened, and the command that answers it."""

from email import message_from_bytes, policy

import pytest

from mailguard.notices import NoticeSettings, render
from mailguard.records import NewNotice, Notice, NoticeClaim, NoticeKind
from mailguard.testing import MONDAY

UNTIL = "2026-11-23T10:30:00+00:00"
ALERTS = {
    "identity.frozen": ("login ann", "mailguard user thaw"),
    "bypass.began": ("10:30", "mailguard bypass --end"),
    "bypass.ended": ("a drill", "bypass"),
    "rule.suspected": ("12", "mailguard queue list --rule sick"),
}


def said(about: str, language: str, name: str) -> tuple[str, str]:
    data = {"about": about, "name": name, "why": "a drill", "until": UNTIL, "held": "12", "mails": "40"}
    notice = NewNotice(NoticeKind.ALERT, "postmaster@corp.example", data=data)
    raw = render(
        NoticeClaim("postmaster@corp.example", (Notice(1, notice, MONDAY),), {}, 1), links={},
        settings=NoticeSettings(sender="mailguard@corp.example", language=language), organization_zone="UTC",
        now=MONDAY, message_id="<1@corp.example>", originals={},
    )  # fmt: skip
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(message["Subject"]), " ".join(body.get_content().split())


@pytest.mark.parametrize("language", ["en", "pl"])
@pytest.mark.parametrize("about", sorted(ALERTS))
def test_an_alert_says_what_is_so_and_what_to_do(about: str, language: str) -> None:
    subject, text = said(about, language, "sick" if about == "rule.suspected" else "login ann")
    assert subject
    for words in ALERTS[about]:
        assert words in text


def test_alerts_have_subjects_of_their_own() -> None:
    assert len({said(about, language, "x")[0] for about in ALERTS for language in ("en", "pl")}) == 8
