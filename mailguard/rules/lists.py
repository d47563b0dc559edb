"""Named lists of a rule file: written out, in a text file, or taken from a lexicon that comes with mailguard."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mailguard.document import source
from mailguard.document.model import did_you_mean, validate
from mailguard.document.problem import Problem
from mailguard.document.units import Section
from mailguard.document.yaml import Document, Loc
from mailguard.errors import ConfigError
from mailguard.rules import lexicon
from mailguard.rules.codes import Code


class ListSpec(Section):
    """A list in its long form."""

    lexicon: str | tuple[str, ...] = ()
    """Lexicons that come with mailguard."""
    words: tuple[str, ...] = ()
    """More entries."""
    file: str = ""
    """A text file with more: one a line, lines that begin with # are remarks. Its path is relative to this file."""


def read_files(document: Document) -> list[Problem]:
    """Put what stands in the files of its lists into the document: it is hashed, and bound again, like the rest."""
    problems: list[Problem] = []
    lists = document.data.get("lists")
    for name, value in lists.items() if isinstance(lists, dict) else ():
        if not isinstance(value, dict) or not isinstance(value.get("file"), str):
            continue
        words = value.get("words", [])
        if not isinstance(words, list):
            continue  # said when the list is read
        try:
            lines = source.read(Path(document.path).parent / value["file"]).lines
        except ConfigError as error:
            problems += [replace(one, context=f"list {name}") for one in error.problems if isinstance(one, Problem)]
            continue
        entries = [entry for line in lines if (entry := line.strip()) and not entry.startswith("#")]
        value["words"] = [*words, *entries]
        del value["file"]
    return problems


def read_list(document: Document, at: Loc) -> tuple[tuple[str, ...], list[Problem]]:
    """The list's entries, and what is wrong with it."""
    place = tuple(at)
    value = _value(document, place)
    context = f"list {place[-1]}"
    if isinstance(value, dict):
        return _long(document, place, context)
    words, problems = validate(document, list[str], place, context=context)
    if words is not None and not all(word.strip() for word in words or [""]):
        problems.append(document.problem(place, Code.EMPTY_WHEN.value, "an empty list or entry", "", context))
    return tuple(words or ()), problems


def _long(document: Document, at: tuple[str | int, ...], context: str) -> tuple[tuple[str, ...], list[Problem]]:
    spec, problems = validate(document, ListSpec, at, context=context)
    if spec is None:
        return (), problems
    found: list[str] = []
    wanted = [spec.lexicon] if isinstance(spec.lexicon, str) else spec.lexicon
    for number, name in enumerate(wanted):
        if name in lexicon.names():
            found += lexicon.words(name)
            continue
        loc = (*at, "lexicon") if isinstance(spec.lexicon, str) else (*at, "lexicon", number)
        fix = did_you_mean(name, lexicon.names())
        problems.append(document.problem(loc, Code.LEXICON.value, f'there is no lexicon "{name}"', fix, context))
    if not found and not spec.words and not problems:
        problems.append(document.problem(at, Code.EMPTY_WHEN.value, "an empty list", "", context))
    return (*found, *spec.words), problems


def _value(document: Document, at: tuple[str | int, ...]) -> Any:
    here = document.data
    for step in at:
        here = here[step]
    return here
