"""What a model allows at a place: its field names for did-you-mean, its examples for a missing key."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from mailguard.document.described import descriptions

_LISTS = (tuple, list, set, frozenset)


@dataclass(frozen=True)
class Slot:
    """The keys a mapping may have at a place, with the help for each where it is missing."""

    keys: Mapping[str, str] = field(default_factory=dict)


def slot_at(model: Any, loc: Sequence[str | int], data: Any) -> Slot:
    """The keys allowed at `loc`; of several possible models, those that share a key with the data, if any."""
    for step in loc:
        data = data[step] if isinstance(data, Mapping) or isinstance(step, int) else None
    tables = [table for kind in kinds_at(model, loc) for table in _tables(kind)]
    fitting = [table for table in tables if isinstance(data, Mapping) and table.keys() & data.keys()]
    merged: dict[str, str] = {}
    for table in fitting or tables:
        merged.update(table)
    return Slot(merged)


def kinds_at(model: Any, loc: Sequence[str | int]) -> list[Any]:
    """The types allowed at `loc`, unwrapped; none when there is no such place."""
    found = [model]
    for step in loc:
        found = [inner for kind in found for inner in _inside(kind, step)]
    return [option for kind in found for option in _options(kind)]


def _options(kind: Any) -> list[Any]:
    """A type without its wrapping: the members of a union, the value of an Annotated."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _options(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [option for part in get_args(kind) for option in _options(part)]
    return [kind]


def _inside(kind: Any, step: str | int) -> list[Any]:
    """The types of what stands at `step` in a value of this type."""
    inner: list[Any] = []
    for option in _options(kind):
        args = [arg for arg in get_args(option) if arg is not Ellipsis]
        if isinstance(step, int):
            inner += args[:1]
        elif (table := _hints(option)) is not None:
            inner += [table[step]] if step in table else []
        elif args and get_origin(option) not in _LISTS:
            inner.append(args[-1])
    return inner


def _hints(kind: Any) -> dict[str, Any] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
    return get_type_hints(kind, include_extras=True) if is_dataclass(kind) else None


def _tables(kind: Any) -> list[dict[str, str]]:
    tables: list[dict[str, str]] = []
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, BaseModel):
            tables.append({info.alias or name: _help(name, option) for name, info in option.model_fields.items()})
        elif is_dataclass(option):
            tables.append(dict.fromkeys((part.name for part in fields(option)), ""))
    return tables


def _help(name: str, model: type[BaseModel]) -> str:
    """Its example, else what it is for."""
    info = model.model_fields[name]
    key = info.alias or name
    if info.examples:
        return f"for example {key}: {info.examples[0]}"
    described = descriptions(model).get(key, "").splitlines()
    return f"{key}: {described[0].rstrip('.')}" if described else ""
