"""The table: fault, what is promised, runs, lost, duplicated. For a terminal, and for docs/reliability.md."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.torture.fault import Fault

BEGIN, END = "<!-- written by make torture: begin -->", "<!-- written by make torture: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """What one run counted; `error` is empty when its promise held."""

    fault: str  # its id
    number: int
    accepted: int = 0
    lost: int = 0
    duplicated: int = 0
    kills: int = 0
    seconds: float = 0.0
    note: str = ""
    error: str = ""


@dataclass(slots=True)
class Row:
    """All runs of one fault."""

    fault: Fault
    results: list[Result] = field(default_factory=list)

    def sum(self, what: str) -> int:
        return sum(getattr(result, what) for result in self.results)

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.error]

    @property
    def note(self) -> str:
        """The last run's figure."""
        return next((result.note for result in reversed(self.results) if result.note), "")


def rows(faults: Sequence[Fault], results: Iterable[Result]) -> list[Row]:
    """In the order of the faults; one that did not run has an empty row."""
    made = {one.id: Row(one) for one in faults}
    for result in results:
        made[result.fault].results.append(result)
    return list(made.values())


_COLUMNS = ("fault", "what we promise", "runs", "accepted", "kills", "lost", "duplicated")


def _cells(row: Row) -> list[str]:
    counts = [len(row.results), row.sum("accepted"), row.sum("kills"), row.sum("lost"), row.sum("duplicated")]
    dot = " (allowed)" if row.fault.at_the_dot and row.sum("duplicated") else ""
    return [row.fault.name, row.fault.promise, *map(_number, counts[:-1]), _number(counts[-1]) + dot]


def _number(count: int) -> str:
    return f"{count:,}"


def total(found: Sequence[Row]) -> str:
    """One sentence over everything."""
    runs, failed = sum(len(row.results) for row in found), sum(len(row.failed) for row in found)
    sums = {what: sum(row.sum(what) for row in found) for what in ("accepted", "kills", "lost", "duplicated")}
    return (
        f"{_number(runs)} runs of {len(found)} faults, {_number(failed)} of them failed; "
        f"{_number(sums['accepted'])} mails accepted, {_number(sums['kills'])} processes killed; "
        f"{_number(sums['lost'])} lost, {_number(sums['duplicated'])} duplicated"
        if not failed
        else f"{_number(runs)} runs of {len(found)} faults: {_number(failed)} FAILED"
    )


def show(found: Sequence[Row], console: Console) -> None:
    """The table, and what failed."""
    group = ""
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(_COLUMNS):
        drawn.add_column(name, justify="left" if number < 2 else "right", overflow="fold")
    for row in found:
        if row.fault.group != group:
            group = row.fault.group
            drawn.add_row(f"[bold]{group}")
        drawn.add_row(*_cells(row), style="red" if row.failed else None)
        if row.note:
            drawn.add_row("", f"[dim]{row.note}")
    console.print(drawn)
    for row in found:
        for result in row.failed[:3]:
            console.print(f"FAILED {row.fault.id}, run {result.number}: {result.error}", style="red", markup=False)
    console.print(total(found), style="bold", markup=False)


def write(path: Path, found: Sequence[Row], how: str) -> None:
    """Put the table between its marks in the document; ValueError when they are not there."""
    text = path.read_text("utf-8")
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"{path} has no place for the table: {BEGIN} … {END}")
    path.write_text(marked.sub(lambda _: f"{BEGIN}\n{_markdown(found, how)}\n{END}", text), "utf-8")


def _markdown(found: Sequence[Row], how: str) -> str:
    lines = [f"{how} {total(found)}."]
    for group in dict.fromkeys(row.fault.group for row in found):
        lines += ["", f"### {group}", "", f"| {' | '.join(_COLUMNS)} |", "|---|---|---:|---:|---:|---:|---:|"]
        for row in found:
            if row.fault.group == group:
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |")
        notes = [f"* {row.fault.name}: {row.note}" for row in found if row.fault.group == group and row.note]
        lines += ["", *notes] if notes else []
    return "\n".join(lines)
