"""From a document to a room's own frozen types; what does not fit becomes Problems a person can act on."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mailguard.document.problem import Problem
from mailguard.document.shape import Slot, slot_at
from mailguard.document.tree import Document, Loc
from mailguard.document.wording import Finding, shown, word

M = TypeVar("M")
Context = str | Callable[[Loc], str]
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}

# Errors about the kind of the value itself: in a union they only say "not this branch".
_KIND = re.compile(
    r"(string|int|float|bool|list|tuple|set|frozen_set|dict|mapping|model|dataclass|none|date|time).*_type"
)


class BadValue(ValueError):
    """For validators that know more than a sentence: the fix, a code, the place below the value (`at`)."""

    def __init__(
        self,
        text: str,
        help: str = "",  # noqa: A002 - the word people see
        *,
        code: str = "MG106",
        at: Loc = (),
        key: bool = False,
    ) -> None:
        super().__init__(text)
        self.help = help
        self.code = code
        self.at = tuple(at)
        self.key = key


def suggest(wrong: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant."""
    by_form = {_form(choice): choice for choice in choices}
    close = difflib.get_close_matches(_form(wrong), by_form, n=1, cutoff=0.6)
    return by_form[close[0]] if close else None


def did_you_mean(wrong: str, choices: Sequence[str]) -> str:
    """The help for an unknown word: a suggestion, else all choices when they are few."""
    found = suggest(wrong, choices)
    if found:
        return f'did you mean "{found}"?'
    return f"known here: {', '.join(choices)}" if choices else ""


def validate(
    document: Document, model: type[M], at: Loc = (), *, context: Context = ""
) -> tuple[M | None, list[Problem]]:
    """The part of the document at `at` as a `model`, or None and everything that is wrong with it.

    `context` names what a problem belongs to ("rule external-delay"), or is asked with the problem's place.
    """
    data = document.data
    for step in at:
        data = data[step]
    try:
        return adapter(model).validate_python(data), []
    except ValidationError as error:
        findings = findings_of(error, data, model)
    return None, [_problem(document, finding, tuple(at), context) for finding in findings]


def adapter(model: type[M]) -> TypeAdapter[M]:
    """The validator of a type; making one is slow, so it is kept."""
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    return cast("TypeAdapter[M]", _ADAPTERS[model])


def findings_of(error: ValidationError, data: Any, model: Any) -> list[Finding]:
    """Pydantic's errors as findings about places in `data`, one for each mistake."""
    return [
        _finding(details, loc, model, data)
        for loc, details in _best([(_in_data(details, data), details) for details in error.errors(include_url=False)])
    ]


def _problem(document: Document, finding: Finding, at: tuple[str | int, ...], context: Context) -> Problem:
    loc = at + finding.loc
    about = context(loc) if callable(context) else context
    return document.problem(loc, finding.code, finding.message, finding.help, about, key=finding.key)


def _in_data(details: ErrorDetails, data: Any) -> tuple[tuple[str | int, ...], tuple[str | int, ...]]:
    """The error's place in the data, and what pydantic put between (union branches, `[key]`)."""
    loc: list[str | int] = []
    tags: list[str | int] = []
    here = data
    steps = details["loc"]
    for number, step in enumerate(steps):
        if (isinstance(here, Mapping) and step in here) or _index(step, here):
            loc.append(step)
            here = here[step]
        elif number == len(steps) - 1 and details["type"].startswith("missing"):
            loc.append(step)
        else:
            tags.append(step)
    return tuple(loc), tuple(tags)


def _index(step: object, here: object) -> bool:
    return isinstance(here, list | tuple) and isinstance(step, int) and 0 <= step < len(here)


Placed = tuple[tuple[tuple[str | int, ...], tuple[str | int, ...]], ErrorDetails]


def _best(errors: list[Placed]) -> list[tuple[tuple[str | int, ...], ErrorDetails]]:
    """One error a mistake: of a union's branches the one that was probably meant.

    A branch that failed only because the value is of another kind says nothing when another went deeper.
    """
    branches: dict[tuple[str | int, ...], dict[object, list[Placed]]] = {}
    for placed in errors:
        (loc, tags), details = placed
        root = _union_root(details["loc"], tags) if tags else loc
        branches.setdefault(root, {}).setdefault(tags[:1], []).append(placed)
    chosen: list[tuple[tuple[str | int, ...], ErrorDetails]] = []
    for root, by_tag in branches.items():
        groups = [group for tag, group in by_tag.items() if tag]
        chosen += [(loc, details) for (loc, _), details in by_tag.get((), [])]
        if groups:
            deep = [group for group in groups if not _only_kind(group, root)]
            best = min(deep or groups, key=lambda group: (_rank(group), len(group)))
            chosen += [(loc, details) for (loc, _), details in best]
    return chosen


def _union_root(loc: Sequence[str | int], tags: Sequence[str | int]) -> tuple[str | int, ...]:
    return tuple(loc[: list(loc).index(tags[0])])


def _only_kind(group: list[Placed], root: tuple[str | int, ...]) -> bool:
    return all(loc == root and _KIND.fullmatch(details["type"]) for (loc, _), details in group)


def _rank(group: list[Placed]) -> int:
    """A branch with a sentence of its own, or a list of choices, says more than "must be text"."""
    kinds = {details["type"] for _, details in group}
    return 0 if kinds & {"value_error", "literal_error", "enum"} else 1


def _finding(details: ErrorDetails, loc: tuple[str | int, ...], model: Any, data: Any) -> Finding:
    raised = details.get("ctx", {}).get("error")
    if isinstance(raised, BadValue):
        return Finding(loc + raised.at, raised.code, str(raised), raised.help, key=raised.key)
    if details["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown(loc, slot_at(model, loc[:-1], data))
    if details["type"].startswith("missing"):
        return _missing(loc, slot_at(model, loc[:-1], data))
    finding = word(details, loc)
    meant = suggest(str(details["input"]), finding.choices)
    return finding.with_help(f'did you mean "{meant}"?') if meant else finding


def _unknown(loc: tuple[str | int, ...], slot: Slot) -> Finding:
    known = tuple(slot.keys)
    inside = where(loc[:-1])
    message = f"unknown key {shown(str(loc[-1]))}" + (f" in {inside}" if inside else "")
    return Finding(loc, "MG103", message, did_you_mean(str(loc[-1]), known), key=True)


def _missing(loc: tuple[str | int, ...], slot: Slot) -> Finding:
    name, inside = str(loc[-1]), where(loc[:-1])
    message = f'{inside} needs the key "{name}"' if inside else f'the key "{name}" is missing'
    return Finding(loc, "MG105", message, slot.keys.get(name, ""))


def where(loc: Loc) -> str:
    """A place as a person names it: `smtp.listeners`."""
    return ".".join(str(step) for step in loc if isinstance(step, str))


def _form(text: str) -> str:
    return text.casefold().replace("-", "_")
