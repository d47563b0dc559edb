"""Numbers with checksums: each kind as people write it, and what only looks like one."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail.text import Text
from mailguard.rules.identifiers import KINDS, kind
from tests.unit.rules.judge import ask, facts


def found(name: str, text: str) -> list[str]:
    wanted = kind(name)
    assert wanted is not None
    return list(wanted.find(text))


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("iban", "konto PL61 1090 1014 0000 0712 1981 2874 BANK X", "PL61109010140000071219812874"),
        ("iban", "61 1090 1014 0000 0712 1981 2874", "61109010140000071219812874"),
        ("iban", "IBAN:DE89370400440532013000, dringend", "DE89370400440532013000"),
        ("iban", "NL91ABNA0417164300.", "NL91ABNA0417164300"),
        ("card", "4111 1111 1111 1111 exp 12/27", "4111111111111111"),
        ("card", "5500-0000-0000-0004", "5500000000000004"),
        ("card", "378282246310005", "378282246310005"),
        ("card", "3782 822463 10005", "378282246310005"),
        ("pesel", "PESEL: 44051401359", "44051401359"),
        ("nip", "NIP 5260250274", "5260250274"),
        ("nip", "526-025-02-74", "5260250274"),
        ("ssn", "SSN 536904399", "536904399"),
        ("ssn", "536-90-4399", "536904399"),
        ("idnr", "Steuer-ID: 36574261809", "36574261809"),
        ("nir", "2 95 10 99 126 111 93", "295109912611193"),
        ("dni", "54362315K", "54362315K"),
        ("codice_fiscale", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
        ("bsn", "BSN: 111222333", "111222333"),
        ("nn", "85.07.30-033.28", "85073003328"),
        ("rc", "710319/2745", "7103192745"),
        ("personnummer", "880320-0016", "8803200016"),
        ("ahv", "756.9217.0769.85", "7569217076985"),
        ("nhs", "943 476 5919", "9434765919"),
        ("cpf", "390.533.447-05", "39053344705"),
        ("regon", "REGON: 192598184", "192598184"),
        ("fi.hetu", "131052-308T", "131052308T"),
    ],
)
def test_a_number_is_found_as_people_write_it(name: str, text: str, number: str) -> None:
    assert found(name, text) == [number]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("card", "https://shop.example/?id=4111111111111111"),
        ("card", "order 4111111111111112"),
        ("card", "0000000000000000"),
        ("card", "41 11 11 11 11 11 11 11"),
        ("card", "41111111111111110000"),
        ("card", "9111111111111111"),
        ("iban", "PL61 1090 1014 0000 0712 1981 2875"),
        ("iban", "SO MANY WORDS IN CAPITALS HERE"),
        ("pesel", "order 44051401358"),
        ("pesel", "phone 48225551234"),
        ("pesel", "+44051401359"),
        ("nip", "order 5260250274"),
        ("nip", "phone 526 025 0274"),
        ("ssn", "invoice 536904399"),
        ("ssn", "2026-11-0400"),
        ("ssn", "000-12-3456"),
        ("regon", "phone 192598184"),
        ("nhs", "943 476 5919"[:-1] + "8"),
        ("nip", "526-025-02-75"),
        ("nir", "2 95 10 99 126 111 94"),
        ("dni", "54362315A"),
        ("codice_fiscale", "RCCMNL83S18D969I"),
        ("nn", "85.07.30-033.29"),
        ("rc", "710319/2746"),
        ("personnummer", "880320-0017"),
        ("ahv", "756.9217.0769.86"),
        ("cpf", "390.533.447-06"),
        ("regon", "REGON: 192598185"),
        ("idnr", "Steuer-ID: 36574261808"),
        ("fi.hetu", "131052-308U"),
        ("idnr", "36574261809"),
        ("bsn", "111222333"),
    ],
)
def test_what_only_looks_like_one_is_left_alone(name: str, text: str) -> None:
    assert found(name, text) == []


def test_a_rule_counts_different_numbers_and_shows_only_their_ends() -> None:
    text = Text(new="4111 1111 1111 1111, again 4111111111111111, and DE89 3704 0044 0532 0130 00")
    one = ask("{identifier: {kind: card}}", facts(text=text))
    assert one is not None
    assert one.reason == "card number in the text"
    assert one.evidence == (("the text", "card number …1111"),)
    assert ask("{identifier: {kind: card, at_least: 2}}", facts(text=text)) is None
    both = ask("{identifier: {kind: [card, iban], at_least: 2}}", facts(text=text))
    assert both is not None
    assert "0532" not in repr(both)
    assert ask("{identifier: {kind: card}}", facts(text=Text(quoted=text.new))) is None
    assert ask("{identifier: {kind: card, in: [quoted]}}", facts(text=Text(quoted=text.new))) is not None


def test_a_number_with_something_invisible_in_it_is_found() -> None:
    assert ask("{identifier: {kind: pesel}}", facts(text=Text(new="440514\u200b01359"))) is not None
    assert ask("{identifier: {kind: pesel}}", facts(text=Text(new="４４０５１４０１３５９"))) is not None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789 -./ABCXYZ\n:é", max_size=200))
def test_no_text_makes_it_stumble(text: str) -> None:
    for each in (*KINDS, "fi.hetu", "lt.asmens"):
        found(each, text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["1", "1 ", "A1", "1-", "a.1", "PL61 "])
def test_its_time_is_linear(piece: str) -> None:
    start = time.process_time()
    for each in (*KINDS, "fi.hetu"):
        found(each, piece * 20_000)
    assert time.process_time() - start < 20
