"""Many words in one pass (Aho-Corasick), as whole words of any script."""

from collections.abc import Iterator
from unicodedata import category

from ahocorasick_rs import AhoCorasick

from mailguard.mail.text import fold

# Scripts written without spaces between words: Thai and Lao, Myanmar, Khmer, kana, Han. Any place is a boundary.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
_THAI = 0x0E00


class Finder:
    """A set of words and phrases. `words` as written; they are compared folded, with single spaces."""

    def __init__(self, words: tuple[str, ...]) -> None:
        by_form = {normal(word): word for word in reversed(words)}
        by_form.pop("", None)
        self._said = list(by_form.values())
        self._automaton = AhoCorasick(list(by_form)) if by_form else None

    def find(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The words in a `normal` text, each as it was written in the file, with its span."""
        if self._automaton is None or not text:
            return
        for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if _boundary(text, start) and _boundary(text, end):
                yield self._said[number], start, end


def normal(text: str) -> str:
    """Folded, and every run of white space one space: a phrase may be broken over two lines."""
    return fold(text)


def _boundary(text: str, at: int) -> bool:
    """Whether no word goes on across this place. `_` ends a word, as it does in file names."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    return not (_in_word(before) and _in_word(after)) or _unspaced(before) or _unspaced(after)


def _in_word(char: str) -> bool:
    return char.isalnum() or (char > "\x7f" and category(char).startswith("M"))  # vowel signs are marks


def _unspaced(char: str) -> bool:
    code = ord(char)
    return code >= _THAI and any(first <= code <= last for first, last in _UNSPACED)
