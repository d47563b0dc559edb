"""A wrong greeting: when somebody else is meant, and the many ways in which a right one looks odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.rules import names, salutation
from tests.unit.rules.judge import ask, facts, rule, rules

WRONG = "{greeting: no_recipient}"


@pytest.mark.parametrize(
    ("to", "body"),
    [
        ("Kim Client <kim@client.example>", "Hi Robert,\n\nhere is the offer."),
        ("Kim Client <kim.client@client.example>", "Dear Mr. Smith,\n\nhere is the offer."),
        ("kim.client@client.example", "Hello Robert,\nhere is the offer."),
        ("Jan Kowalski <jan.kowalski@client.example>", "Cześć Aniu,\nprzesyłam ofertę."),
        ("Jan Kowalski <jan.kowalski@client.example>", "Szanowna Pani Agnieszko,\nprzesyłam ofertę."),
        ("Jan Kowalski <jan.kowalski@client.example>", "Panie Marku,\nprzesyłam ofertę."),
        ("Max Muster <max.muster@client.example>", "Sehr geehrte Frau Schneider,\nanbei das Angebot."),
        ("Max Muster <max.muster@client.example>", "Lieber Stefan,\nanbei das Angebot."),
        ("Luc Martin <luc.martin@client.example>", "Bonjour Sophie,\nvoici le devis."),
        ("Luc Martin <luc.martin@client.example>", "Chère Madame Dupont,\nvoici le devis."),
        ("Ana García <ana.garcia@client.example>", "Hola Pedro,\nte envío el presupuesto."),
        ("Ana García <ana.garcia@client.example>", "Estimado Sr. Fernández:\nle envío el presupuesto."),
        ("田中 太郎 <tanaka@client.example>", "佐藤様\n\nお世話になっております。"),
        ("Kim Client <kim.client@client.example>", "Robert,\n\nhere it is."),
        ("Kim Client <kim.client@client.example>", "Hi Robert and Susan,\n\nhere it is."),
    ],
)
def test_a_greeting_of_somebody_else_is_noticed(to: str, body: str) -> None:
    match = ask(WRONG, facts(to=to, body=body))
    assert match is not None
    assert len(match.recipients) == 1


@pytest.mark.parametrize(
    ("to", "body"),
    [
        ("Kim Client <kim@client.example>", "Hi Kim,\n\nhere is the offer."),
        ("Robert Client <robert@client.example>", "Hi Bob,"),
        ("Bob Client <bob@client.example>", "Dear Robert,"),
        ("Anna Kowalska <a.kowalska@client.example>", "Cześć Aniu,"),
        ("Katarzyna Nowak <katarzyna.nowak@client.example>", "Kasiu,\nprzesyłam."),
        ("Marek Nowak <marek.nowak@client.example>", "Panie Marku,"),
        ("Jan Kowalski <jan.kowalski@client.example>", "Szanowny Panie Kowalski,"),
        ("Anna Mueller <anna.mueller@client.example>", "Sehr geehrte Frau Müller,"),
        ("Michał Wójcik <m.wojcik@client.example>", "Hi Michael,"),
        ("Krzysztof Lis <krzysztof.lis@client.example>", "Hi Kristof,"),  # a slip
        ("Steven Client <steven.client@client.example>", "Hi Stephen,"),
        ("<ksmith@client.example>", "Hi Kate,"),
        ("<bob.jones@client.example>", "Dear Mr Jones,"),
        ("Client Sales <sales@client.example>", "Hi Robert,"),
        ("<info@client.example>", "Dear Mrs Smith,"),
        ("kim@client.example", "Hi Robert,"),  # who kim is we can't tell
        ("Xiaoming Zhang <x.zhang@client.example>", "Hi Mike,"),  # a name of one's own choice
        ("Kim Client <kim.client@client.example>", "Hi all,"),
        ("Kim Client <kim.client@client.example>", "Hi team,"),
        ("Kim Client <kim.client@client.example>", "Dear Sir or Madam,"),
        ("Kim Client <kim.client@client.example>", "Szanowni Państwo,"),
        ("Kim Client <kim.client@client.example>", "Sehr geehrte Damen und Herren,"),
        ("Kim Client <kim.client@client.example>", "Hallo zusammen,"),
        ("Kim Client <kim.client@client.example>", "Bonjour à tous,"),
        ("Kim Client <kim.client@client.example>", "Hi,\n\nRobert told me that it is done."),
        ("Kim Client <kim.client@client.example>", "Hello from Warsaw!"),
        ("Kim Client <kim.client@client.example>", "Dear Blorptok,"),  # no name we know
        ("Kim Client <kim.client@client.example>", "Robert will call you tomorrow."),
        ("everyone@corp.example", "Hi Robert,"),
        ("田中 太郎 <tanaka@client.example>", "株式会社クライアント 田中様\n\nお世話になっております。"),
        ("Taro Tanaka <tanaka@client.example>", "田中様"),
        ("田中 太郎 <tanaka@client.example>", "ご担当者様"),
        ("田中 太郎 <tanaka@client.example>", "皆様"),
        (
            ", ".join(f"Kim {n} <kim.{n}@c.example>" for n in "abcde"),
            "Hi Robert,",
        ),
    ],
)
def test_a_right_or_doubtful_greeting_is_left_alone(to: str, body: str) -> None:
    assert ask(WRONG, facts(to=to.split(", "), body=body)) is None


def test_whoever_is_in_copy_may_be_greeted() -> None:
    found = facts(to="Kim Client <kim.client@client.example>", cc="Robert Client <rob@client.example>", body="Hi Bob,")
    assert ask(WRONG, found) is None


def test_only_the_senders_new_text_greets() -> None:
    reply = "Fine with me.\n\nOn Mon, 20 Nov 2026, Kim <kim.client@client.example> wrote:\n> Hi Robert,\n> old"
    assert ask(WRONG, facts(to="Kim Client <kim.client@client.example>", body=reply)) is None


COMPANIES = "lists: {partners: ['*@acme.example', globex.example]}\n"


@pytest.mark.parametrize(
    ("to", "subject", "hit"),
    [
        ("kim@globex.example", "Offer for ACME", True),
        ("kim@globex.example", "Offer for Globex", False),
        ("kim@acme.example", "Offer for Acme", False),
        ("kim@sub.acme.example", "Offer for Acme", False),
        ("kim@other.example", "Offer for Acme", False),  # no firm of the list: it may be about one
        ("kim@globex.example", "Offer for Acmetron", False),
    ],
)
def test_the_subject_of_one_firm_going_to_another(to: str, subject: str, hit: bool) -> None:
    found = (
        rules(COMPANIES + rule("{greeting: {companies: partners}}")).rules[0].when.ask(facts(to=to, subject=subject))
    )
    assert (getattr(found, "recipients", None) == {to}) is hit


@given(st.text(max_size=200), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_no_text_makes_it_stumble(text: str, one: str, other: str) -> None:
    salutation.read(text)
    names.tokens(one)
    names.known(one)
    for word in names.tokens(one):
        for each in names.tokens(other):
            assert names.alike(word, each) == names.alike(each, word)
