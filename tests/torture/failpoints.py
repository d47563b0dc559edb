"""Points at which a test may end the process. In the product they are comments, which cost nothing:

    # failpoint: intake.stored

`install` makes Python read mailguard's files with these lines turned into calls of `hit`, and MAILGUARD_FAILPOINTS says
what happens there:

    intake.stored=kill@3        ends the process with SIGKILL at the third hit
    intake.stored=kill@1+0.05   fifty milliseconds after the first
    intake.stored=raise@2       an error nobody expects at the second and third: what is tried anew at once fails again
    intake.stored=nap@1+2       a thread (not the event loop) waits two seconds at each hit from the first

Without `install` the variable means nothing.
"""

import importlib.abc
import importlib.machinery
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

MARK = re.compile(r"^([ \t]+)# failpoint: ([\w.]+)$", re.MULTILINE)
_ORDER = re.compile(r"(?P<name>[\w.]+)=(?P<act>kill|nap|raise)@(?P<at>\d+)(?:\+(?P<seconds>[\d.]+))?")
_CALL = r'\1__import__("tests.torture.failpoints", fromlist=["hit"]).hit("\2")'

_hits: Counter[str] = Counter()


class Planted(Exception):
    """An error that no code of the product knows."""


@dataclass(frozen=True, slots=True)
class Order:
    """What happens at a point from its `at`th hit on."""

    act: str
    at: int
    seconds: float


def orders(text: str) -> dict[str, Order]:
    """`name=kill@3,other=nap@1+2`; ValueError for anything else."""
    found = {}
    for part in filter(None, text.split(",")):
        order = _ORDER.fullmatch(part)
        if order is None:
            raise ValueError(f"{part!r} is no failpoint: write name=kill@3, name=raise@1 or name=nap@1+2")
        found[order["name"]] = Order(order["act"], int(order["at"]), float(order["seconds"] or 0))
    return found


def hit(name: str) -> None:
    """Called where the comment stands."""
    order = orders(os.environ.get("MAILGUARD_FAILPOINTS", "")).get(name)
    if order is None:
        return
    _hits[name] += 1
    if order.act == "nap":
        if _hits[name] >= order.at and threading.current_thread() is not threading.main_thread():
            time.sleep(order.seconds)
    elif order.act == "raise":
        if order.at <= _hits[name] <= order.at + 1:
            raise Planted(name)
    elif _hits[name] == order.at:
        if order.seconds:
            threading.Timer(order.seconds, _die).start()
        else:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def points() -> dict[str, str]:
    """Every point's name, and the file it stands in."""
    root = Path(__file__).parents[2] / "mailguard"
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        for _, name in MARK.findall(path.read_text("utf-8")):
            if name in found:
                raise ValueError(f"two failpoints are called {name}")
            found[name] = path.relative_to(root).as_posix()
    return found


def armed(text: str) -> str:
    """A module's source with its failpoints turned into calls."""
    return MARK.sub(_CALL, text)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the source anew, never from the cache: that has no calls in it."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(armed(Path(path).read_text("utf-8")), path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "mailguard":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def install() -> None:
    """From now on, in this process. Before anything of mailguard is imported."""
    already = [name for name in sys.modules if name.partition(".")[0] == "mailguard"]
    if already:
        raise RuntimeError(f"too late for failpoints: {already[0]} is imported already")
    sys.meta_path.insert(0, _Finder())
