"""What is made before it is known who reads it: English for logs, and said anew for each reader."""

import json
import pickle

import pytest

from mailguard.locale import Language, Saying, saying, wanted
from mailguard.locale.sayings import counted, dump, every, joined, load, quoted, some

PL, DE, EN = Language("pl"), Language("de"), Language("en")
OUTSIDE = saying("outside the organization")


def recipients(number: int) -> Saying:
    return counted("{number} recipient {who}", "{number} recipients {who}", number, who=OUTSIDE)


def test_it_is_its_english_text() -> None:
    assert recipients(2) == "2 recipients outside the organization"
    assert f"{recipients(1)}!" == "1 recipient outside the organization!"
    assert EN.tell(recipients(2)) == recipients(2)


@pytest.mark.parametrize(("number", "polish"), [(1, "1 odbiorca"), (3, "3 odbiorców"), (5, "5 odbiorców")])
def test_it_is_said_anew_with_what_stands_in_it(number: int, polish: str) -> None:
    assert PL.tell(recipients(number)) == f"{polish} spoza organizacji"


def test_several_are_joined_and_each_is_said() -> None:
    both = joined("; ", [recipients(2), "as written", quoted("x")])
    assert both == "2 recipients outside the organization; as written; “x”"
    assert DE.tell(both) == "2 Empfänger außerhalb der Organisation; as written; „x“"
    assert (every(["a", "b", "c"]), some(["a", "b"])) == ("a and b and c", "a or b")
    assert PL.tell(every(["a", "b", "c"])) == "a i b i c"
    assert (every([]), some([]), joined(", ", []), joined(", ", ["a", "b"])) == ("", "", "", "a, b")


def test_plain_text_is_said_as_it_is() -> None:
    assert PL.tell("outside the organization") == "outside the organization"


def test_a_value_with_braces_is_only_text() -> None:
    assert PL.tell(saying("{found} in {places}", found="{places}{0.x}", places="{found}")) == "{places}{0.x} ({found})"


@pytest.mark.parametrize(
    "text",
    [
        "plain", OUTSIDE, recipients(4), joined("; ", [recipients(1), "x"]), every(["a", quoted("b")]),
        Saying("in {x}", {"x": OUTSIDE}, texts={"en": "in {x}", "pl": "w {x}"}),
    ],
)  # fmt: skip
def test_what_is_kept_comes_back_and_is_said_alike(text: str) -> None:
    for kept in (load(json.loads(json.dumps(dump(text)))), pickle.loads(pickle.dumps(text))):
        assert kept == text
        assert [language.tell(kept) for language in (EN, PL, DE)] == [language.tell(text) for language in (EN, PL, DE)]


@pytest.mark.parametrize("kept", [[], ["x"], [1, 2], {"a": 1}, 7, ["{x}", {}, 1, 2, 3], ["{x}", {"y": "z"}]])
def test_what_was_never_kept_is_an_error(kept: object) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        load(kept)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("pl", "pl"), ("de-AT,de;q=0.9", "de"), ("fr, pl;q=0.5, de;q=0.8", "de"), ("de;q=0, en", "en"), ("PL_pl", "pl"),
        ("*", ""), ("", ""), ("fr", ""), ("en;q=2", ""), ("pl;level=1", ""), ("," * 5000, ""),
    ],
)  # fmt: skip
def test_of_the_languages_asked_for_the_best_of_ours(header: str, name: str) -> None:
    assert wanted(header) == name


def test_a_language_is_called_what_its_speakers_call_it() -> None:
    assert [language.own_name for language in (EN, PL, DE)] == ["English", "Polski", "Deutsch"]
