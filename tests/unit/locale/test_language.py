"""Plural forms, numbers and sizes, and what a value may not do to a sentence."""

import pytest

from mailguard.locale import NAMES, Language


def test_the_languages_that_are_there() -> None:
    assert set(NAMES) >= {"en", "pl", "de"}


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 1, "1 mail"), ("en", 0, "0 mails"), ("en", 1200, "1,200 mails"),
        ("de", 1, "1 Nachricht"), ("de", 2, "2 Nachrichten"), ("de", 1200, "1.200 Nachrichten"),
        ("pl", 1, "1 wiadomość"), ("pl", 2, "2 wiadomości"),
    ],
)  # fmt: skip
def test_counts_take_their_form(language: str, count: int, said: str) -> None:
    assert Language(language).ngettext("{number} mail", "{number} mails", count) == said


@pytest.mark.parametrize(
    ("count", "form"),
    [
        (1, "wstrzymana"), (2, "wstrzymane"), (4, "wstrzymane"), (5, "wstrzymanych"), (12, "wstrzymanych"),
        (22, "wstrzymane"), (112, "wstrzymanych"), (0, "wstrzymanych"),
    ],
)  # fmt: skip
def test_polish_counts_in_three_forms(count: int, form: str) -> None:
    assert Language("pl").ngettext("{number} held", "{number} held", count) == f"{count} {form}"


@pytest.mark.parametrize(
    ("language", "octets", "said"),
    [("en", 0, "1 KB"), ("en", 48_000, "47 KB"), ("en", 1_600_000, "1.5 MB"), ("pl", 1_600_000, "1,5 MB"),
     ("de", 1_600_000, "1,5 MB"), ("en", 64 << 20, "64 MB"), ("de", 3 << 29, "1,5 GB")],
)  # fmt: skip
def test_sizes_are_written_for_people(language: str, octets: int, said: str) -> None:
    assert Language(language).size(octets) == said


def test_a_value_with_braces_is_only_text() -> None:
    assert Language("pl").say("Held: {title}", title="{title} {0} {x.y}") == "Wstrzymana: {title} {0} {x.y}"
