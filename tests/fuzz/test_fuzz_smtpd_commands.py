"""Whatever follows MAIL, RCPT and AUTH: an answer or a refusal, and what is kept can be written into a report."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.errors import PermanentFailure
from mailguard.smtpd.commands import mail_parameters, rcpt_parameters
from mailguard.smtpd.login import PASSWORDS, TOKENS, credentials

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_WORDS = st.sampled_from(
    [
        "SIZE=", "BODY=", "8BITMIME", "SMTPUTF8", "RET=", "FULL", "HDRS", "ENVID=", "AUTH=", "<>", "HOLDFOR=",
        "HOLDUNTIL=", "2026-11-24T00:00:00Z", "NOTIFY=", "NEVER", "SUCCESS", ",", "ORCPT=", "rfc822;", "utf-8;",
        "+0D", "+41", " ", "=", "9" * 9,
    ]
)  # fmt: skip
_TEXTS = st.lists(st.one_of(_WORDS, st.text(max_size=4)), max_size=12).map("".join)


@settings(max_examples=500)
@given(_TEXTS)
def test_parameters_of_mail(text: str) -> None:
    try:
        given_ = mail_parameters(text, lambda: NOW, timedelta(days=30))
    except PermanentFailure as refusal:
        if refusal.code not in (501, 555):
            raise
        return
    assert given_.size >= 0
    assert given_.ret in (None, "FULL", "HDRS")
    assert given_.envid is None or (given_.envid.isascii() and given_.envid.isprintable() and " " not in given_.envid)
    assert given_.hold_until is None or NOW < given_.hold_until <= NOW + timedelta(days=30)


@settings(max_examples=500)
@given(_TEXTS)
def test_parameters_of_rcpt(text: str) -> None:
    try:
        given_ = rcpt_parameters(text)
    except PermanentFailure as refusal:
        if refusal.code not in (501, 555):
            raise
        return
    assert set(given_.notify) <= {"NEVER", "SUCCESS", "FAILURE", "DELAY"}
    assert given_.orcpt is None or not any(c < "!" or c == "\x7f" for c in given_.orcpt)


@settings(max_examples=300)
@given(
    st.sampled_from(["PLAIN", "LOGIN", "plain ", "LOGIN ", "XOAUTH2 ", "oauthbearer"]),
    st.lists(st.binary(max_size=40), min_size=2, max_size=2),
)
def test_login_dialogues(mechanism: str, answers: list[bytes]) -> None:
    left = list(answers)

    async def ask(_: bytes) -> bytes:
        return left.pop(0)

    try:
        shown = asyncio.run(credentials(mechanism + answers[0].decode("latin-1"), ask, (*PASSWORDS, *TOKENS)))
    except PermanentFailure as refusal:
        if refusal.code not in (501, 504, 535):
            raise
        return
    assert "\0" not in shown.name + shown.secret
    (shown.name + shown.secret).encode()
