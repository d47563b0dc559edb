"""No text makes its reader slow: what is twice as long takes about twice as long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail.message import Message
from mailguard.mail.text import body_text, fold, legible
from tests.unit.rules.judge import ask, facts

CONDITIONS = (
    "{any: [{words: {any: [secret, trade secret], forms: true}}, {identifier: {kind: [iban, card, pesel, nip, nir]}}, "
    "{secret: true}, {attachment: {missing: true}}, {greeting: no_recipient}, {tone: heated}, {label: {any: [x]}}]}"
)
LONG = 300_000


@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    "piece",
    [
        "A", "a", "я", "аb", "о", "機", "A ", "A A A ", "!", ".", "...! ", " ", "\n", "> ", "+48 ", "www.", "a@",
        "Best regards\n",
        "Sent from ", "On 2026 wrote:\n", "2026年1月1日<", "+AGM", "ÃÂ", "Ä", "\u200b", "e\u0301", "From: a\n",
        "see attached. ", "secret", "secrets ", "fuck ", "Dear ", "--\n", "\x00", "=", "_", "1", "1 ", "ก", "한",
    ],
)  # fmt: skip
def test_reading_and_asking_take_linear_time(piece: str) -> None:
    text = piece * (LONG // len(piece))
    start = time.process_time()
    found = facts(body=text)
    ask(CONDITIONS, found)
    assert time.process_time() - start < 10


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["", "utf-8", "utf-7", "utf-16", "iso-2022-jp", "cp1250", "x"]))
def test_no_bytes_make_the_reader_stumble(data: bytes, label: str) -> None:
    text = body_text(Message(f"Content-Type: text/plain; charset={label}\r\n\r\n".encode() + data))
    for each in (text.new, text.quoted, text.signature):
        fold(each).encode()
        legible(each).encode()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_no_text_makes_a_condition_stumble(text: str) -> None:
    ask(CONDITIONS, facts(body=text.replace("\r", "")))
