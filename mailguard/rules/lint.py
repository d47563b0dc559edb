"""What is allowed in rules, and hardly meant: warnings of `check`. In doubt it says nothing."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from mailguard.document import yaml
from mailguard.document.problem import Problem, ordered
from mailguard.document.tree import Document, Loc
from mailguard.errors import ConfigError
from mailguard.people import People
from mailguard.records import Mode
from mailguard.rules import never
from mailguard.rules.absent import absent
from mailguard.rules.action import Copies
from mailguard.rules.codes import Code
from mailguard.rules.delay import Delay
from mailguard.rules.finder import normal
from mailguard.rules.lists import read_list
from mailguard.rules.loader import TEST_SUFFIX
from mailguard.rules.never import said
from mailguard.rules.rule import Rule, RuleSet

_QUOTES = "“”„‟«»‘’‚"
_SHORTEST = 3  # letters of a keyword; shorter ones turn up in any text


@dataclass(frozen=True)
class _Written:
    """A rule and where it is written."""

    rule: Rule
    document: Document
    at: tuple[str | int, ...]

    @property
    def data(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document.data["rules"][self.at[1]]
        return found

    @property
    def live(self) -> tuple[Mode, tuple[str, ...]]:
        """For whom it acts, if at all."""
        return self.rule.mode, self.rule.pilot

    @cached_property
    def asks(self) -> frozenset[tuple[str, str]]:
        return never.asks(self.data["when"])

    @cached_property
    def unless(self) -> str:
        excuse = self.data.get("unless")
        return said(excuse) if excuse is not None else ""

    def warning(self, loc: Loc, code: Code, message: str, fix: str) -> Problem:
        place = (*self.at, *loc)
        return self.document.problem(place, code.value, message, fix, f"rule {self.rule.id}", "warning")

    def covered_by(self, other: "_Written") -> bool:
        """Whether the other is true of every mail this one is true of: it asks the same, or less."""
        return other.unless in ("", self.unless) and other.asks <= self.asks


def lint(rules: RuleSet, people: People) -> list[Problem]:
    """Warnings about sound rules. Reads the tests beside them, changes nothing."""
    written = list(_written(rules))
    found = [*_unreachable(written), *_same(written), *_shadowed(written), *_short(rules, written)]
    found += [*_hopeless(written, people), *_absent(written, people)]
    return ordered([*found, *_untested(written)])


def _written(rules: RuleSet) -> Iterator[_Written]:
    by_id = {rule.id: rule for rule in rules.rules if rule.mode is not Mode.OFF}
    for document in rules.documents:
        for number, data in enumerate(document.data.get("rules") or []):
            if rule := by_id.get(data["id"]):
                yield _Written(rule, document, ("rules", number))


def _unreachable(written: Sequence[_Written]) -> Iterable[Problem]:
    enders = [(n, one) for n, one in enumerate(written) if one.rule.stop and one.live == (Mode.ENFORCE, ())]
    for number, one in enumerate(written):
        ender = next((other for n, other in enders if n < number and one.covered_by(other)), None)
        if ender is not None and one.rule.skippable:
            message = f"never asked: {ender.rule.id} matches every such mail before it, and ends with stop"
            yield one.warning(("id",), Code.UNREACHABLE, message, f"move it before {ender.rule.id}, or take it out")


def _same(written: Sequence[_Written]) -> Iterable[Problem]:
    first: dict[str, _Written] = {}
    for one in written:  # an audit rule beside its live twin is a trial
        asked = said([one.live, one.data["when"], one.data.get("unless")])
        twin = first.setdefault(asked, one)
        if twin is not one:
            message = f"the same conditions as {twin.rule.id} ({twin.document.path}:{twin.rule.line})"
            yield one.warning(("when",), Code.SAME_WHEN, message, "put the actions of both into one rule")


def _shadowed(written: Sequence[_Written]) -> Iterable[Problem]:
    for one in written:
        for number, spec in enumerate(one.rule.then):
            if not isinstance(spec, Delay):
                continue
            longer = next((other for other in written if _outlasts(other, one, spec)), None)
            if longer is not None:
                message = f"this delay changes nothing: {longer.rule.id} delays every such mail as long"
                fix = "make it longer, or take it out"
                yield one.warning(("then", number, "delay"), Code.SHADOWED_DELAY, message, fix)


def _outlasts(other: _Written, one: _Written, spec: Delay) -> bool:
    alike = other.live == one.live and other.rule.severity == one.rule.severity
    if other is one or not alike or spec.until is not None or not one.covered_by(other):
        return False
    if other.covered_by(one):
        return False  # the same conditions: said already
    return any(
        isinstance(long, Delay)
        and long.copies is Copies.ALL
        and long.shorten == spec.shorten
        and long.shortest >= spec.longest
        for long in other.rule.then
    )


def _short(rules: RuleSet, written: Sequence[_Written]) -> Iterable[Problem]:
    named: set[str] = set()
    for one in written:
        for loc, spec in chain(_asked(one.data["when"], ("when",)), _asked(one.data.get("unless"), ("unless",))):
            if isinstance(spec.get("list"), str):
                named.add(spec["list"])
            for number, word in enumerate(spec.get("any") or ()):
                if about := _about(word):
                    yield one.warning((*loc, "any", number), Code.SHORT_WORD, *about)
    for document in rules.documents:
        for name in named & set(document.data.get("lists") or {}):
            written_out = document.data["lists"][name]
            for word in read_list(document, ("lists", name))[0]:
                if about := _about(word):
                    at: tuple[str | int, ...] = ("lists", name)
                    if isinstance(written_out, list):
                        at = (*at, written_out.index(word))
                    yield document.problem(at, Code.SHORT_WORD.value, *about, f"list {name}", "warning")


def _asked(when: Any, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Every `words` condition in a when, with its place."""
    if isinstance(when, list):
        for number, part in enumerate(when):
            yield from _asked(part, (*loc, number))
    for key, value in when.items() if isinstance(when, dict) else ():
        if key == "words":
            some = enumerate(value) if isinstance(value, list) else [(None, value)]
            for place, spec in some:
                yield (*loc, key, *(() if place is None else (place,))), spec
        elif key in ("all", "any", "not"):
            yield from _asked(value, (*loc, key))


def _too_short(word: str) -> bool:
    """One sign of Chinese, Japanese or Korean is a word already."""
    folded = normal(word)
    return len(folded) < _SHORTEST and not any(unicodedata.east_asian_width(c) in "WF" for c in word)


def _about(word: str) -> tuple[str, str] | None:
    """What is wrong with a keyword that is hardly meant as it stands, and how to mend it."""
    if _too_short(word):
        return f'"{word}" is too short to mean anything by itself', "write a longer word, or the phrase it stands in"
    if word[0] in _QUOTES and word[-1] in _QUOTES:  # pasted from a word processor: no quotes to YAML
        fix = f'write it with straight ones: "{word.strip(_QUOTES)}"'
        return f"{word} is only found with these quotes around it", fix
    return None


def _hopeless(written: Sequence[_Written], people: People) -> Iterable[Problem]:
    for one in written:
        why = never.why(one.data["when"], people)
        unless = one.data.get("unless")
        if not why and unless is not None and never.includes(one.data["when"], unless):
            why = "its unless is true whenever its when is"
        if why:
            fix = "put right what it asks for, or who belongs there in people.yaml"
            yield one.warning(("when",), Code.NEVER, f"it can never match: {why}", fix)
        if one.rule.pilot and not any(people.groups.get(group) for group in one.rule.pilot):
            message = f"it acts for nobody: nobody is in {' or '.join(one.rule.pilot)}"
            yield one.warning(("enforce",), Code.NEVER, message, "name who belongs there in people.yaml")


def _absent(written: Sequence[_Written], people: People) -> Iterable[Problem]:
    for one in written:
        for loc, message, fix in absent(one.data, people):
            yield one.warning(loc, Code.ABSENT, message, fix)


def _untested(written: Sequence[_Written]) -> Iterable[Problem]:
    named: dict[Path, str] = {}
    for one in written:
        folder = Path(one.document.path).parent
        if folder not in named:
            named[folder] = " ".join(_tests(folder))
        if json.dumps(one.rule.id) not in named[folder]:
            beside = Path(one.document.path).stem + TEST_SUFFIX
            fix = f"write a mail it must catch, and one it must not, in {beside} (fired:, not_fired:)"
            yield one.warning(("id",), Code.UNTESTED, "no test names this rule", fix)


def _tests(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob(f"*{TEST_SUFFIX}")):
        try:
            data = yaml.read(path).data
        except ConfigError:  # `mailguard test` says what is wrong there
            continue
        for case in data.get("tests") or () if isinstance(data, dict) else ():
            expect = case.get("expect") if isinstance(case, dict) else None
            if isinstance(expect, dict):
                yield json.dumps([expect.get("fired"), expect.get("not_fired")])
