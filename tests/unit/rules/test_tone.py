"""A heated mail, and what is only firm, loud by habit, or about anger."""

import pytest

from mailguard.mail.text import Text
from tests.unit.rules.judge import ask, facts

HOT = [
    "This is a joke!!! I am sick and tired of your excuses. HOW OFTEN DO I HAVE TO TELL YOU?! You are incompetent.",
    "You idiots. Do what I asked for, this is bullshit.",
    "How dare you send this to my client! You are lying and everybody knows it.",
    "Mam tego dość!!! Jesteście niekompetentni, to jest kpina. PO RAZ OSTATNI PROSZĘ O WYJAŚNIENIA!",
    "Co to kurwa jest? Kompletna niekompetencja.",
    "Das ist eine Frechheit!!! Sie sind unfähig. ICH HABE ES IHNEN DREIMAL GESAGT!",
    "Was fällt Ihnen ein? So ein Schwachsinn!",
    "C'est scandaleux!!! Vous êtes incompétents et j'en ai marre. CELA FAIT TROIS FOIS QUE JE LE DIS!",
    "¡Ya basta!!! Es una vergüenza, son unos incompetentes. ES LA TERCERA VEZ QUE LO DIGO!",
]
CALM = [
    "This delay is unacceptable to us; please send the goods by Friday.",
    "I'm furious with myself: I sent you the wrong file. Sorry!!!",
    "GREAT NEWS EVERYONE, WE WON THE PRIZE!!! See you at the party.",
    "DEAR SIRS,\nPLEASE FIND THE NOTICE OF READINESS OF THE VESSEL.\nREGARDS, MASTER",
    "To jest niedopuszczalne, proszę o wyjaśnienie do piątku.",
    "Das ist leider inakzeptabel. Bitte liefern Sie bis Freitag.",
    "Ce retard est inacceptable.",
    "Esto es inaceptable.",
    "The customer called and said we were incompetent. Can you call back?",
    "Happy birthday!!! All the best!!!",
    "The NASA, ESA, JAXA and CNES teams meet in Paris.",
    "Der neue Kollege ist unglaublich gut.",
    "",
]


@pytest.mark.parametrize("body", HOT)
def test_a_heated_mail_is_noticed(body: str) -> None:
    match = ask("{tone: heated}", facts(text=Text(new=f"Kim,\n\n{body}\n\nAnn")))
    assert match is not None
    assert match.reason.startswith("the text sounds heated: “")


@pytest.mark.parametrize("body", CALM)
def test_a_firm_or_happy_mail_is_left_alone(body: str) -> None:
    assert ask("{tone: heated}", facts(text=Text(new=f"Hello,\n\n{body}\n\nAnn"))) is None


def test_what_others_wrote_is_not_the_senders_tone() -> None:
    assert ask("{tone: heated}", facts(text=Text(new="Sorry for that.", quoted=HOT[0], signature=HOT[1]))) is None


def test_a_rule_may_be_stricter() -> None:
    text = Text(new="This is unacceptable and outrageous!!!")
    assert ask("{tone: {is: heated, at_least: 3}}", facts(text=text)) is not None
    assert ask("{tone: {is: heated, at_least: 4}}", facts(text=text)) is None
