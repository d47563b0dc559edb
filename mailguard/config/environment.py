"""Settings from the environment: `MAILGUARD_SMTP__LIMITS__SIZE=50MB` is `smtp: {limits: {size: 50MB}}`."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from mailguard.document import yaml
from mailguard.document.core import scalar
from mailguard.document.model import suggest
from mailguard.document.problem import Problem
from mailguard.document.shape import kinds_at
from mailguard.errors import ConfigError

PREFIX = "MAILGUARD_"
ENVIRONMENT = "environment"  # what problems call the place
# Ours, and what Kubernetes puts into every container for services whose names start with "mailguard".
_RESERVED = re.compile(r"CONFIG|FAILPOINTS|PORT.*|SERVICE_.*|[A-Z0-9_]+_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP)).*")
_PLACE = re.compile(r"[0-9]{1,4}")

Loc = tuple[str | int, ...]


@dataclass
class Overridden:
    """The data with the environment's values in it, and which variable set what."""

    data: Any
    origins: dict[Loc, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, loc: Loc) -> str:
        """The variable that set the value at `loc`, or something around it; '' when the file did."""
        return next((self.origins[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in self.origins), "")


def override(data: Any, model: type[BaseModel], environ: Mapping[str, str]) -> Overridden:
    """`data` stays as it is; a variable that means no setting becomes a Problem."""
    found = Overridden(data)
    for name in sorted(environ):
        if name.startswith(PREFIX) and not _RESERVED.fullmatch(name.removeprefix(PREFIX)):
            problem = _set(found, model, name, environ[name])
            if problem:
                found.problems.append(problem)
    return found


def names(model: type[BaseModel]) -> Iterator[str]:
    """Every variable there is, for did-you-mean; `0` stands for any place in a list."""
    for loc in _places(model, ()):
        yield PREFIX + "__".join(str(step).upper() for step in loc)


def _places(model: Any, loc: Loc) -> Iterator[Loc]:
    for kind in kinds_at(model, ()):
        if _is_section(kind):
            for name, info in kind.model_fields.items():
                yield (*loc, name)
                yield from _places(info.annotation, (*loc, name))
        elif get_origin(kind) is tuple:
            yield from _places(get_args(kind)[0], (*loc, 0))


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _set(found: Overridden, model: type[BaseModel], name: str, text: str) -> Problem | None:
    loc: Loc = tuple(int(step) if _PLACE.fullmatch(step) else step for step in name[len(PREFIX) :].lower().split("__"))
    kinds = kinds_at(model, loc)
    if not kinds or not all(step != "" for step in loc):
        meant = suggest(name, names(model))
        how = f"did you mean {meant}?" if meant else "write MAILGUARD_ and the setting's path, with __ for each step"
        return _problem(f"{name} is not a setting", how)
    if not text.strip():
        return _problem(f"{name} is empty", "give it a value, or unset it")
    try:
        value = _value(name, text, kinds)
    except ConfigError as error:
        why = next((problem.message for problem in error.problems if isinstance(problem, Problem)), "not YAML")
        return _problem(f"{name}: {why}", "write a list like [a, b], or a mapping like {a: 1}")
    return _put(found, loc, name, value)


def _value(name: str, text: str, kinds: list[Any]) -> Any:
    """Text stays text where text is wanted: a password of digits is no number, one with a bracket no list."""
    several = any(get_origin(kind) in (tuple, dict) or _is_section(kind) for kind in kinds)
    if several and text.lstrip().startswith(("[", "{")):
        return yaml.parse(f"value: {text}", name).data["value"]
    wants_other = any(kind in (int, float, bool) or 1 in get_args(kind) for kind in kinds)
    return scalar(text.strip()) if wants_other else text


def _put(found: Overridden, loc: Loc, name: str, value: Any) -> Problem | None:
    changed = here = copy.deepcopy(found.data)
    for step, following in zip(loc, [*loc[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(here, list) and isinstance(step, int):
            if step > len(here):
                return _problem(f"{name}: there are only {len(here)} entries", f"the next one is {len(here)}")
            here += [fresh] if step == len(here) else []
        elif not isinstance(here, dict) or isinstance(step, int):
            return _problem(f"{name} does not fit what the file says there", "change it in the file")
        if following is None:
            here[step] = value
        elif isinstance(here, dict) and here.get(step) is None:
            here[step] = fresh
        here = here[step]
    found.data = changed
    found.origins[loc] = name
    _drop_twin(found, loc)
    return None


def _drop_twin(found: Overridden, loc: Loc) -> None:
    """A secret from the environment replaces the one of the file, also where that stands in its `*_file` twin."""
    last = str(loc[-1])
    twin = last.removesuffix("_file") if last.endswith("_file") else f"{last}_file"
    if (*loc[:-1], twin) in found.origins:
        return
    here = found.data
    for step in loc[:-1]:
        here = here[step]
    if isinstance(here, dict):
        here.pop(twin, None)


def _problem(message: str, how: str) -> Problem:
    return Problem("MG401", "error", ENVIRONMENT, 0, 0, 0, message, how)
