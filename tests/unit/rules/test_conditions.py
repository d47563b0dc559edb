"""Each condition, with what it must see and what it must not."""

from datetime import datetime
from typing import Any

import pytest

from mailguard.mail.text import Text
from tests.unit.rules.judge import WARSAW, ask, facts

KIM, WARD = "kim@client.example", "ward@client.example"
HISTORY = {"history": [{"to": ["bob@corp.example", "eve@corp.example"], "days_ago": 30, "times": 31}]}


@pytest.mark.parametrize(
    ("when", "mail", "named"),
    [
        ("{recipients: {any: external}}", {"to": ["bob@corp.example", KIM]}, {KIM}),
        ("{recipients: {any: external}}", {"to": "bob@corp.example"}, None),
        ("{recipients: {any: external}}", {"to": "bob@corp.example", "bcc": KIM}, {KIM}),
        ("{recipients: {any: external}}", {"to": "bob@notcorp.example"}, {"bob@notcorp.example"}),
        ("{recipients: {any: external}}", {"to": "bob@sub.corp.example"}, {"bob@sub.corp.example"}),
        ("{recipients: {any: external}}", {"to": "BOB@CORP.EXAMPLE"}, None),
        ("{recipients: {any: external}}", {"to": "everyone@corp.example"}, {"everyone@corp.example"}),
        ("{recipients: {all: external}}", {"to": [KIM, WARD]}, {KIM, WARD}),
        ("{recipients: {all: external}}", {"to": [KIM, "bob@corp.example"]}, None),
        ("{recipients: {none: external}}", {"to": "bob@corp.example"}, set()),
        ("{recipients: {none: external}}", {"to": KIM}, None),
        ("{recipients: {any: external, none: freemail}}", {"to": [KIM, "x@gmail.com"]}, None),
        ("{to: {any: external}}", {"to": "bob@corp.example", "cc": KIM}, None),
        ("{cc: {any: external}}", {"to": "bob@corp.example", "cc": KIM}, {KIM}),
        ("{cc: {all: external}}", {"to": KIM}, None),  # nobody in Cc is not everybody
        ("{cc: {none: external}}", {"to": KIM}, set()),
        ("{bcc: {any: internal}}", {"to": KIM, "bcc": "eve@corp.example"}, {"eve@corp.example"}),
        ("{bcc: {any: internal}}", {"to": KIM, "cc": "eve@corp.example"}, None),
        ("{recipients: {any: freemail}}", {"to": "x@GMAIL.com"}, {"x@gmail.com"}),
        ("{recipients: {any: freemail}}", {"to": "x@gmail.com.client.example"}, None),
        ("{recipients: {any: {group: executives}}}", {"to": "cleo@corp.example"}, {"cleo@corp.example"}),
        ("{recipients: {any: {group: legal}}}", {"to": "ceo@corp.example"}, None),
        ("{recipients: {any: {title: managing director}}}", {"to": "md@corp.example"}, {"md@corp.example"}),
        ("{recipients: {any: {title: director}}}", {"to": "md@corp.example"}, None),
        ("{recipients: {any: {title: [cfo, '*DIRECTOR']}}}", {"to": "md@corp.example"}, {"md@corp.example"}),
        (
            "{recipients: {any: {all: [{title: '*director'}, {not: {title: 'assistant *'}}]}}}",
            {"to": ["aid@corp.example", "md@corp.example"]},
            {"md@corp.example"},
        ),
        ("{recipients: {any: {title: '*.*'}}}", {"to": "md@corp.example"}, None),  # a dot is a dot
        ("{recipients: {any: {title: '*director'}}}", {"to": KIM}, None),
        ("{recipients: {any: {domain: client.example}}}", {"to": KIM}, {KIM}),
        ("{recipients: {any: {domain: client.example}}}", {"to": "a@notclient.example"}, None),
        ("{recipients: {any: {domain: client.example}}}", {"to": "a@sub.client.example"}, None),
        ("{recipients: {any: {domain: '*.client.example'}}}", {"to": "a@sub.client.example"}, {"a@sub.client.example"}),
        ("{recipients: {any: {in: [KIM@client.example]}}}", {"to": KIM}, {KIM}),
        ("{recipients: {any: {in: [ceo@corp.example]}}}", {"to": "cleo@corp.example"}, {"cleo@corp.example"}),
        ("{recipients: {any: {in: ['*@client.example']}}}", {"to": KIM}, {KIM}),
        ("{recipients: {any: {in: ['*@client.example']}}}", {"to": "a@notclient.example"}, None),
        ("{recipients: {any: {pattern: '^k.*@CLIENT'}}}", {"to": [KIM, WARD]}, {KIM}),
        ("{recipients: {any: [freemail, {domain: client.example}]}}", {"to": [KIM, "x@wp.pl"]}, {KIM, "x@wp.pl"}),
        ("{recipients: {any: {not: {domain: corp.example}}}}", {"to": ["bob@corp.example", KIM]}, {KIM}),
        ("{recipients: {any: {all: [external, freemail]}}}", {"to": [KIM, "x@wp.pl"]}, {"x@wp.pl"}),
        ("{recipients: {any: has_assistant}}", {"to": ["ceo@corp.example", "bob@corp.example"]}, {"ceo@corp.example"}),
        ("{sender: internal}", {}, set()),
        ("{sender: {group: executives}}", {"sender": "cleo@corp.example"}, set()),
        ("{sender: [{group: legal}, {group: executives}]}", {"sender": "lex@corp.example"}, set()),
        ("{sender: {group: executives}}", {"sender": "ann@corp.example"}, None),
        (
            "{recipient_count: {at_least: 3}}",
            {"to": [KIM, WARD], "bcc": "eve@corp.example"},
            {KIM, WARD, "eve@corp.example"},
        ),
        ("{recipient_count: {at_least: 3}}", {"to": [KIM, WARD]}, None),
        ("{recipient_count: {at_least: 2, of: external}}", {"to": [KIM, "bob@corp.example"]}, None),
        ("{recipient_count: {at_least: 2, of: external}}", {"to": [KIM, WARD, "bob@corp.example"]}, {KIM, WARD}),
        ("{recipient_count: {at_least: 2, in: [cc]}}", {"to": [KIM, WARD], "cc": "eve@corp.example"}, None),
        ("{recipient_count: {at_least: 2}}", {"to": "everyone@corp.example"}, {"everyone@corp.example"}),
        ("{domain_count: {at_least: 2}}", {"to": [KIM, WARD]}, None),
        ("{domain_count: {at_least: 2}}", {"to": [KIM, "a@b.example"]}, {KIM, "a@b.example"}),
        ("{domain_count: {at_least: 2, of: external}}", {"to": [KIM, "bob@corp.example"]}, None),
        ("{header: {name: x-project, is: alpha}}", {"headers": {"X-Project": " Alpha "}}, set()),
        ("{header: {name: x-project, is: alpha}}", {"headers": {"X-Project": "Alphabet"}}, None),
        ("{header: {name: X-Project, contains: PHA}}", {"headers": {"X-Project": "Alphabet"}}, set()),
        ("{header: {name: X-Project, pattern: '^[A-Z][a-z]+$'}}", {"headers": {"X-Project": "Alpha"}}, set()),
        ("{header: {name: X-Project, present: true}}", {}, None),
        ("{header: {name: X-Project, present: false}}", {}, set()),
        ("{message: {is: reply}}", {"headers": {"In-Reply-To": "<x@y>"}}, set()),
        ("{message: {is: [reply_all, forward]}}", {"headers": {"In-Reply-To": "<x@y>"}}, None),
        ("{message: {is: reply_all}}", {"headers": {"In-Reply-To": "<x@y>"}, "cc": KIM}, set()),
        ("{message: {is: automatic}}", {"headers": {"Auto-Submitted": "auto-generated"}}, None),
        ("{message: {is: automatic}}", {"sender": "printer@corp.example"}, set()),
        ("{message: {is: automatic}}", {"sender": "<>", "headers": {"Auto-Submitted": "auto-replied"}}, set()),
        ("{always: true}", {}, set()),
    ],
)
def test_who_and_what_a_condition_sees(when: str, mail: dict[str, Any], named: set[str] | None) -> None:
    match = ask(when, facts(**mail))
    assert (match and set(match.recipients)) == named


def test_a_reason_names_count_and_people() -> None:
    match = ask("{recipients: {any: external}}", facts(to=[KIM, "bob@corp.example"], bcc=WARD))
    assert match is not None
    assert match.reason == f"2 recipients outside the organization: {KIM}, {WARD}"


def test_an_unexpected_recipient_is_explained_in_its_own_sentence() -> None:
    found = facts(to=["bob@corp.example", "eve@corp.example"], cc=WARD, given=HISTORY)
    match = ask("{cc: {any: unexpected}}", found)
    assert match is not None
    assert match.recipients == {WARD}
    assert match.reason.startswith("You have written 31 mails to ")
    assert WARD in match.reason


def test_unexpected_is_false_while_the_sender_is_learnt_and_its_not_is_not_about_anyone() -> None:
    assert ask("{cc: {any: unexpected}}", facts(to="bob@corp.example", cc=WARD)) is None


def test_the_sender_is_never_unexpected_to_itself() -> None:
    found = facts(to=["bob@corp.example", "eve@corp.example"], cc="ann@corp.example", given=HISTORY)
    assert ask("{recipients: {any: unexpected}}", found) is None


def test_a_first_contact_is_somebody_never_written_to() -> None:
    found = facts(to=["bob@corp.example", WARD], given=HISTORY)
    match = ask("{recipients: {any: first_contact}}", found)
    assert match is not None
    assert match.recipients == {WARD}


WORDS = "{words: {any: [poufne, strictly private, żółw], in: [subject, body, quoted, attachments]}}"


@pytest.mark.parametrize(
    ("subject", "text", "where"),
    [
        ("Rzecz POUFNE!", Text(), "the subject"),
        ("", Text(new="to jest\npoufne, proszę"), "the text"),
        ("", Text(quoted="poufne"), "the quoted text"),
        ("", Text(signature="poufne"), None),
        ("", Text(new="strictly\n   private"), "the text"),
        ("", Text(new="strict\u00adly pri\u200bvate"), "the text"),
        ("", Text(new="z\u0307o\u0301łw i \u017co\u0301\u0142w"), "the text"),
        ("", Text(new="ＰＯＵＦＮＥ"), "the text"),
        ("niepoufne", Text(new="poufnego poufneż"), None),
        ("", Text(new="strictly. Private"), None),
    ],
)
def test_words_are_found_whole_and_in_their_place(subject: str, text: Text, where: str | None) -> None:
    match = ask(WORDS, facts(subject=subject, text=text))
    assert (match and match.evidence[0][0]) == where


def test_words_are_looked_for_in_names_of_attached_files_but_not_of_images_in_the_text() -> None:
    when = "{words: {any: [poufne], in: [attachments]}}"
    assert ask(when, facts(attach=[{"name": "oferta_poufne_v2.pdf", "text": "x"}])) is not None
    assert ask(when, facts(attach=[{"name": "oferta.pdf", "text": "poufne"}])) is None


def test_words_count_and_phrases_can_be_ignored() -> None:
    several = "{words: {any: [secret], in: [body], at_least: 2}}"
    assert ask(several, facts(text=Text(new="a secret"))) is None
    assert ask(several, facts(text=Text(new="a secret, a Secret"))) is not None
    ignoring = "{words: {any: [secret], ignore: [secret santa], in: [body]}}"
    assert ask(ignoring, facts(text=Text(new="our Secret Santa"))) is None
    assert ask(ignoring, facts(text=Text(new="our Secret Santa is secret"))) is not None


def test_words_are_found_in_other_forms_where_a_rule_asks_for_them() -> None:
    text = Text(new="About the mergers: tajemnicą przedsiębiorstwa")
    for forms in ("true", "[en, pl]"):
        match = ask(f"{{words: {{any: [merger, tajemnica przedsiębiorstwa], forms: {forms}}}}}", facts(text=text))
        assert match is not None
        assert [word for _, word in match.evidence] == ["merger", "tajemnica przedsiębiorstwa"]
    assert ask("{words: {any: [merger]}}", facts(text=text)) is None
    assert ask("{words: {any: [merger], forms: de}}", facts(text=Text(new="merging"))) is None


def test_a_pattern_sees_through_what_hides_letters() -> None:
    hidden = Text(new="PRJ\u200b-12\u00ad34 and ΡRJ-5678")  # a zero-width blank, a soft hyphen, a Greek Rho
    match = ask("{pattern: {re: 'PRJ-[0-9]{4}', at_least: 2}}", facts(text=hidden))
    assert match is not None
    assert [said for _, said in match.evidence] == ["PRJ-1234", "PRJ-5678"]
    assert ask("{pattern: {re: '№ [0-9]'}}", facts(text=Text(new="№ 7"))) is not None  # as it is written, too


def test_the_longest_of_nested_words_is_one_hit() -> None:
    when = "{words: {any: [confidential, strictly confidential], in: [body]}}"
    match = ask(when, facts(text=Text(new="strictly confidential")))
    assert match is not None
    assert match.evidence == (("the text", "strictly confidential"),)


def test_a_pattern_finds_counts_and_shows_what_it_found() -> None:
    match = ask("{pattern: {re: 'PRJ-[0-9]{4}', in: [subject, body]}}", facts(subject="About PRJ-1234 ż"))
    assert match is not None
    assert match.evidence == (("the subject", "PRJ-1234"),)
    twice = "{pattern: {re: 'PRJ-[0-9]{4}', in: [body], at_least: 2}}"
    assert ask(twice, facts(text=Text(new="PRJ-1234"))) is None
    assert ask(twice, facts(text=Text(new="PRJ-1234 PRJ-1235"))) is not None
    assert ask("{pattern: {re: 'prj-', in: [subject]}}", facts(subject="PRJ-1")) is None


def test_an_attachment_must_have_all_that_is_asked_of_it() -> None:
    files = [{"name": "Plan.XLSX", "size": "2MB"}, {"name": "photo.jpg", "type": "image/jpeg", "size": 10}]
    assert ask("{attachment: {name: '*.xlsx'}}", facts(attach=files)) is not None
    assert ask("{attachment: {name: ['*.xlsx'], larger_than: 1MB}}", facts(attach=files)) is not None
    assert ask("{attachment: {name: '*.jpg', larger_than: 1MB}}", facts(attach=files)) is None
    assert ask("{attachment: {name: '*.doc'}}", facts(attach=files)) is None
    assert ask("{attachment: {larger_than: 1MB}}", facts()) is None


@pytest.mark.parametrize(
    ("method", "answer"), [("REPLY", True), ("REQUEST", False), ("CANCEL", False), ("COUNTER", False)]
)
def test_only_an_answer_to_an_invitation_is_a_calendar_reply(method: str, answer: bool) -> None:
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:{method}\r\nEND:VCALENDAR\r\n"
    found = facts(attach=[{"name": "a.ics", "type": "text/calendar", "text": calendar}])
    assert (ask("{message: {is: calendar_reply}}", found) is not None) is answer


@pytest.mark.parametrize(
    ("at", "outside"),
    [
        (datetime(2026, 3, 4, 8, 0, tzinfo=WARSAW), False),
        (datetime(2026, 3, 4, 7, 59, tzinfo=WARSAW), True),
        (datetime(2026, 3, 4, 18, 0, tzinfo=WARSAW), True),
        (datetime(2026, 3, 7, 12, 0, tzinfo=WARSAW), True),
    ],
)
def test_time_is_the_wall_clock_of_the_organization(at: datetime, outside: bool) -> None:
    hours = '"Mon-Fri 08:00-18:00"'
    assert (ask(f"{{time: {{outside: {hours}}}}}", facts(at=at)) is not None) is outside
    assert (ask(f"{{time: {{inside: {hours}}}}}", facts(at=at)) is not None) is not outside


def test_time_can_be_that_of_another_zone() -> None:
    tokyo = '{time: {inside: "Mon-Fri 08:00-18:00", zone: Asia/Tokyo}}'
    assert ask(tokyo, facts(at=datetime(2026, 3, 4, 12, 0, tzinfo=WARSAW))) is None
    assert ask(tokyo, facts(at=datetime(2026, 3, 4, 9, 0, tzinfo=WARSAW))) is not None
