"""YAML → rules: all files of a run are read, and everything wrong in all of them is said at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailguard.document import yaml
from mailguard.document.model import validate
from mailguard.document.problem import Problem, ordered, summary
from mailguard.document.yaml import Document
from mailguard.errors import ConfigError, RuleError
from mailguard.people import People
from mailguard.rules import entry_points
from mailguard.rules.binder import Binder, Names
from mailguard.rules.build import build_rule
from mailguard.rules.codes import Code
from mailguard.rules.file import VERSION, Head, RuleFile
from mailguard.rules.lists import read_files, read_list
from mailguard.rules.rule import Rule, RuleSet

TEST_SUFFIX = ".test.yaml"
_LONG = 100  # digits of what was never a version


def load(paths: Sequence[Path], people: People) -> RuleSet:
    """The rules of these files, folders and patterns (`rules/*.yaml`). Raises RuleError with every problem.

    Files named *.test.yaml are passed over. The order is by file name, then by position.
    """
    loader = _Loader(people)
    loader.problems += entry_points.register()
    files, missing = rule_files(paths)
    loader.problems += missing
    for path in files:
        loader.read(path)
    return loader.finish()


def parse(documents: Sequence[Document], people: People) -> RuleSet:
    """The rules of documents that are read already. Raises RuleError."""
    loader = _Loader(people)
    loader.documents += [document for document in documents if loader.sound(document)]
    return loader.finish()


def rule_files(paths: Sequence[Path]) -> tuple[list[Path], list[Problem]]:
    """The rule files that paths, folders and patterns mean; one that means none is a problem."""
    found: list[Path] = []
    problems: list[Problem] = []
    for path in paths:
        some = [file for file in _expand(path) if not file.name.endswith(TEST_SUFFIX)]
        if not some:
            message = "no rule file here: without rules every mail would pass"
            problems.append(
                Problem(Code.NO_FILE.value, "error", str(path), 0, 0, 0, message, "check rules: in mailguard.yaml")
            )
        found += some
    return sorted(set(found), key=lambda file: (file.name, str(file))), problems


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.iterdir() if file.suffix in (".yaml", ".yml")]
    if not path.exists() and any(sign in str(path) for sign in "*?["):
        anchor = Path(path.anchor)
        return [file for file in anchor.glob(str(path.relative_to(anchor))) if file.is_file()]
    return [path]


class _Loader:
    def __init__(self, people: People) -> None:
        self.people = people
        self.documents: list[Document] = []
        self.problems: list[Problem] = []

    def read(self, path: Path) -> None:
        try:
            document = yaml.read(path)
        except ConfigError as error:
            self.problems += [problem for problem in error.problems if isinstance(problem, Problem)]
            return
        if self.sound(document):
            self.documents.append(document)

    def sound(self, document: Document) -> bool:
        """Whether the file as a whole can be looked into; what is wrong with its top level is noted."""
        version = document.data.get("version", VERSION)
        said = str(version)
        if said.isdecimal() and len(said) < _LONG and int(said) > VERSION:
            message = f"version {version} was written for a newer mailguard; this one knows version {VERSION}"
            self.problems.append(document.problem(("version",), Code.VERSION.value, message, "update mailguard"))
            return False
        top, problems = validate(document, RuleFile)
        self.problems += [*problems, *read_files(document)]
        return top is not None

    def finish(self) -> RuleSet:
        names = Names(self.people, self._lists())
        rules = [rule for document in self.documents for rule in self._rules(document, names)]
        warnings = [] if self.problems else self._unused(names)
        if any(problem.severity == "error" for problem in self.problems):
            found = ordered([*self.problems, *warnings])
            raise RuleError(summary(found), found)
        names.vocabulary.build()
        return RuleSet(
            tuple(rules), _digest(self.documents, names.texts), tuple(ordered([*self.problems, *warnings])),
            frozenset(names.groups), tuple(self.documents), names.sketches,
        )  # fmt: skip

    def _lists(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        places: dict[str, str] = {}
        for document in self.documents:
            for name in document.data.get("lists") or {}:
                here = ("lists", name)
                if name in found:
                    message = f'the list "{name}" stands in {places[name]} already'
                    fix = "list names are one name space over all files: rename one, or keep one"
                    self.problems.append(document.problem(here, Code.DUPLICATE_LIST.value, message, fix, key=True))
                    continue
                places[name] = _place(document, here)
                found[name], problems = read_list(document, here)
                self.problems += problems
        return found

    def _rules(self, document: Document, names: Names) -> list[Rule]:
        made = []
        for number, _ in enumerate(document.data.get("rules") or []):
            at = ("rules", number)
            name = _id(document, number)
            head, problems = validate(document, Head, at, context=f"rule {name}" if name else "")
            self.problems += problems
            binder = Binder(document, at, f"rule {name}" if name else "", names, self.problems)
            self._claim(name, document, number)
            rule = build_rule(head, binder)
            made += [rule] if rule else []
        return made

    def _claim(self, name: str, document: Document, number: int) -> None:
        here = ("rules", number, "id")
        first = next(
            (
                _place(other, ("rules", n, "id"))
                for other in self.documents
                for n, _ in enumerate(other.data.get("rules") or [])
                if name and _id(other, n) == name
            ),
            "",
        )
        if name and first != _place(document, here):
            message = f'the rule id "{name}" stands in {first} already'
            fix = "rule ids are one name space over all files: rename one"
            self.problems.append(document.problem(here, Code.DUPLICATE_RULE.value, message, fix))

    def _unused(self, names: Names) -> list[Problem]:
        return [
            document.problem(
                ("lists", name), Code.UNUSED_LIST.value, f'no rule uses the list "{name}"', severity="warning", key=True
            )
            for document in self.documents
            for name in document.data.get("lists") or {}
            if name not in names.used
        ]


def _id(document: Document, number: int) -> str:
    rule = document.data["rules"][number]
    name = rule.get("id") if isinstance(rule, dict) else None
    return name if isinstance(name, str) else ""


def _place(document: Document, loc: Sequence[str | int]) -> str:
    return f"{document.path}:{document.mark(loc, key=True)[0]}"


def _digest(documents: Sequence[Document], texts: Mapping[str, str]) -> str:
    said: list[tuple[str, object]] = [(Path(document.path).name, document.data) for document in documents]
    said += [(Path(path).name, text) for path, text in sorted(texts.items())]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
