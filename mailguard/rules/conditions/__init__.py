"""The conditions a rule can ask. Importing this package registers them all; each is one small file."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
