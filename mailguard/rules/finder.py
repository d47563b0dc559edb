"""The words of all rules found in one pass (Aho-Corasick), as whole words of any script."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from mailguard.mail.text import fold
from mailguard.rules import forms
from mailguard.rules.boundary import ends, starts

_PIECE = re.compile(r"[^\W_]+|[\W_]+")
_STEP = 64 * 1024  # characters looked through in one go: the search keeps the interpreter to itself


class Hit(NamedTuple):
    """A word as the rule file writes it, and where it was found."""

    word: str
    start: int
    end: int


class Finder:
    """A set of words and phrases of one `Vocabulary`, compared folded. `languages`: their other forms count too."""

    def __init__(self, words: Iterable[str], languages: tuple[str, ...] = ()) -> None:
        self.languages = languages
        self.words: dict[str, str] = {}
        for word in words:  # a list has no text around a word to tell its alphabet by: сахар is looked for as caxap too
            for form in (normal(word), fold(word, whole=False)):
                if form:
                    self.words.setdefault(form, word)


Found = Mapping[Finder, Sequence[Hit]]


@dataclass(slots=True)
class _Entry:
    """What a string of the automaton may be: a whole phrase, or the beginning of some that inflect, by first stem."""

    whole: list[tuple[Finder, str]] = field(default_factory=list)
    roots: dict[tuple[str, str], list[tuple[Finder, str, tuple[str, ...]]]] = field(default_factory=dict)


class Vocabulary:
    """Every word that the rules of a run look for. Complete before the first mail: `find` builds what is missing."""

    def __init__(self) -> None:
        self._finders: dict[tuple[tuple[str, ...], tuple[str, ...]], Finder] = {}
        self._entries: list[_Entry] = []
        self._automaton: AhoCorasick | None = None
        self._longest = 0  # characters of its longest string
        self._stale = False

    def finder(self, words: Iterable[str], languages: tuple[str, ...] = ()) -> Finder:
        """The finder of these words; the same words are looked for once."""
        key = (tuple(dict.fromkeys(words)), languages)
        if key not in self._finders:
            self._finders[key] = Finder(*key)
            self._stale = True
        return self._finders[key]

    def build(self) -> None:
        """Make the automaton, so that the first mail need not wait for it."""
        entries: dict[str, _Entry] = {}
        for finder in self._finders.values():
            for form, word in finder.words.items():
                _enter(entries, finder, form, word)
        self._automaton = AhoCorasick(list(entries)) if entries else None
        self._longest = max(map(len, entries), default=0)
        self._entries, self._stale = list(entries.values()), False

    def find(self, text: str) -> Found:
        """The words of each finder in a `normal` text, in order; of words inside one another the longest."""
        if self._stale:
            self.build()
        if self._automaton is None or not text:
            return {}
        found: dict[Finder, list[Hit]] = {}
        for number, start, end in self._matches(self._automaton, text):
            if start and not starts(text, start):
                continue
            entry = self._entries[number]
            if entry.whole and ends(text, end):
                for finder, word in entry.whole:
                    found.setdefault(finder, []).append(Hit(word, start, end))
            if entry.roots:
                _inflected(entry, text, start, found)
        return {finder: _longest(hits) for finder, hits in found.items()}

    def _matches(self, automaton: AhoCorasick, text: str) -> Iterator[tuple[int, int, int]]:
        """Every string of the automaton, by number, with its span; one that begins in a step may end in the next."""
        for at in range(0, len(text), _STEP):
            piece = text[at : at + _STEP + self._longest]
            for number, start, end in automaton.find_matches_as_indexes(piece, overlapping=True):
                if start < _STEP:
                    yield number, at + start, at + end


def normal(text: str) -> str:
    """Folded, and every run of white space one space: a phrase may be broken over two lines."""
    return fold(text)


def _enter(entries: dict[str, _Entry], finder: Finder, form: str, word: str) -> None:
    pieces = tuple(_PIECE.findall(form))
    if not finder.languages or not any(map(forms.inflects, pieces)):
        entries.setdefault(form, _Entry()).whole.append((finder, word))
        return
    first = pieces[0]
    roots = entries.setdefault(forms.root(first) if forms.inflects(first) else first, _Entry()).roots
    for key in dict.fromkeys(_keys(first, finder.languages)):
        roots.setdefault(key, []).append((finder, word, pieces))


def _keys(word: str, languages: tuple[str, ...]) -> list[tuple[str, str]]:
    inflected = forms.inflects(word)
    return [("", word), *((language, forms.stem(language, word)) for language in languages if inflected)]


def _inflected(entry: _Entry, text: str, start: int, found: dict[Finder, list[Hit]]) -> None:
    """Words whose first word, in another form perhaps, starts here."""
    piece = _PIECE.match(text, start)
    if piece is None:
        return
    languages = tuple(dict.fromkeys(language for language, _ in entry.roots if language))
    for key in dict.fromkeys(_keys(piece[0], languages)):
        for finder, word, pieces in entry.roots.get(key, ()):
            end = _end(text, start, pieces, finder.languages)
            if end and Hit(word, start, end) not in found.get(finder, [])[-1:]:
                found.setdefault(finder, []).append(Hit(word, start, end))


def _end(text: str, start: int, pieces: tuple[str, ...], languages: tuple[str, ...]) -> int:
    """Where the phrase that starts here ends, each of its words in any form; 0 when it is not here."""
    for wanted in pieces:
        found = _PIECE.match(text, start)
        if found is None or not forms.alike(wanted, found[0], languages):
            return 0
        start = found.end()
    return start


def _longest(hits: list[Hit]) -> list[Hit]:
    """Of hits inside one another the longest: “strictly confidential” is one hit, not two."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)) if len(hits) > 1 else hits:
        if not kept or hit.end > kept[-1].end:
            kept.append(hit)
    return kept
