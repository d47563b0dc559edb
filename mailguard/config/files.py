"""Paths in the settings: made absolute, and the secrets that stand in files of their own read in."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from mailguard.document.wording import Finding

MAX_SECRET = 64 << 10
_NO_FILE = "is a pipe, a socket or a device, and no file"

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
        elif isinstance(value, tuple):
            changes[name] = tuple(_with_secrets(item, findings, (*loc, name, at)) for at, item in enumerate(value))
        elif twin != name and isinstance(value, Path) and hasattr(section, twin):
            changes[twin] = _secret(value, getattr(section, twin), findings, (*loc, name))
    return section.model_copy(update=changes)


def inline_secrets(section: BaseModel, loc: Loc = ()) -> Iterator[Loc]:
    """Where a secret stands in the configuration itself, and not in a file of its own."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        nested: Iterable[tuple[Any, Any]] = [(None, value)]
        if isinstance(value, dict | tuple):
            nested = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in nested:
            here = (*loc, name) if key is None else (*loc, name, key)
            if isinstance(item, BaseModel):
                yield from inline_secrets(item, here)
            elif isinstance(item, SecretStr) and getattr(section, f"{name}_file", None) is None:
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
        return SecretStr(_line(path))
    except Unusable as error:
        findings.append(Finding(loc, "MG402", str(error), error.how))
        return None


class Unusable(Exception):
    """Why a file is no secret, and what to do."""

    def __init__(self, why: str, how: str = "write the secret alone into it, in one line") -> None:
        super().__init__(why)
        self.how = how


def _line(path: Path) -> str:
    """The secret in this file; raises Unusable."""
    data = content(path)
    if len(data) > MAX_SECRET:
        raise Unusable(f"{path} is longer than {MAX_SECRET >> 10} KB, which no secret is")
    try:
        secret = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Unusable(
            f"{path} cannot be used: not UTF-8 text", "save it as plain UTF-8 text, the secret alone in it"
        ) from None
    if not secret or "\n" in secret:
        raise Unusable(f"{path} is empty" if not secret else f"{path} holds more than one line")
    return secret


def content(path: Path) -> bytes:
    """What is in this file; raises Unusable.

    No more of it than tells that it is too long; of a pipe nothing, whose writer would be waited for for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _check_kind(path, os.fstat(descriptor).st_mode)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_SECRET + 1)
        finally:
            os.close(descriptor)
    except PermissionError:
        how = f"let the user of the service read it, like chgrp mailguard {path} && chmod g+r {path}"
        raise Unusable(f"{path} cannot be used: permission denied", how) from None
    except OSError as error:
        why = _NO_FILE if error.errno == errno.ENXIO else (error.strerror or str(error)).lower()
        raise Unusable(f"{path} cannot be used: {why}", "name the file in which the secret stands alone") from None


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise Unusable(f"{path} cannot be used: is a directory", "name the file in it that holds the secret")
    if not stat.S_ISREG(mode):
        how = "write the secret into an ordinary file that only the service can read, and name that"
        raise Unusable(f"{path} cannot be used: {_NO_FILE}", how)
