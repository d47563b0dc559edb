"""A word in its other forms: secret and secrets, poufne and poufnego (Snowball's stemmers)."""

from functools import lru_cache
from threading import Lock

import snowballstemmer

LANGUAGES = {
    "cs": "czech", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish",
}  # fmt: skip
USUAL = ("en", "pl", "de", "fr", "es")  # what `forms: true` means

_SHORT = 4  # shorter words have forms that are other words: "ban" and "bane"
_LONG = 64  # a longer one is no word of any language, and a stemmer takes its time over it
_TAIL = 3  # a stemmer that changes more letters than these has found another word: organ, organization
_LONGER = 5
_SPACED_BELOW = "\u0e00"
_stemmers: dict[str, snowballstemmer.stemmer] = {}
_one_at_a_time = Lock()  # a stemmer keeps its word in itself, and large mail is judged in a thread


def inflects(word: str) -> bool:
    """Whether its other forms are looked for: numbers, codes and short words stay as they are."""
    return _SHORT <= len(word) <= _LONG and word.isalpha() and word[-1] < _SPACED_BELOW


def root(word: str) -> str:
    """What every form of a word begins with."""
    return word[: max(_SHORT - 1, len(word) - _TAIL)]


@lru_cache(maxsize=1 << 15)
def stem(language: str, word: str) -> str:
    """What is left of a folded word without its ending."""
    with _one_at_a_time:
        if language not in _stemmers:
            _stemmers[language] = snowballstemmer.stemmer(LANGUAGES[language])
        return str(_stemmers[language].stemWord(word))


def alike(word: str, other: str, languages: tuple[str, ...]) -> bool:
    """Whether `other` is a form of `word`, both folded."""
    if word == other:
        return True
    if not inflects(word) or not other.startswith(root(word)) or abs(len(other) - len(word)) > _LONGER:
        return False
    return any(stem(language, word) == stem(language, other) for language in languages)
