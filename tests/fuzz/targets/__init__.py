"""One file a room; importing them all fills `target.TARGETS`."""

import importlib
import pkgutil


def load() -> None:
    """Import every file of this folder."""
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")
