"""How heated a text is: angry words, shouting, exclamation marks."""

import re
from collections.abc import Iterator

from mailguard.rules import lexicon, places
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Finder, Vocabulary
from mailguard.rules.places import Place

HEATED, ANNOYED, SHOUTED, MARKED = 3, 1, 2, 1  # points
_MOST = 3  # times that the same kind of sign counts

_LOUD = re.compile(r"(?<![^\W\d_])[^\W\d_a-z]{2,}(?:[ ,'’\-]+[^\W\d_a-z]{1,}){3,}[ ]?[!?.]?")
_MARKS = re.compile(r"!{3,}|\?{3,}|(?:\?!|!\?){1,}")
_LETTERS = 15  # so many of a shouted stretch
_QUIET = 0.5  # a text of which more than this is in capitals is written so by habit, or is a form


class Tone:
    """Looks for the words of the lexicons heated and annoyed."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._heated = vocabulary.finder(lexicon.words("heated"))
        self._annoyed = vocabulary.finder(lexicon.words("annoyed"))

    def signs(self, facts: Facts) -> list[tuple[int, str]]:
        """(points, what was found) in the sender's own new text, each word once."""
        found = [*self._words(facts, self._heated, HEATED), *self._words(facts, self._annoyed, ANNOYED)]
        text = places.legible(facts, Place.BODY)
        if loud := list(_shouted(text))[:_MOST]:
            found += [(SHOUTED, said) for said in loud]
        return [*found, *((MARKED, mark[0][:5]) for mark in list(_MARKS.finditer(text))[:_MOST])]

    def _words(self, facts: Facts, finder: Finder, points: int) -> Iterator[tuple[int, str]]:
        hits = places.found(facts, Place.BODY, self._vocabulary).get(finder, ())
        yield from ((points, word) for word in dict.fromkeys(hit.word for hit in hits))


def _shouted(text: str) -> Iterator[str]:
    """Stretches of four words and more in capitals, where the rest is not."""
    letters = [char for char in text if char.isalpha()]
    if sum(map(str.isupper, letters)) > _QUIET * len(letters):
        return
    for found in _LOUD.finditer(text):
        said = found[0]
        if said == said.upper() and sum(map(str.isupper, said)) >= _LETTERS:
            yield said[:40]
