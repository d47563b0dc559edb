"""Whole words in any script."""

import pytest

from mailguard.rules.finder import Finder, normal


def found(words: list[str], text: str) -> list[str]:
    return [word for word, _, _ in Finder(tuple(words)).find(normal(text))]


@pytest.mark.parametrize(
    ("word", "text", "hit"),
    [
        ("poufne", "to jest poufne.", True),
        ("poufne", "niepoufne", False),
        ("poufne", "poufneż", False),
        ("poufne", "żpoufne", False),
        ("łoś", "ŁOŚ", True),
        ("łoś", "łośś", False),
        ("tajne", "„tajne”", True),
        ("secret", "top-secret", True),
        ("secret", "secret_plan", True),
        ("secret", "secretary", False),
        ("secret", "secret2", False),
        ("straße", "STRASSE", True),
        ("機密", "本件は機密です", True),
        ("ลับ", "นี่เป็นความลับมาก", True),
        ("गोपनीय", "यह गोपनीय है", True),
        ("गोपन", "गोपनीय", False),
        ("секрет", "секретарь", False),
        ("don't", "Don't", True),
        ("c++", "in C++.", True),
    ],
)
def test_a_word_is_found_whole_in_its_script(word: str, text: str, hit: bool) -> None:
    assert (found([word], text) == [word]) is hit


def test_a_word_is_reported_as_it_was_written_in_the_list() -> None:
    assert found(["Strictly  Private"], "strictly\nprivate") == ["Strictly  Private"]


def test_nothing_is_found_without_words() -> None:
    assert found([], "anything") == []
    assert found(["\u00ad"], "anything") == []
