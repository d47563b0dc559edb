"""What rules say, in the language of whoever reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailguard.locale import NAMES, SOURCE, Language
from mailguard.store.verbs import codec
from tests.unit.rules.judge import PEOPLE, ask, facts, judge, pointed, rule, rules

KIM = "kim@client.example"
OTHERS = [name for name in NAMES if name != SOURCE]
PL = Language("pl")
TEXTS = '{en: "“{matched}” in {where}", pl: "„{matched}” ({where})"}'


@pytest.mark.parametrize(
    ("when", "mail", "polish"),
    [
        ("{recipients: {any: external}}", {"to": [KIM]}, f"1 odbiorca spoza organizacji: {KIM}"),
        ("{recipients: {all: internal}}", {}, "wszyscy wśród odbiorców są z organizacji"),
        ("{recipient_count: {at_least: 2, in: [to, cc]}}", {"to": [KIM, "a@b.example"]}, "2 odbiorców (Do i DW)"),
        ("{domain_count: {at_least: 1, of: external}}", {"to": [KIM]}, "odbiorcy spoza organizacji w 1 domenie"),
        ("{words: {any: [secret]}}", {"subject": "secret", "body": "secret"}, "„secret” (temat i treść)"),
        ("{pattern: {re: 'PRJ-[0-9]+'}}", {"subject": "PRJ-7"}, "„PRJ-7” (temat)"),
        ("{message: {is: [forward]}}", {"subject": "Fwd: x", "body": "x"}, "wiadomość jest przekazana dalej"),
        ("{header: {name: X-A, present: false}}", {}, "wiadomość nie ma nagłówka X-A"),
        ("{label: {present: false}}", {}, "wiadomość nie ma etykiety"),
        ("{sender: internal}", {"sender": "ann@corp.example"}, "nadawca ann@corp.example jest z organizacji"),
        ("{missing: {any: lex@corp.example, in: cc}}", {}, "nie ma w DW: lex@corp.example"),
        ("{time: {inside: 'Mon-Fri 08:00-18:00'}}", {}, "jest śr. 12:00, w godzinach Mon-Fri 08:00-18:00"),
        ("{always: true}", {}, "każda wiadomość"),
        ("{attachment: {missing: true}}", {"body": "Please find attached."}, ("w treści jest „please find attached”, "
         "a nic nie załączono")),
        ("{secret: {kind: private_key}}", {"body": "-----BEGIN RSA PRIVATE KEY-----"}, "klucz prywatny (treść)"),
        ("{identifier: {kind: card}}", {"body": "card 4111 1111 1111 1111"}, "numer karty (treść)"),
        ("{attachment: {larger_than: 1KB}}", {"attach": [{"name": "a.bin", "size": 4096}]},
         "1 załącznik ponad 1 KB: a.bin"),
    ],
)  # fmt: skip
def test_each_condition_says_why_in_the_readers_language(when: str, mail: dict[str, Any], polish: str) -> None:
    if "is: [forward]" in when:
        mail = {"subject": "Fwd: x", "body": "---------- Forwarded message ---------\r\nFrom: a <a@b.example>\r\n\r\nx"}
    found = ask(when.replace("in: cc", "in: [cc]"), facts(**mail))
    assert found is not None
    assert PL.tell(found.reason) == polish


def test_explain_in_several_languages_is_said_in_the_readers() -> None:
    found = facts(to=[KIM], subject="secret")
    (hit,) = judge(rule("{words: {any: [secret]}}", explain=TEXTS), found).hits
    assert hit.reason == "“secret” in the subject"
    assert PL.tell(hit.reason) == "„secret” (temat)"
    assert Language("de").tell(hit.reason) == hit.reason, "English is what the others read"
    (kept,) = codec.hits(codec.dump_hits([hit])[0])
    assert PL.tell(kept.reason) == "„secret” (temat)"


def test_explain_in_one_language_is_as_written_with_its_fields_in_the_readers() -> None:
    (hit,) = judge(rule("{words: {any: [secret]}}", explain='"Found: {reason}"'), facts(subject="secret")).hits
    assert PL.tell(hit.reason) == "Found: „secret” (temat)"


@pytest.mark.parametrize(
    ("explain", "code", "marked"),
    [
        ("{}", "MG203", "explain"), ("{polish: x, en: y}", "MG106", "polish"), ("{en: 7}", "MG106", "7"),
        ("[a]", "MG106", "explain"),
        ('{en: "{who}", pl: "x"}', "MG211", '"{who}"'), ('{en: ""}', "MG106", '""'),
    ],
)  # fmt: skip
def test_an_explain_that_is_none_is_told_at_its_place(explain: str, code: str, marked: str) -> None:
    assert pointed(rule("{always: true}", explain=explain)) == [(code, marked)]


@pytest.mark.parametrize("language", OTHERS)
def test_the_shipped_rules_are_explained_in_every_language(language: str) -> None:
    for path in sorted((Path(__file__).parents[3] / "rules").glob("*.yaml")):
        if not path.name.endswith(".test.yaml"):
            for one in rules(path.read_text("utf-8"), PEOPLE).rules:
                assert not one.explain or (not isinstance(one.explain, str) and language in one.explain), one.id


def test_what_was_stored_before_is_read_as_it_was() -> None:
    (hit,) = codec.hits(json.dumps([["r", "enforce", 1, "two recipients", [], "normal"]]))
    assert PL.tell(hit.reason) == "two recipients"
