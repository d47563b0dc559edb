"""What the mails say, to whom, and that they are sound messages."""

import email
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage

import pytest

from mailguard.locale import NAMES
from mailguard.notices.compose import render
from mailguard.notices.settings import NoticeSettings
from mailguard.records import Mail, NewNotice, NoticeKind, OnExpiry, Power, State
from tests.unit.notices.factory import LINK, MINUTE, NOW, claim, delivery, hold, mail, told

POLISH = NoticeSettings(sender="mailguard@corp.example", language="pl")
MINIMAL = NoticeSettings(sender="mailguard@corp.example", preview="minimal")
BOSS = frozenset({"ceo@corp.example"})


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def text(raw: bytes, kind: str = "plain") -> str:
    part = parsed(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content())


def delayed() -> Mail:
    return mail(delivery("bob@client.example", State.QUEUED, external=True))


def to_boss(state: State = State.QUEUED) -> Mail:
    return mail(
        delivery("ceo@corp.example", state),
        delivery("assistant@corp.example", State.SENT, added=True),
        delivery("secret@hidden.example", state, visible=False),
        subject="Costs",
    )


@pytest.mark.parametrize(
    ("kind", "about", "subject"),
    [
        (NoticeKind.DELAYED, delayed, "Leaves 10:05: Quote for ACME"),
        (NoticeKind.HELD, mail, "Held: Quote for ACME"),
        (NoticeKind.APPROVAL, mail, "Approve? Quote for ACME"),
        (NoticeKind.ASSISTANT, to_boss, "Leaves 10:05: Costs"),
        (NoticeKind.STOPPED, mail, "Stopped: Quote for ACME"),
        (NoticeKind.RETURNED, mail, "Not sent: Quote for ACME"),
        (NoticeKind.EXPIRED, mail, "Not sent: Quote for ACME"),
        (NoticeKind.REMINDER, mail, "Still held, until 18:00: Quote for ACME"),
        (NoticeKind.DECIDED, mail, "Approved: Quote for ACME"),
        (NoticeKind.NOTIFY, mail, "For your information: Quote for ACME"),
        (NoticeKind.DROPPED, mail, "Not sent to everybody: Quote for ACME"),
        (NoticeKind.AS_SENT, mail, "As sent: Quote for ACME"),
    ],
)
def test_the_subject_says_what_happens_when(kind: NoticeKind, about: Callable[[], Mail], subject: str) -> None:
    assert parsed(told(kind, about()))["Subject"] == subject


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("preview", ["full", "minimal"])
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_kind_is_a_sound_message_in_every_language(kind: NoticeKind, language: str, preview: str) -> None:
    settings = NoticeSettings.model_validate(
        {"sender": "mailguard@corp.example", "language": language, "preview": preview}
    )
    for about in (mail(), delayed(), mail(delivery("bob@corp.example", State.SENT, ended_at=NOW))):
        raw = told(kind, about, settings=settings, data={"code": "123456", "outcome": "return"})
        message = parsed(raw)
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert max(map(len, raw.split(b"\r\n"))) < 999
        assert message["Subject"]
        assert len(text(raw)) > 80
        assert "  " not in text(raw, "html").split("</h1>")[0].split("<h1")[1].split(">")[1]


def test_it_threads_under_the_mail_and_answers_nobody() -> None:
    message = parsed(told(NoticeKind.HELD, mail()))
    assert message["In-Reply-To"] == message["References"] == "<quote@corp.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["From"] == "mailguard <mailguard@corp.example>"
    assert message["To"] == "ann@corp.example"
    assert message["Precedence"] is None
    assert message["Message-ID"] == "<n1@mail.corp.example>"
    assert message["Date"] == "Mon, 23 Nov 2026 09:00:00 +0000"


def test_a_long_message_id_is_not_mangled_by_folding() -> None:
    long = f"<{'x' * 300}@corp.example>"
    assert f"In-Reply-To: {long}\r\n".encode() in told(NoticeKind.HELD, mail(message_id=long))


@pytest.mark.parametrize("wrong", ["", "no brackets", "<a b@c>", "<ż@c>", "<x@y>\r\nBcc: evil@x.example"])
def test_a_message_id_that_is_none_is_not_repeated(wrong: str) -> None:
    message = parsed(told(NoticeKind.HELD, mail(message_id=wrong)))
    assert message["In-Reply-To"] is None
    assert message["Bcc"] is None


def test_it_expires_when_its_news_does() -> None:
    assert parsed(told(NoticeKind.DELAYED, delayed()))["Expires"] == "Mon, 23 Nov 2026 09:05:00 +0000"
    assert parsed(told(NoticeKind.HELD, mail()))["Expires"] == "Mon, 23 Nov 2026 17:00:00 +0000"
    assert parsed(told(NoticeKind.RETURNED, mail(delivery("b@c.example", State.CANCELLED))))["Expires"] is None


def test_a_subject_with_line_breaks_and_controls_stays_one_line() -> None:
    evil = "Hi\r\nBcc: all@evil.example\r\n\r\nbody\x00\x1b[31m\u202egnp.exe"
    message = parsed(told(NoticeKind.HELD, mail(subject=evil)))
    assert message["Bcc"] is None
    assert message["Subject"] == "Held: Hi Bcc: all@evil.example body [31m gnp.exe"


def test_markup_in_what_others_wrote_is_only_text() -> None:
    html = text(told(NoticeKind.HELD, mail(subject="<img src=x onerror=alert(1)>")), "html")
    assert "<img" not in html
    assert "&lt;img src=x" in html


def test_an_endless_subject_is_cut() -> None:
    subject = parsed(told(NoticeKind.HELD, mail(subject="x" * 5000)))["Subject"]
    assert len(subject) < 130
    assert subject.endswith("…")


def test_a_mail_without_a_subject_says_so() -> None:
    assert parsed(told(NoticeKind.HELD, mail(subject="")))["Subject"] == "Held: (no subject)"


def test_a_held_mail_names_the_flagged_recipient_in_words_the_rule_and_what_time_will_do() -> None:
    raw = told(NoticeKind.HELD, mail())
    for body in (text(raw), text(raw, "html")):
        assert "pat@client.example" in body
        assert "bob@corp.example" in body
        assert "Check this one" in body
        assert "never written to" in body
        assert "rule: unexpected-cc" in body
        assert "comes back to you at 18:00 CET, and nobody gets it" in body
        assert LINK in body
    assert text(raw, "html").count("href=") == 1


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("send", "it is sent"), ("discard", "it is cancelled"), ("return", "it comes back to you")],
)
def test_what_happens_at_expiry_is_told_as_it_will_be(outcome: str, said: str) -> None:
    about = mail(holds=(replace(hold(), on_expiry=OnExpiry(outcome)),))
    assert said in text(told(NoticeKind.HELD, about))


def test_dates_are_named_when_not_today_and_years_when_not_this_one() -> None:
    tomorrow = mail(delivery("b@c.example", State.QUEUED, due_at=NOW + timedelta(hours=15)))
    assert parsed(told(NoticeKind.DELAYED, tomorrow))["Subject"] == "Leaves Tue 24 Nov 01:00: Quote for ACME"
    assert "on Tue 24 Nov at 01:00 CET" in text(told(NoticeKind.DELAYED, tomorrow))
    summer = mail(delivery("b@c.example", State.QUEUED, due_at=NOW + timedelta(days=250)))
    assert "2027 at 11:00 CEST" in text(told(NoticeKind.DELAYED, summer))


def test_bcc_is_named_to_the_sender_and_approver_and_never_to_the_assistant() -> None:
    raw = told(NoticeKind.ASSISTANT, to_boss(), person="assistant@corp.example", power=Power.ASSISTANT, scope=BOSS)
    assert b"hidden.example" not in raw
    assert "hidden.example" not in text(raw, "html") + text(raw)
    assert "ceo@corp.example" in text(raw)
    assert "ann@corp.example" in text(raw)
    assert "hidden.example" not in text(told(NoticeKind.NOTIFY, to_boss(), person="x@corp.example"))
    for kind, power in ((NoticeKind.DELAYED, Power.SENDER), (NoticeKind.APPROVAL, Power.APPROVER)):
        held = to_boss(State.QUEUED if kind is NoticeKind.DELAYED else State.HELD)
        assert "secret@hidden.example, Bcc" in text(told(kind, held, power=power))


def test_a_rules_own_words_do_not_tell_the_assistant_of_bcc_either() -> None:
    about = to_boss()
    leak = replace(about, hits=(replace(about.hits[0], reason="going to hidden.example"),))
    raw = told(NoticeKind.ASSISTANT, leak, power=Power.ASSISTANT, scope=BOSS)
    assert "hidden.example" not in text(raw) + text(raw, "html")


def test_the_assistant_is_told_when_the_executives_copy_leaves() -> None:
    body = text(told(NoticeKind.ASSISTANT, to_boss(), person="pa@corp.example", power=Power.ASSISTANT, scope=BOSS))
    assert "The copy you look after leaves at 10:05 CET" in body
    assert "You have a copy of your own" not in body
    copied = told(NoticeKind.ASSISTANT, to_boss(), person="Assistant@corp.example", power=Power.ASSISTANT, scope=BOSS)
    assert "You have a copy of your own" in text(copied)


def test_minimal_preview_names_no_subject_no_person_and_no_reason() -> None:
    for kind in NoticeKind:
        raw = told(kind, mail(), settings=MINIMAL, data={"by": "lex@corp.example", "code": "123456"})
        words = text(raw) + text(raw, "html") + parsed(raw)["Subject"]
        for secret in ("ACME", "pat@", "bob@", "ann@corp", "lex@", "never", "quote.pdf"):
            assert secret not in words.replace("Never pass", ""), (kind, secret)
    assert parsed(told(NoticeKind.HELD, mail(), settings=MINIMAL))["Subject"] == "Held: mail of 09:58"


def test_a_code_is_in_the_text_never_in_the_subject_and_says_how_long() -> None:
    raw = told(NoticeKind.CODE, data={"code": "012345"})
    assert "012345" not in parsed(raw)["Subject"]
    assert "012345" in text(raw)
    assert "012345" in text(raw, "html")
    assert "valid for 10 minutes" in text(raw)
    assert LINK not in text(raw)
    assert "“Quote for ACME”" in text(told(NoticeKind.CODE, mail(), data={"code": "012345"}))


def test_what_comes_back_is_attached_byte_for_byte() -> None:
    original = b"From: ann@corp.example\r\nSubject: =?x?=\r\nBcc: z@y.example\r\n\r\n--b--  \r\n.\r\n"
    about = mail(delivery("bob@client.example", State.CANCELLED, ended_at=NOW))
    for kind in (NoticeKind.RETURNED, NoticeKind.EXPIRED):
        raw = told(kind, about, originals={about.queue_id: original}, data={"outcome": "return"})
        assert original in raw
        kinds = [part.get_content_type() for part in parsed(raw).iter_parts()]
        assert kinds == ["multipart/alternative", "message/rfc822"]
        assert "attached as you wrote it" in text(raw)


@pytest.mark.parametrize("body", [b"za\xbf\xf3\xb3\xe6  \r\n.\r\n", b"x" * 1200 + b"\r\n"], ids=["8 bit", "long line"])
def test_what_a_server_may_refuse_comes_back_as_a_file_byte_for_byte(body: bytes) -> None:
    original = b"From: ann@corp.example\r\n\r\n" + body
    about = mail(delivery("bob@client.example", State.CANCELLED, ended_at=NOW))
    raw = told(NoticeKind.RETURNED, about, originals={about.queue_id: original})
    _, attached = parsed(raw).iter_parts()
    assert attached.get_filename() == "mail.eml"
    assert attached.get_payload(decode=True) == original
    assert raw.isascii() or body.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_a_discarded_mail_is_not_attached_and_others_never_get_it() -> None:
    about, original = mail(), b"Subject: s\r\n\r\nbody-of-it\r\n"
    discarded = told(NoticeKind.EXPIRED, about, originals={about.queue_id: original}, data={"outcome": "discard"})
    other = told(NoticeKind.RETURNED, about, originals={about.queue_id: original}, power=Power.APPROVER)
    assert b"body-of-it" not in discarded + other


def test_a_notice_overtaken_by_events_does_not_claim_that_it_still_waits() -> None:
    left = mail(delivery("bob@client.example", State.SENT, ended_at=NOW))
    for kind in (
        NoticeKind.HELD,
        NoticeKind.DELAYED,
        NoticeKind.APPROVAL,
        NoticeKind.ASSISTANT,
        NoticeKind.REMINDER,
    ):
        assert parsed(told(kind, left))["Subject"] == "Left: Quote for ACME"
    assert parsed(told(NoticeKind.DELAYED, mail()))["Subject"] == "Held: Quote for ACME"
    assert parsed(told(NoticeKind.HELD, delayed()))["Subject"] == "Released: Quote for ACME"


def test_copies_that_left_already_are_owned_up_to() -> None:
    about = mail(delivery("a@corp.example", State.SENT, ended_at=NOW), delivery("b@client.example", State.CANCELLED))
    body = text(told(NoticeKind.RETURNED, about, data={"by": "ann@corp.example"}))
    assert "You cancelled your mail" in body
    assert "1 copy had left before" in body


def test_an_approver_reads_why_they_are_asked_unless_notices_name_nothing() -> None:
    asked = {"said": "Agreed with\nlegal."}
    raw = told(NoticeKind.APPROVAL, mail(), power=Power.APPROVER, data=asked)
    assert "ann@corp.example says: “Agreed with legal.”" in text(raw)
    assert "Agreed" not in text(told(NoticeKind.APPROVAL, mail(), power=Power.APPROVER, data=asked, settings=MINIMAL))


def test_who_stopped_it_is_named() -> None:
    assert "pa@corp.example stopped your mail" in text(told(NoticeKind.STOPPED, mail(), data={"by": "pa@corp.example"}))


def digest(settings: NoticeSettings | None = None, count: int = 5) -> bytes:
    mails = {
        f"Q{n}": mail(
            *([] if n < 2 else [delivery("b@c.example", State.QUEUED, due_at=NOW + n * MINUTE)]),
            queue_id=f"Q{n}",
            message_id=f"<{n}@corp.example>",
        )
        for n in range(count)
    }
    kinds = [NoticeKind.HELD] * 2 + [NoticeKind.DELAYED] * (count - 2)
    notices = [NewNotice(kind, "ann@corp.example", f"Q{n}") for n, kind in enumerate(kinds)]
    return render(
        claim(*notices, mails=mails),
        links={q: f"https://m.example/m/{q}" for q in mails},
        settings=settings or NoticeSettings(sender="mailguard@corp.example"),
        organization_zone="Europe/Warsaw",
        now=NOW,
        message_id="<d@x>",
        originals={},
    )


def test_a_digest_says_how_many_and_links_each() -> None:
    raw = digest()
    assert parsed(raw)["Subject"] == "5 mails: 2 held, 3 leave from 10:02"
    assert all(f"https://m.example/m/Q{n}" in text(raw) and f"/m/Q{n}" in text(raw, "html") for n in range(5))
    assert parsed(raw)["In-Reply-To"] is None


def test_polish_has_its_three_plural_forms() -> None:
    assert parsed(digest(POLISH))["Subject"] == "5 wiadomości: 2 wstrzymane, 3 wyjdą od 10:02"
    assert parsed(digest(POLISH, 7))["Subject"] == "7 wiadomości: 2 wstrzymane, 5 wyjdzie od 10:02"
    copies = [delivery(f"r{n}@c.example", external=True) for n in range(22)]
    assert "i jeszcze 2 odbiorców" in text(told(NoticeKind.HELD, mail(*copies), settings=POLISH))


def test_a_polish_notice_is_polish_to_the_last_label() -> None:
    raw = told(NoticeKind.HELD, mail(), settings=POLISH)
    assert parsed(raw)["Subject"] == "Wstrzymana: Quote for ACME"
    assert "wróci do Ciebie o 18:00 CET" in text(raw)
    assert 'lang="pl"' in text(raw, "html")
    for english in ("Recipients", "Why", "rule:", "Check", "Number"):
        assert english not in text(raw)


def test_a_long_list_shows_the_marked_ones_first() -> None:
    copies = [delivery(f"r{n}@c.example", external=True) for n in range(40)]
    about = mail(*copies, delivery("odd@x.example", flagged="not known"))
    listed = text(told(NoticeKind.HELD, about)).split("Recipients:")[1]
    assert listed.strip().startswith("- odd@x.example")
    assert "and 21 more recipients" in listed


def test_an_international_address_is_written_as_it_is() -> None:
    assert "To: <zażółć@corp.example>\r\n".encode() in told(NoticeKind.HELD, mail(), person="zażółć@corp.example")
