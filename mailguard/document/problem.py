"""What is wrong in a file a person wrote: where, what, and how to mend it.

Codes are stable: scripts and baselines may rely on them. A room that reads files owns its hundred.

| code  | meaning                                                                        |
|-------|--------------------------------------------------------------------------------|
| MG101 | a file cannot be read: missing, not allowed, not a file, larger than 1 MiB       |
| MG102 | not YAML: indentation, brackets, quotes, tabs                                    |
| MG103 | unknown key                                                                      |
| MG104 | not one of the values allowed here                                               |
| MG105 | a key is missing                                                                 |
| MG106 | the wrong kind of value, not written as it must be, or against its own section    |
| MG107 | out of range: too small, too large, too few, too many                            |
| MG108 | a key twice in one mapping                                                       |
| MG109 | not UTF-8 text: another encoding, NUL or control characters                      |
| MG110 | nothing in the file                                                              |
| MG111 | several documents in one file                                                    |
| MG112 | the file is not a mapping of keys                                                |
| MG113 | nested too deeply, or aliases that unfold into too much                          |
| MG114 | YAML that these files don't use: tags, merge keys, keys that are not words       |
| MG2xx | rules: see `mailguard.rules`                                                     |
| MG301 | people: not an address, pattern or domain                                        |
| MG302 | people: an address twice                                                         |
| MG303 | people: an assistant, owner, manager or approver outside the organization        |
| MG304 | people: a person or list outside the organization's domains (warning)            |
| MG305 | people: a service without an owner                                               |
| MG306 | people: an unknown group                                                         |
| MG307 | people: a list that contains itself (warning)                                    |
| MG308 | people: a person who is their own assistant, manager or owner                    |
| MG309 | people: a pattern, list or group that can never matter (warning)                 |
| MG310 | people: one address used as a person and as a list                               |
| MG311 | organization: a holiday that is no day, stands twice, or leaves no day to work       |
| MG401 | configuration: an environment variable that means no setting                     |
| MG402 | configuration: a secret's file that cannot be used, or a secret given twice      |
| MG403 | configuration: a secret's file that others can read (warning)                    |
| MG404 | configuration: rooms that don't fit together                                     |
| MG405 | configuration: a file or folder named here is missing                            |
| MG406 | configuration: works, but hardly as meant (warning)                              |
| MG407 | configuration: a library that it needs is not installed                          |
| MG501 | directory: an address that is none: the entry goes without it (warning)          |
| MG502 | directory: a manager or assistant who is nobody known (warning)                  |
| MG503 | directory: two groups of one name: their members are united (warning)            |
| MG504 | directory: members of groups that nobody looked up (warning)                     |
| MG505 | directory: no answer, or a refusal                                               |
| MG506 | directory: it suddenly knows far less (warning)                                  |
| MG507 | directory: no copy of an earlier answer (warning)                                |
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Format = Literal["text", "json", "github"]

_WIDTH = 150  # longer source lines are cut around the caret
# Controls, and the marks that turn the direction of text: a file's words must not drive a terminal.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class Problem:
    """One finding. `line` and `column` count from 1; line 0 = it has no place in a file.

    `message` ends without a full stop; `context` names what it belongs to ("rule external-delay").
    """

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    length: int
    message: str
    help: str = ""
    source: str = ""
    context: str = ""

    def __lt__(self, other: "Problem") -> bool:
        return self._place < other._place

    @property
    def _place(self) -> tuple[str, int, int, str, str]:
        return (self.path, self.line, self.column, self.code, self.message)


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """By file and place, each once."""
    return sorted(set(problems))


def summary(problems: Iterable[Problem]) -> str:
    """`3 errors, 1 warning in 2 files`."""
    found = list(problems)
    errors = sum(problem.severity == "error" for problem in found)
    counts = [_count(errors, "error"), _count(len(found) - errors, "warning")]
    files = _count(len({problem.path for problem in found}), "file")
    return f"{', '.join(filter(None, counts))} in {files}" if found else "no problems"


def render(problems: Iterable[Problem], format: Format = "text") -> str:  # noqa: A002 - the option's own name
    """All problems of a run as one text, without a final line break."""
    found = ordered(problems)
    if format == "json":
        return _json(found)
    lines = [_github(problem) if format == "github" else _text(problem) for problem in found]
    return "\n".join([*lines, summary(found)])


def plain(text: str) -> str:
    """`text` without characters that would act on a terminal."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\t", " "))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _place(problem: Problem) -> str:
    return f"{plain(problem.path)}:{problem.line}:{problem.column}" if problem.line else plain(problem.path)


def _text(problem: Problem) -> str:
    context = f"  ({plain(problem.context)})" if problem.context else ""
    lines = [f"{_place(problem)}: {problem.severity}[{problem.code}]: {plain(problem.message)}{context}"]
    if problem.line and problem.source.strip():
        lines += _pointed(problem)
    if problem.help:
        lines.append(f"   = help: {plain(problem.help)}")
    return "\n".join(lines)


def _pointed(problem: Problem) -> list[str]:
    """The source line and the carets under the place, also below wide letters."""
    source, start = plain(problem.source), problem.column - 1
    if len(source) > _WIDTH:
        cut = max(0, min(start - _WIDTH // 2, len(source) - _WIDTH))
        source, start = source[cut : cut + _WIDTH], start - cut
    marked = source[start : start + problem.length]
    carets = " " * _columns(source[:start]) + "^" * max(1, _columns(marked))
    return [f"   | {source}".rstrip(), f"   | {carets}"]


def _columns(text: str) -> int:
    """Cells of a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def _json(problems: list[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    return json.dumps(
        {
            "problems": [asdict(problem) for problem in problems],
            "errors": errors,
            "warnings": len(problems) - errors,
            "files": len({problem.path for problem in problems}),
        },
        ensure_ascii=True,
        indent=2,
    )


def _github(problem: Problem) -> str:
    """A workflow command of GitHub Actions: shown beside the line in a pull request."""
    place = f",line={problem.line},col={problem.column}" if problem.line else ""
    if problem.line and problem.length > 1:
        place += f",endColumn={problem.column + problem.length}"
    text = problem.message + (f" ({problem.context})" if problem.context else "")
    text += f"\n{problem.help}" if problem.help else ""
    path = _escaped(problem.path).replace(":", "%3A").replace(",", "%2C")
    return f"::{problem.severity} file={path}{place},title={problem.code}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return plain(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))
