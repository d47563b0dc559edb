"""The default policy and the example configuration: packed into the wheel, or beside the package in a checkout."""

from pathlib import Path

import mailguard

_PACKAGE = Path(mailguard.__file__).parent


def default_rules() -> Path:
    """The folder of the shipped rules."""
    packed = _PACKAGE / "data" / "rules"
    return packed if packed.is_dir() else _PACKAGE.parent / "rules"


def example(name: str) -> Path:
    """A shipped example file, like `mailguard.yaml`."""
    packed = _PACKAGE / "data" / name
    return packed if packed.is_file() else _PACKAGE.parent / "deploy" / name
