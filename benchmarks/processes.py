"""What a process, its children and the whole machine have used, read from /proc (proc(5))."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def machine_cpu() -> float:
    """Seconds of CPU all processes have used since the machine started; waiting and stolen time left out."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, _PROC.joinpath("stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICKS


def tree(root: int) -> list[int]:
    """The process and all that descend from it, those that ended meanwhile left out."""
    children: dict[int, list[int]] = {}
    for pid, fields in _all():
        children.setdefault(int(fields[1]), []).append(pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def tree_cpu(root: int) -> float:
    """Seconds of CPU used by the process, its living descendants and the children it has waited for."""
    members = set(tree(root))
    ticks = sum(sum(map(int, fields[11:15])) for pid, fields in _all() if pid in members)
    return ticks / _TICKS


def resident(root: int, field: str) -> int:
    """Bytes of memory of the process and its descendants; field is VmRSS (now) or VmHWM (the most so far)."""
    return sum(_status(pid, field) for pid in tree(root))


def proportional(root: int) -> int:
    """Bytes of memory of the process and its descendants, each shared page counted once in all (Pss)."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            lines = _PROC.joinpath(str(pid), "smaps_rollup").read_text("utf-8", "replace").splitlines()
            total += next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    return total


def forget_peak(root: int) -> None:
    """VmHWM starts again from here."""
    for pid in tree(root):
        _PROC.joinpath(str(pid), "clear_refs").write_text("5")


def _all() -> Iterator[tuple[int, list[str]]]:
    """(pid, fields of stat from the state on); the name before them may hold spaces and brackets."""
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                text = folder.joinpath("stat").read_text("utf-8", "replace")
            except OSError:
                continue
            yield int(folder.name), text.rpartition(")")[2].split()


def _status(pid: int, field: str) -> int:
    try:
        lines = _PROC.joinpath(str(pid), "status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
