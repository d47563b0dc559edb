"""Whole words in any script."""

import pytest

from mailguard.rules.finder import Vocabulary, normal


def found(words: list[str], text: str, *languages: str) -> list[str]:
    vocabulary = Vocabulary()
    finder = vocabulary.finder(words, languages)
    return [hit.word for hit in vocabulary.find(normal(text)).get(finder, ())]


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
        ("メール", "社外秘メールです", True),
        ("スト", "テストです", False),
        ("アルファ", "プロジェクト・アルファ", True),
        ("ひみつ", "これはひみつです", True),
        ("기밀", "이 문서는 기밀입니다", True),
        ("기밀", "기밀을 유지", True),
        ("기밀", "기밀문서보관소", False),
        ("機密", "ABC機密XYZ", True),
        ("ลั", "ลับ", True),
        ("ล", "ลับ", False),
        ("секрет", "секретарь", False),
        ("don't", "Don't", True),
        ("c++", "in C++.", True),
        ("confidential", "соnfidеntiаl", True),
        ("сахар", "Где сахар?", True),
        ("сахар", "сахар", True),
        ("сор", "в ссоре сорт", False),
        ("cop", "Вынеси сор из избы", False),
    ],
)
def test_a_word_is_found_whole_in_its_script(word: str, text: str, hit: bool) -> None:
    assert (found([word], text) == [word]) is hit


def test_a_word_is_reported_as_it_was_written_in_the_list() -> None:
    assert found(["Strictly  Private"], "strictly\nprivate") == ["Strictly  Private"]


def test_nothing_is_found_without_words() -> None:
    assert found([], "anything") == []
    assert found(["\u00ad"], "anything") == []


def test_a_long_text_is_looked_through_in_steps_and_each_hit_is_found_once() -> None:
    vocabulary = Vocabulary()
    plain, inflected = vocabulary.finder(["two words", "edge"]), vocabulary.finder(["two words"], ("en",))
    for at in (65_520, 65_527, 65_530, 65_535, 65_536, 65_537):
        text = ("x" * (at - 1) + " two words edge " + "y" * 70_000 + " edge").replace("xx", "x.")
        hits = vocabulary.find(text)
        assert [text[hit.start : hit.end] for hit in hits[plain]] == ["two words", "edge", "edge"], at
        assert [text[hit.start : hit.end] for hit in hits[inflected]] == ["two words"], at


@pytest.mark.parametrize(
    ("word", "text", "language", "hit"),
    [
        ("secret", "two secrets", "en", True),
        ("secret", "the secretary", "en", False),
        ("trade secret", "our trade secrets", "en", True),
        ("merger", "mergers", "en", True),
        ("organ", "an organization", "en", False),
        ("plan", "the planes", "en", False),
        ("poufny", "poufnego, poufnymi", "pl", True),
        ("poufny", "niepoufny", "pl", False),
        ("tajemnica przedsiębiorstwa", "tajemnicą przedsiębiorstwa", "pl", True),
        ("fuzja", "o fuzji", "pl", True),
        ("umowa", "umowę", "pl", True),
        ("Vertrag", "des Vertrags", "de", True),
        ("vertraulich", "vertraulichem", "de", True),
        ("licenciement", "les licenciements", "fr", True),
        ("secreto", "los secretos", "es", True),
        ("секрет", "секрета", "ru", True),
        ("секрет", "секретарь", "ru", False),
        ("機密文書", "本件は機密文書です", "en", True),
        ("abc1", "abc1s", "en", False),
        ("non-secret", "non-secrets", "en", True),
    ],
)
def test_a_word_is_found_in_its_other_forms(word: str, text: str, language: str, hit: bool) -> None:
    assert (word in found([word], text, language)) is hit
    assert word in found([word], word, language)


def test_forms_are_looked_for_only_where_they_are_asked_for() -> None:
    vocabulary = Vocabulary()
    plain, inflected = vocabulary.finder(["secret"]), vocabulary.finder(["secret"], ("en",))
    hits = vocabulary.find("secrets")
    assert plain not in hits
    assert [hit.word for hit in hits[inflected]] == ["secret"]


def test_words_added_later_are_found_too() -> None:
    vocabulary = Vocabulary()
    first = vocabulary.finder(["one"])
    assert first in vocabulary.find("one two")
    second = vocabulary.finder(["two"])
    assert second in vocabulary.find("one two")
    assert vocabulary.finder(["two"]) is second
