"""What is asked of earlier mails: each key with a hit, and the near miss beside it."""

from typing import Any

import pytest

from mailguard.rules.facts import Facts
from tests.unit.rules.judge import PEOPLE, ask, facts, pointed, rule, rules

KIM, LOU, MO = "kim@client.example", "lou@client.example", "mo@rival.example"
BOB, EVE, ANN = "bob@corp.example", "eve@corp.example", "ann@corp.example"
TALK = [{"from": ANN, "to": [KIM], "cc": [BOB]}]
GMAIL = "On Mon, 2 Mar 2026 at 10:00, Kim <kim@client.example> wrote:\n> Fine.\n"
OUTLOOK = (
    "-----Original Message-----\nFrom: Kim <kim@client.example>\nSent: Monday\nTo: Ann\nCc: <mo@rival.example>\n\n"
    "Fine.\n"
)


def named(when: str, thread: list[dict[str, Any]], **mail: Any) -> set[str] | None:
    match = ask(when, facts(given={"thread": thread}, **mail))
    return set(match.recipients) if match else None


@pytest.mark.parametrize(
    ("when", "mail", "found"),
    [
        ("{thread: {gains: domain}}", {"to": [KIM, MO]}, {MO}),
        ("{thread: {gains: domain}}", {"to": [KIM, LOU]}, None),  # a colleague of the client
        ("{thread: {gains: domain}}", {"to": [KIM, EVE]}, None),  # a colleague of ours
        ("{thread: {gains: domain}}", {"to": MO}, None),  # passed on: no reply
        (
            "{thread: {gains: domain}}",
            {"to": [KIM, MO], "body": "Yes.\n\n" + OUTLOOK},
            None,
        ),  # was on a mail we never saw
        ("{thread: {gains: domain}}", {"to": [KIM, MO], "body": "Ask mo@rival.example.\n\n" + GMAIL}, {MO}),
        ("{thread: {gains: address}}", {"to": [KIM, LOU, MO]}, {LOU, MO}),
        ("{thread: {gains: [domain, address]}}", {"to": [KIM, LOU]}, {LOU}),
        ("{thread: {gains: address}}", {"to": [KIM, EVE]}, None),
        ("{thread: {gains: address, of: internal}}", {"to": [KIM, EVE, LOU]}, {EVE}),
        ("{thread: {gains: address, of: {domain: rival.example}}}", {"to": [KIM, LOU]}, None),
        ("{thread: {gains: address}}", {"to": [KIM, BOB, ANN]}, None),
        ("{thread: {outside_circle: true}}", {"to": EVE}, {EVE}),
        ("{thread: {outside_circle: true}}", {"to": [BOB, MO]}, {MO}),
        ("{thread: {outside_circle: true}}", {"to": [BOB, KIM, ANN]}, None),
        ("{thread: {outside_circle: true, of: external}}", {"to": EVE}, None),
        ("{thread: {returns_dropped: true}}", {"to": KIM}, None),
        ("{thread: {outside_circle: true, returns_dropped: true}}", {"to": EVE}, None),  # keys are AND
    ],
)
def test_who_is_new_to_a_conversation(when: str, mail: dict[str, Any], found: set[str] | None) -> None:
    assert named(when, TALK, **mail) == found


def test_a_gmail_user_stands_for_nobody_else() -> None:
    talk = [{"from": ANN, "to": ["x@gmail.com"]}]
    assert named("{thread: {gains: domain}}", talk, to=["x@gmail.com", "y@gmail.com"]) == {"y@gmail.com"}


def test_a_list_is_on_the_conversation_when_its_members_are_and_the_other_way_round() -> None:
    members = [{"from": ANN, "to": [ANN, "ward@client.example"]}]
    assert named("{thread: {outside_circle: true}}", members, to="everyone@corp.example") is None
    everyone = [{"from": BOB, "to": ["everyone@corp.example"]}]
    assert named("{thread: {outside_circle: true}}", everyone, to="ward@client.example") is None
    assert (
        named("{thread: {outside_circle: true}}", [{"from": ANN, "to": ["ceo@corp.example"]}], to="cleo@corp.example")
        is None
    )


def test_the_reason_names_who_was_in_the_circle() -> None:
    match = ask("{thread: {outside_circle: true}}", facts(given={"thread": TALK}, to=EVE))
    assert match is not None
    assert match.reason == f"{EVE} was not on this conversation, which was between {ANN}, {BOB}, {KIM}"


def test_whoever_was_dropped_is_missed_when_they_come_back() -> None:
    talk = [{"from": ANN, "to": [KIM, MO], "dropped": [MO]}]
    assert named("{thread: {returns_dropped: true}}", talk, to=[KIM, MO]) == {MO}
    assert named("{thread: {returns_dropped: true}}", talk, to=[KIM]) is None


def test_an_earlier_mark_makes_the_whole_conversation_confidential() -> None:
    story = "{thread: {confidential: true, outside_circle: true}}"
    marked: list[dict[str, Any]] = [{"from": BOB, "to": [ANN], "confidential": True}, {"from": ANN, "to": [BOB]}]
    assert named(story, marked, to=EVE, subject="Fwd: plans") == {EVE}
    assert named(story, marked, to=BOB) is None
    assert named(story, marked[1:], to=EVE, subject="Fwd: plans") is None
    match = ask("{thread: {confidential: true}}", facts(given={"thread": marked}, to=EVE))
    assert match is not None
    assert match.reason == "the conversation was marked confidential"
    assert ask("{message: {is: confidential}}", facts(given={"thread": marked}, to=EVE)) is None


@pytest.mark.parametrize(
    ("mails", "to", "found"),
    [
        ([(ANN, KIM), (ANN, KIM), (ANN, KIM)], KIM, {KIM}),
        ([(ANN, KIM), (ANN, KIM)], KIM, None),
        ([(ANN, KIM), (ANN, KIM), (KIM, ANN), (ANN, KIM)], KIM, None),
        ([(ANN, KIM), (BOB, KIM), (ANN, KIM), (ANN, KIM)], KIM, None),  # a colleague took over in between
        ([(ANN, KIM), (ANN, KIM), (ANN, KIM)], LOU, None),  # the first one to Lou
    ],
)
def test_the_third_follow_up_in_a_row(mails: list[tuple[str, str]], to: str, found: set[str] | None) -> None:
    thread = [{"from": sender, "to": [recipient]} for sender, recipient in mails]
    assert named("{thread: {unanswered: {at_least: 3}}}", thread, to=to) == found


def test_a_follow_up_is_counted_in_words() -> None:
    match = ask(
        "{thread: {unanswered: {at_least: 1}}}", facts(given={"thread": [{"from": ANN, "to": [KIM]}] * 3}, to=KIM)
    )
    assert match is not None
    assert match.reason == f"the 3rd follow-up to {KIM}, and no answer was seen"


@pytest.mark.parametrize("key", ["gains: [domain, address]", "outside_circle: true", "unanswered: {at_least: 1}"])
def test_without_any_mail_of_the_conversation_nothing_is_known(key: str) -> None:
    found = facts(to=[KIM, MO], headers={"In-Reply-To": "<unseen@client.example>"}, given={"history": []})
    assert ask(f"{{thread: {{{key}}}}}", found) is None
    assert miss(f"{{thread: {{{key}}}}}", found).startswith("not known: ")


def miss(when: str, found: Facts) -> str:
    return rules(rule(when), PEOPLE).rules[0].when.miss(found)


# --- texts ----------------------------------------------------------------------------------------------------

REMARK = """Hi Ann,

the customer does not know yet that the delivery will slip by three weeks, because the supplier in
Gdansk lost the second shift. Please do not mention it before Tuesday, Bob wants to tell them himself
when he meets their purchasing manager at the fair in Poznan.

Regards
Eve
"""
SMALL_TALK = """Hi Ann,

thank you very much for your mail. I am looking forward to our meeting next week. Please let me know if
you have any questions.

Best regards
Eve
"""
OTHER_TALK = """Hello Ann,

I got the drawings today and will have a look at them. Please let me know if you have any questions. I am
looking forward to our meeting next week.

Best regards
Eve
"""
DISCLAIMER = """This e-mail and any attachments are confidential and may be legally privileged. If you are not the
intended recipient, please delete it and notify us; do not distribute or forward it to anybody else in any form at all.
"""


def quoting(text: str, width: int = 40) -> str:
    """As a mail program quotes it: lines broken anew, and marked."""
    words, lines = text.split(" "), [""]
    for word in words:
        lines[-1] += f"{word} "
        lines += [""] * (len(lines[-1]) > width)
    quoted = "\n".join(lines).replace("\n", "\n> ")
    return f"Dear Mo,\n\nsee below.\n\nOn Mon, 2 Mar 2026 at 10:00, Eve <eve@corp.example> wrote:\n> {quoted}\n"


def quotes(earlier: list[dict[str, Any]], text: str = REMARK, to: str | list[str] = MO) -> str | None:
    match = ask("{thread: {quotes_others: true}}", facts(to=to, body=quoting(text), given={"mails": earlier}))
    return match.reason if match else None


def test_text_from_a_mail_to_other_people_is_known_again() -> None:
    assert quotes([{"to": [KIM], "body": REMARK}]) == f"it quotes mail to client.example, which {MO} never got"
    assert quotes([{"to": [BOB], "body": REMARK}]) == f"it quotes mail that stayed inside, which {MO} never got"


@pytest.mark.parametrize(
    ("earlier", "text", "to"),
    [
        ([{"to": [MO], "body": REMARK}], REMARK, MO),  # they have it
        ([{"to": ["boss@rival.example"], "body": REMARK}], REMARK, MO),  # their colleague has it
        ([{"to": [KIM], "body": REMARK}, {"to": [MO], "body": REMARK}], REMARK, MO),
        ([{"to": [KIM], "body": REMARK}], REMARK, [MO, LOU]),  # one of the recipients belongs to those
        ([{"to": [KIM], "body": REMARK}], REMARK, EVE),  # inside
        ([{"to": [KIM], "body": SMALL_TALK}], OTHER_TALK, MO),
        ([{"to": [KIM], "body": DISCLAIMER}], DISCLAIMER, MO),
        ([{"to": [KIM], "body": REMARK}], "Fine.", MO),
        ([{"to": [f"x@c{n}.example"], "body": REMARK} for n in range(4)], REMARK, MO),  # everybody's by now
    ],
)
def test_what_they_have_what_everybody_writes_and_disclaimers_are_no_secret(
    earlier: list[dict[str, Any]], text: str, to: str | list[str]
) -> None:
    assert quotes(earlier, text, to) is None


FOOTERS = {
    "teams": """________________________________________________________________________________
Microsoft Teams Need help?
Join the meeting now
Meeting ID: 391 223 442 11
Passcode: Xa7kQ2
For organizers: Meeting options | Reset dial-in PIN
________________________________________________________________________________""",
    "external banner": """CAUTION: This email originated from outside of the organization. Do not click links or
open attachments unless you recognize the sender and know the content is safe.""",
    "german firm": """Mit freundlichen Grüßen
i. A. Otto Muster
Muster Maschinenbau GmbH, Industriestraße 12, 70565 Stuttgart
Sitz der Gesellschaft: Stuttgart, Registergericht: Amtsgericht Stuttgart, HRB 123456
Geschäftsführer: Dr. Max Muster, Petra Beispiel, USt-IdNr.: DE123456789""",
    "green": """Please consider the environment before printing this e-mail. Save a tree, do not print
this message unless it is really necessary.""",
    "gdpr pl": """Administratorem Państwa danych osobowych jest Klient S.A. z siedzibą w Warszawie, ul.
Prosta 1. Dane przetwarzamy w celu prowadzenia korespondencji. Więcej informacji znajdą
Państwo w naszej polityce prywatności na stronie internetowej.""",
    "polish firm": """Klient S.A. z siedzibą w Warszawie, ul. Prosta 1, 00-001 Warszawa, Sąd Rejonowy dla m.st.
Warszawy, XII Wydział Gospodarczy KRS
KRS 0000123456, NIP 525-000-00-00, REGON 012345678, kapitał zakładowy 5.000.000 zł
wpłacony w całości""",
    "pleasant": """I hope this email finds you well. Thank you very much for your quick reply. Please do not
hesitate to contact us if you have any further questions.""",
    "docusign": """Do Not Share This Email. This email contains a secure link to DocuSign. Please do not
share this email, link, or access code with others.""",
    "jp": (
        "お世話になっております。株式会社クライアントの山田です。"
        "ご連絡いただきありがとうございます。何卒よろしくお願いいたします。"
    ),
    "legal en": """This message is intended only for the use of the addressee and may contain information
that is privileged and confidential. If you have received this communication in error,
please notify us immediately and delete it.""",
}


@pytest.mark.parametrize("footer", FOOTERS)
def test_what_programs_companies_and_politeness_add_is_no_secret(footer: str) -> None:
    mine = "Dear Kim,\n\nthe drawings are ready and we could meet on Thursday to discuss them with the architect.\n\n"
    theirs = "Hello Ann,\n\nplease send us the price list for the spring season, we need it by Friday at noon.\n\n"
    assert quotes([{"to": [KIM], "body": mine + FOOTERS[footer]}], theirs + FOOTERS[footer]) is None


def test_only_what_is_quoted_counts() -> None:
    found = facts(to=MO, body=REMARK, given={"mails": [{"to": [KIM], "body": REMARK}]})
    assert ask("{thread: {quotes_others: true}}", found) is None


OFFER = """Dear Kim,

please find our offer for the new building in Main Street below. The price is 500 EUR per square
metre, valid until the end of May, and includes the garage.

Best regards
Ann
"""


@pytest.mark.parametrize(
    ("mail", "again"),
    [
        ({}, True),
        ({"body": OFFER.replace("500", "5000")}, True),
        ({"cc": LOU, "subject": "OFFER "}, True),
        ({"body": OFFER + "PS: I forgot the attachment.\n"}, True),
        ({"to": LOU}, False),
        ({"subject": "Offer 2"}, False),
        (
            {"body": "Dear Kim,\n\nthank you for the call. We send the contract on Monday.\n\nBest regards\nAnn\n"},
            False,
        ),
        ({"body": "Ok"}, False),
    ],
)
def test_nearly_the_same_mail_while_the_first_waits(mail: dict[str, Any], again: bool) -> None:
    first = {"to": [KIM], "subject": "Offer", "body": OFFER, "waits": True}
    found = facts(**{"to": KIM, "subject": "Offer", "body": OFFER, **mail, "given": {"mails": [first]}})
    match = ask("{thread: {repeats_waiting: true}}", found)
    assert (match is not None) is again
    if match:
        assert match.reason.startswith("it is nearly the same as EARLIER0, which still waits")
        assert match.recipients == {KIM}


def test_what_has_left_is_no_reason() -> None:
    first = {"to": [KIM], "subject": "Offer", "body": OFFER}
    found = facts(to=KIM, subject="Offer", body=OFFER, given={"mails": [first]})
    assert ask("{thread: {repeats_waiting: true}}", found) is None


def test_texts_are_remembered_only_when_a_rule_asks_for_them() -> None:
    assert not rules(rule("{thread: {gains: domain}}")).sketches
    assert rules(rule("{thread: {quotes_others: true}}")).sketches
    assert rules(rule("{always: true}", unless="{thread: {repeats_waiting: true}}")).sketches


@pytest.mark.parametrize("key", ["quotes_others", "repeats_waiting"])
def test_explain_without_the_service_says_what_it_cannot_know(key: str) -> None:
    assert miss(f"{{thread: {{{key}: true}}}}", facts(to=MO, body=quoting(REMARK))).startswith("not known: ")


@pytest.mark.parametrize(
    ("value", "code", "marked"),
    [
        ("{gains: domian}", "MG104", "domian"),
        ("{gains: []}", "MG106", "thread"),
        ("{of: external}", "MG106", "thread"),
        ("{unanswered: null}", "MG106", "thread"),
        ("{outside_circle: false}", "MG106", "false"),
        ("{unanswered: 3}", "MG106", "3"),
        ("{unanswered: {at_least: 0}}", "MG107", "0"),
        ("{gains: domain, of: externl}", "MG104", "externl"),
        ("{outside: true}", "MG103", "outside"),
    ],
)
def test_mistakes_are_said_at_their_place(value: str, code: str, marked: str) -> None:
    assert pointed(rule(f"{{thread: {value}}}")) == [(code, marked)]


def test_a_reply_to_all_inside_and_outside_can_be_said() -> None:
    when = "{message: {is: reply_all}, to: {all: internal}, cc: {any: external}}"
    reply: dict[str, Any] = {"headers": {"In-Reply-To": "<x@y>"}}
    assert ask(when, facts(to=[BOB, EVE], cc=KIM, **reply)) is not None
    assert ask(when, facts(to=[KIM, BOB], cc=EVE, **reply)) is None
