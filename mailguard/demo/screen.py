"""What the demo's terminal shows: every mail, its state, why, and when it leaves. Fits 80 by 24, and uses more."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mailguard.demo.cast import ANN, KIM
from mailguard.demo.stories import STORIES
from mailguard.records import Delivery, Mail, Mode, State

_COLOURS = {
    State.HELD: "bold magenta", State.QUEUED: "bold yellow", State.SENDING: "cyan",
    State.SENT: "green", State.FAILED: "bold red", State.CANCELLED: "dim",
}  # fmt: skip
_WIDE = 120  # columns, from which everything of a mail fits on a line or two
_STATE = 10  # columns of "waits 4:56"
_OURS = "@corp.example"
_FRAME = 2  # lines of the title and the table's head


@dataclass(frozen=True, slots=True)
class Scene:
    """What the screen knows besides the mails."""

    stories: Mapping[str, int]  # queue id -> number of its story
    past: Set[str]  # queue ids of before the curtain rose
    ports: Mapping[str, int]


def draw(scene: Scene, mails: Sequence[Mail], now: datetime, width: int, height: int) -> RenderableType:
    """Mails above, what to try and where below; what doesn't fit is left out, the oldest first."""
    foot = _foot(scene, mails)
    room = max(1, height - _FRAME - foot.row_count - 1)
    rows = _wide if width >= _WIDE else _narrow
    table, shown = rows(scene, mails, now, width, room)
    return Group(_title(len(mails), shown), table, Text(), foot)


def changed(mail: Mail, now: datetime) -> str:
    """One line, for where there is no screen."""
    return f"{mail.queue_id} {_state(mail, now).plain:11} {mail.subject} → {_recipients(mail).plain} ({_why(mail)})"


def places(ports: Mapping[str, int]) -> tuple[tuple[str, str, str], ...]:
    """What one can do, where, and a remark."""
    return (
        ("Open", f"http://127.0.0.1:{ports['page']}", "caught mail; the links in mailguard's notices work"),
        ("", f"http://127.0.0.1:{ports['web']}/outbox", f"sign in as {ANN}, code by mail"),
        ("Send", f"swaks -s 127.0.0.1:{ports['smtp']} -f {ANN} -t {KIM}", ""),
    )


def _title(count: int, shown: int) -> Text:
    hidden = f" ({count - shown} older not shown)" if shown < count else ""
    return Text.assemble(
        ("mailguard demo", "bold reverse"), (f" {count} mails{hidden} · ", "dim"), ("! marked", "bold red"),
        (" · ", "dim"), ("arrived", "green"), (" · Ctrl-C ends it", "dim"), no_wrap=True, overflow="ellipsis",
    )  # fmt: skip


def _grid(*columns: str) -> Table:
    grid = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for column in columns:
        grid.add_column(column, no_wrap=True, overflow="ellipsis")
    grid.columns[1].min_width = _STATE
    return grid


def _narrow(scene: Scene, mails: Sequence[Mail], now: datetime, width: int, room: int) -> tuple[Table, int]:
    """The reason in full below the mail, or its first line, or none, as there is room."""
    grid = _grid("#", "STATE", "MAIL")
    grid.columns[2].ratio = 1
    column = width - _STATE - 5
    full = sum(1 + _lines(_why(mail), column) for mail in mails) <= room
    detail = full or 2 * len(mails) <= room
    shown = mails[-room:]
    for mail in shown:
        cell = Table.grid(expand=True)
        cell.add_column(no_wrap=True, overflow="ellipsis")
        cell.add_row(Text.assemble((mail.subject, "bold"), " → ", _recipients(mail)))
        if detail:
            cell.add_row(Text(_why(mail), "dim", no_wrap=not full, overflow="fold" if full else "ellipsis"))
        grid.add_row(_number(scene, mail), _state(mail, now), cell)
    return grid, len(shown)


def _wide(scene: Scene, mails: Sequence[Mail], now: datetime, width: int, room: int) -> tuple[Table, int]:
    """A line for each mail; reasons in full if there is room."""
    grid = _grid("#", "STATE", "SUBJECT", "TO", "WHY")
    ratios = (4, 5, 8)
    for column, ratio in zip(grid.columns[2:], ratios, strict=True):
        column.ratio = ratio
    column_width = (width - _STATE - 8) * ratios[2] // sum(ratios) - 1
    full = sum(_lines(_why(mail), column_width) for mail in mails) <= room
    grid.columns[4].no_wrap = not full
    shown = mails[-room:]
    for mail in shown:
        grid.add_row(
            _number(scene, mail), _state(mail, now), Text(mail.subject, "bold"), _recipients(mail),
            Text(_why(mail), "dim"),
        )  # fmt: skip
    return grid, len(shown)


def _lines(text: str, width: int) -> int:
    """How many it takes at most."""
    return len(wrap(text, max(width, 20))) or 1


def _number(scene: Scene, mail: Mail) -> Text:
    return Text(str(scene.stories.get(mail.queue_id, "·")), "bold cyan")


def _state(mail: Mail, now: datetime) -> Text:
    words = f"waits {left}" if (left := _countdown(mail, now)) else mail.state.value
    return Text(words, _COLOURS[mail.state])


def _countdown(mail: Mail, now: datetime) -> str:
    due = min((d.due_at for d in mail.deliveries if d.due_at and d.state is State.QUEUED), default=None)
    if mail.open_holds or due is None:
        return ""
    seconds = max(0, int((due - now).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _recipients(mail: Mail) -> Text:
    """Those that still wait first: they are what it is about."""
    first = sorted(mail.deliveries, key=lambda d: (d.state is State.SENT, not d.flagged))
    return Text(", ").join(_recipient(d) for d in first)


def _recipient(delivery: Delivery) -> Text:
    """Ours by the name alone, so that everybody else stands out."""
    name = delivery.address.removesuffix(_OURS)
    if delivery.state is State.SENT:
        return Text(name, "green")
    if delivery.state is State.CANCELLED:
        return Text(name, "dim strike")
    return Text(f"! {name}", "bold red") if delivery.flagged else Text(name)


def _why(mail: Mail) -> str:
    reasons = [hold.reason for hold in mail.open_holds]
    reasons = reasons or [hit.reason for hit in mail.hits if hit.mode is Mode.ENFORCE]
    return " · ".join(dict.fromkeys(reasons)) or "no rule asks for a wait: it left at once"


def _foot(scene: Scene, mails: Sequence[Mail]) -> Table:
    foot = Table.grid(padding=(0, 1), expand=True)
    foot.add_column(style="bold", no_wrap=True)
    foot.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for what, where, why in places(scene.ports):
        foot.add_row(what, Text.assemble((where, "cyan"), (f"  {why}", "dim")))
    waiting = {scene.stories.get(mail.queue_id) for mail in mails if not mail.state.final}
    for index, story in enumerate(STORIES):
        over = story.number not in waiting
        hint = Text.assemble((f"{story.number} ", "bold cyan"), f"{story.title}: {story.try_it}")
        foot.add_row("" if index else "Try", Text(hint.plain, "dim strike") if over else hint)
    return foot
