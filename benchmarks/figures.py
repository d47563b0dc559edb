"""What a benchmark measured, kept as JSON beside what it shows."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def keep(file: Path, found: "Sequence[DataclassInstance]") -> None:
    """In a folder that is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", "utf-8")
