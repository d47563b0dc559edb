"""Header edits as they are kept: JSON, and each by its name."""

import dataclasses
import json
from collections.abc import Sequence

from mailguard.mail import headers
from mailguard.mail.headers import Edit

_KINDS: dict[str, type[Edit]] = {
    "prepend": headers.Prepend,
    "remove": headers.Remove,
    "remove_like": headers.RemoveLike,
    "add_cc": headers.AddCc,
    "drop": headers.Drop,
    "hide": headers.Hide,
    "swap": headers.Swap,
    "add": headers.Add,
    "replace": headers.Replace,
    "prefix": headers.Prefix,
    "splice": headers.Splice,
    "withheld": headers.Withheld,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_MEMBERS = {kind: tuple(each.name for each in dataclasses.fields(kind)) for kind in _NAMES}
_JSON = json.JSONEncoder(ensure_ascii=False).encode


def kind_of(edit: Edit) -> str:
    """The edit's name, as `dump` writes it."""
    return _NAMES[type(edit)]


def dump(edits: Sequence[Edit]) -> str:
    """The edits as JSON."""
    return _JSON([{"edit": _NAMES[type(edit)], **_said(edit)} for edit in edits])


def _said(edit: Edit) -> dict[str, object]:
    """Text and numbers, nothing that asdict() would have to copy."""
    return {name: getattr(edit, name) for name in _MEMBERS[type(edit)]}


def load(text: str) -> tuple[Edit, ...]:
    """The edits of `dump`; ValueError when it is something else."""
    try:
        return tuple(_KINDS[each.pop("edit")](**each) for each in json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no header edits: {error!r}") from error
