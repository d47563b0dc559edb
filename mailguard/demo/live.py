"""The demo's terminal view: every mail, its state, why, and when it leaves."""

from collections.abc import Mapping
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mailguard.clock import Clock
from mailguard.demo.stories import STORIES
from mailguard.records import Kind, Mail, State
from mailguard.store.base import Filter, Store

_COLOURS = {
    State.HELD: "bold magenta", State.QUEUED: "yellow", State.SENDING: "cyan",
    State.SENT: "green", State.FAILED: "red", State.CANCELLED: "dim",
}  # fmt: skip


async def watch(store: Store, clock: Clock, stories: Mapping[str, int], places: str) -> None:
    """Draw until cancelled; without a terminal print a line whenever a mail changes."""
    console = Console()
    if not console.is_terminal:
        await _print_changes(store, clock)
        return
    with Live(console=console, refresh_per_second=4, screen=False) as live:
        while True:
            mails = await _mails(store)
            live.update(Group(_table(mails, clock.now(), stories), Text(places, style="dim"), _hints()))
            await clock.sleep(0.5)


async def _mails(store: Store) -> list[Mail]:
    found = await store.find(Filter(limit=40))
    return [mail for mail in reversed(found) if mail.kind is Kind.MAIL]


async def _print_changes(store: Store, clock: Clock) -> None:
    seen: dict[str, State] = {}
    while True:
        for mail in await _mails(store):
            if seen.get(mail.queue_id) is not mail.state:
                seen[mail.queue_id] = mail.state
                why = ", ".join(hit.rule for hit in mail.hits if hit.mode == "enforce")
                print(f"{mail.queue_id} {mail.state.value:9} {mail.subject} ({why or 'no rule'})", flush=True)
        await clock.sleep(0.5)


def _table(mails: list[Mail], now: datetime, stories: Mapping[str, int]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for column in ("#", "STATE", "LEAVES IN", "SUBJECT", "TO", "WHY"):
        table.add_column(column, overflow="ellipsis", no_wrap=column != "WHY")
    for mail in mails:
        table.add_row(
            str(stories.get(mail.queue_id, "")), Text(mail.state.value, _COLOURS[mail.state]),
            _countdown(mail, now), Text(mail.subject), Text(_recipients(mail)), Text(_why(mail)),
        )  # fmt: skip
    return table


def _countdown(mail: Mail, now: datetime) -> str:
    if mail.open_holds:
        return "a person"
    due = min((d.due_at for d in mail.deliveries if d.due_at and d.state is State.QUEUED), default=None)
    if due is None:
        return ""
    seconds = max(0, int((due - now).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _recipients(mail: Mail) -> str:
    return ", ".join(f"{d.address}{' !' if d.flagged else ''}" for d in mail.deliveries)


def _why(mail: Mail) -> str:
    holds = [hold.reason for hold in mail.open_holds]
    return "; ".join(holds or [hit.reason for hit in mail.hits if hit.mode == "enforce"]) or "no rule: left at once"


def _hints() -> Text:
    lines = [f"{story.number}. {story.title}: {story.try_it}" for story in STORIES]
    return Text("\n".join(lines))
