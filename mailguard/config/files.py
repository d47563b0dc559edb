"""Paths in the settings: made absolute, and the secrets that stand in files of their own read in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from mailguard.document.wording import Finding

MAX_SECRET = 64 << 10

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


def anchored(section: M, folder: Path) -> M:
    """The settings with every relative path taken from `folder`, where the configuration is."""
    changes = {name: _anchored(getattr(section, name), folder) for name in type(section).model_fields}
    return section.model_copy(update=changes)


def with_secrets(section: M, findings: list[Finding], loc: Loc = ()) -> M:
    """The settings with each `NAME_file` read into its twin `NAME`; what goes wrong is added to `findings`."""
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        twin = name.removesuffix("_file")
        if isinstance(value, BaseModel):
            changes[name] = with_secrets(value, findings, (*loc, name))
        elif isinstance(value, dict):
            changes[name] = {key: _with_secrets(item, findings, (*loc, name, key)) for key, item in value.items()}
        elif twin != name and isinstance(value, Path) and hasattr(section, twin):
            changes[twin] = _secret(value, getattr(section, twin), findings, (*loc, name))
    return section.model_copy(update=changes)


def inline_secrets(section: BaseModel, loc: Loc = ()) -> Iterator[Loc]:
    """Where a secret stands in the configuration itself."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        nested = value.items() if isinstance(value, dict) else [(None, value)]
        for key, item in nested:
            here = (*loc, name) if key is None else (*loc, name, key)
            if isinstance(item, BaseModel):
                yield from inline_secrets(item, here)
            elif isinstance(item, SecretStr):
                yield here


def open_to_others(path: Path) -> bool:
    """Whether every user of this machine can read the file."""
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def _anchored(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        return anchored(value, folder)
    if isinstance(value, tuple):
        return tuple(_anchored(item, folder) for item in value)
    if isinstance(value, dict):
        return {key: _anchored(item, folder) for key, item in value.items()}
    return value


def _with_secrets(value: Any, findings: list[Finding], loc: Loc) -> Any:
    return with_secrets(value, findings, loc) if isinstance(value, BaseModel) else value


def _secret(path: Path, given: SecretStr | None, findings: list[Finding], loc: Loc) -> SecretStr | None:
    name = str(loc[-1])
    if given is not None:
        twin = name.removesuffix("_file")
        findings.append(Finding(loc, "MG402", f"both {twin} and {name} are given", "keep one", key=True))
        return given
    try:
        data = path.read_bytes()[: MAX_SECRET + 1]
        secret = data.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "not UTF-8 text").lower()
        findings.append(
            Finding(loc, "MG402", f"{path} cannot be used: {why}", "it holds the secret alone, in one line")
        )
        return None
    if not secret or len(data) > MAX_SECRET or "\n" in secret:
        why = "is empty" if not secret else "holds more than one line"
        findings.append(Finding(loc, "MG402", f"{path} {why}", "it holds the secret alone, in one line"))
        return None
    return SecretStr(secret)
