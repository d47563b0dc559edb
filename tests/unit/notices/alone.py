"""A notice about no mail, as its reader has it."""

from email import message_from_bytes, policy

from mailguard.notices.compose import render
from mailguard.notices.settings import NoticeSettings
from mailguard.records import NewNotice, Notice, NoticeClaim
from mailguard.testing import MONDAY


def read(notice: NewNotice, language: str) -> tuple[str, str]:
    """Subject and text, each run of white space one space."""
    raw = render(
        NoticeClaim(notice.person, (Notice(1, notice, MONDAY),), {}, 1), links={},
        settings=NoticeSettings(sender="mailguard@corp.example", language=language), organization_zone="UTC",
        now=MONDAY, message_id="<1@corp.example>", originals={},
    )  # fmt: skip
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(message["Subject"]), " ".join(body.get_content().split())
