"""Where a word begins and ends, in any script (after Unicode's UAX #29, without its dictionaries)."""

import re
from unicodedata import category

# Scripts written without spaces between words: Thai and Lao, Myanmar, Khmer, kana, Han. Any place is a boundary.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
_SPACED_BELOW = "\u0e00"
# What Korean writes onto the end of a noun, and what the noun still is.
_PARTICLES = frozenset(
    re.findall(
        r"\w+",
        "은 는 이 가 을 를 의 에 에서 에게 로 으로 와 과 도 만 까지 부터 입니다 이다 입니까 한 된 인 적 들 들은 들이",
    )
)


def starts(text: str, at: int) -> bool:
    """Whether a word may start here. `_` is no part of one, as in file names."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    if before.isascii() and after.isascii():  # asked for every string the automaton finds
        return not (before.isalnum() and after.isalnum())
    return not _goes_on(before, after)


def ends(text: str, at: int) -> bool:
    """Whether a word may end here: also before a Korean particle."""
    if starts(text, at):
        return True
    return _hangul(text[at - 1]) and _rest(text, at) in _PARTICLES


def _goes_on(before: str, after: str) -> bool:
    """Whether one word goes on across the gap between these two."""
    if after < _SPACED_BELOW and before < _SPACED_BELOW:
        return _in_word(before) and _in_word(after)
    if category(after).startswith("M"):  # a vowel sign or accent belongs to its letter
        return _in_word(before)
    if not (_in_word(before) and _in_word(after)):
        return False
    if _katakana(before) and _katakana(after):  # a foreign word is one word: テスト holds no スト
        return True
    return not (_unspaced(before) or _unspaced(after))


def _in_word(char: str) -> bool:
    return char.isalnum() or (char > "\x7f" and category(char).startswith("M"))


def _unspaced(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _UNSPACED)


def _katakana(char: str) -> bool:
    return "\u30a1" <= char <= "\u30ff" and char != "\u30fb"


def _hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


def _rest(text: str, at: int) -> str:
    """The Hangul from here on, as far as a particle may go."""
    end = at
    while end < min(len(text), at + 4) and _hangul(text[end]):
        end += 1
    return text[at:end]
