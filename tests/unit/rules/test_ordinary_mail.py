"""Ordinary mail that no content condition may say anything about: the numbers, links and tempers of an office."""

from pathlib import Path

import pytest

from tests.unit.rules.judge import ask, facts

QUIET = (
    "{any: [{identifier: {kind: [card, pesel, ssn, idnr, nir, dni, codice_fiscale, bsn, nn, rc, personnummer, ahv]}}, "
    "{identifier: {kind: [nhs, cpf]}}, "
    "{secret: {in: [subject, body, quoted]}}, {attachment: {missing: true}}, {greeting: no_recipient}, {tone: heated}, "
    "{label: {present: true}}, {words: {any: [poufne, confidential, vertraulich, confidentiel, secret], forms: true}}]}"
)
_TEXT = (Path(__file__).parent / "ordinary_mail.txt").read_text("utf-8")
MAILS = [
    (*head.split(" | "), body.strip()) for head, _, body in (each.partition("\n") for each in _TEXT.split("\n=== ")[1:])
]


@pytest.mark.parametrize(("to", "subject", "body"), MAILS, ids=[subject for _, subject, _ in MAILS])
def test_nothing_is_said_of_an_ordinary_mail(to: str, subject: str, body: str) -> None:
    match = ask(QUIET, facts(to=to, subject=subject, body=body))
    reply = "RE: " in subject and "Password" in body  # what is quoted there is a secret: seen where it is asked for
    assert (match and match.reason) == ("a password in the quoted text" if reply else None)
