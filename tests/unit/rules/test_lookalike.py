"""Whether one domain passes for another: slips of fingers and eyes, and what two firms have in common anyway."""

import idna
import pytest

from mailguard.mail.domains import Domains
from mailguard.rules.lookalike import resembles


def punycode(host: str) -> str:
    return idna.encode(host).decode()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("c1ient.example", "client.example"),
        ("cIient.example".lower(), "client.example"),
        ("rnodelbau.de", "modelbau.de"),
        ("vvindpark.de", "windpark.de"),
        ("clrnedia.com", "clmedia.com"),
        (punycode("сlient.example"), "client.example"),  # a Cyrillic es
        (punycode("ρartner.example"), "partner.example"),  # a Greek rho
        (punycode("clíent.example"), "client.example"),
        ("cleint.example", "client.example"),  # swapped
        ("clientt.example", "client.example"),  # doubled
        ("comercial.pl", "commercial.pl"),  # not doubled
        ("clkent.example", "client.example"),  # the key beside it
        ("parner.example", "partner.example"),  # forgotten
        ("partmner.example", "partner.example"),  # two keys at once
        ("transportkowalsky.pl", "transportkovalski.pl"),  # two of them in a long name
        ("client-group.com", "clientgroup.com"),
        ("client.con", "client.com"),
        ("client.cm", "client.com"),
        ("client.co", "client.com"),
        ("client.exmaple", "client.example"),
    ],
)
def test_a_slip_is_seen(typed: str, meant: str) -> None:
    assert resembles(typed, meant)
    assert meant in Domains({meant: 1, "other.example": 1}).near(typed), "and found among many"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("client.example", "client.example"),
        ("clients.example", "client.example"),  # the plural is another firm, or the same
        ("client.de", "client.com"),  # a sister in another country
        ("client.pl", "client.pt"),
        ("client.co.uk", "client.uk"),
        ("acme.com", "acne.com"),  # too short to tell
        ("bmw.de", "bnw.de"),
        ("op.pl", "wp.pl"),
        ("studio1.pl", "studio2.pl"),  # numbered
        ("optimal.de", "optima.de"),
        ("kowalski.pl", "kowalska.pl"),
        ("notclient.example", "client.example"),
        ("client-partner.example", "client.example"),
        ("müller.de", "möller.de"),
        (punycode("орел.example"), "eagle.example"),  # another alphabet's own word
        ("norden.de", "sueden.de"),
        ("[192.0.2.1]", "client.example"),
        ("localhost", "localhosd"),
    ],
)
def test_two_firms_are_two_firms(one: str, other: str) -> None:
    assert not resembles(one, other)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("gmial.com", "gmail.com"), ("gnail.com", "gmail.com"), ("gmai.com", "gmail.com"), ("hotmai.com", "hotmail.com")],
)
def test_more_is_a_slip_of_what_everybody_means(typed: str, meant: str) -> None:
    assert resembles(typed, meant, certain=True)
    assert not resembles(meant, meant, certain=True)
