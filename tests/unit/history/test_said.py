import re
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from mailguard.history.said import said

WORD = re.compile(r"[^\W\d_][\w&'-]{2,}")
TEXTS = st.text(st.sampled_from("aBz Ł_-'&019.,\t\n\x1c\ud800") | st.characters(codec="ascii"), max_size=60)


@given(TEXTS, TEXTS)
def test_words_and_their_hashes_are_those_of_every_earlier_version(text: str, quoted: str) -> None:
    words = list(dict.fromkeys(WORD.findall(text.lower())))
    found = said("", text, quoted)
    numbers = [crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    assert found.words[-len(numbers) :] == tuple(numbers) or not numbers
    assert found.text == frozenset(words)
    assert found.quoted == frozenset(WORD.findall(quoted.lower()))


def test_a_stored_ledger_is_read_with_the_same_numbers() -> None:
    found = said("Re: Q3 figures", "Hi Kim,\nthe figures of the 3rd quarter don't add up: see R&D.", "")
    assert found.thread == crc32(b"q3 figures")
    spelt = ("g kim", "s figures", "figures", "kim", "the", "quarter", "don't", "add", "see", "r&d")
    assert found.words == tuple(crc32(word.encode()) for word in spelt)
