"""What the demo's terminal shows: it fits, whatever the size, and says what matters first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from mailguard.cli.packaged import default_rules
from mailguard.demo import site
from mailguard.demo.screen import Scene, draw
from mailguard.demo.site import ports
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.records import Action, Delivery, Hit, Hold, Mail, Mode, State

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
REASON = "Everyone else is inside the company. You have never written to ward@client.example together with the others"


def mail(number: int, *deliveries: Delivery, held: bool = False, hits: tuple[Hit, ...] = ()) -> Mail:
    recipients = tuple(delivery.recipient for delivery in deliveries)
    return Mail(
        f"Q{number}", Envelope("ann@corp.example", recipients), Identity("ann@corp.example", Proof.NETWORK), 1, b"",
        NOW, (), deliveries, (Hold("unexpected-cc", REASON),) if held else (), hits, (), "", subject=f"Mail {number}",
    )  # fmt: skip


def copy(address: str, state: State = State.QUEUED, flagged: str = "") -> Delivery:
    due = NOW + timedelta(minutes=4, seconds=5) if state is State.QUEUED else None
    return Delivery(Recipient(address), "next:25", state, due, flagged=flagged)


def screen(mails: list[Mail], width: int = 80, height: int = 24) -> list[str]:
    scene = Scene({"Q1": 1}, frozenset(), ports(None))
    console = Console(width=width, height=height, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(draw(scene, mails, NOW, width, height))
    return capture.get().splitlines()


def some(count: int) -> list[Mail]:
    return [mail(n, copy("lee@corp.example"), copy("ward@client.example", flagged="!")) for n in range(1, count + 1)]


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_it_fits_into_the_terminal(width: int, count: int) -> None:
    lines = screen(some(count), width, 24)
    assert len(lines) <= 24
    assert max(len(line) for line in lines) <= width


def test_what_does_not_fit_is_left_out_from_the_oldest_on() -> None:
    text = "\n".join(screen(some(40)))
    assert "Mail 40 " in text
    assert "Mail 1 " not in text
    assert "older not shown" in text


def test_a_mail_that_waits_counts_down_and_names_the_marked_recipient_first() -> None:
    (line,) = [line for line in screen(some(1)) if "Mail 1" in line]
    assert line.split() == ["1", "waits", "4:05", "Mail", "1", "→", "!", "ward@client.example,", "lee"]


@pytest.mark.parametrize("width", [80, 140])
def test_the_reason_is_given_in_full_where_there_is_room(width: int) -> None:
    held = mail(1, copy("ward@client.example", State.HELD, "!"), held=True)
    words = " ".join(" ".join(screen([held], width, 40)).split())
    assert REASON.rpartition("together")[2] in words
    assert " held " in words


def test_what_a_rule_in_audit_says_is_not_the_reason() -> None:
    hit = Hit("quiet", Mode.AUDIT, Action.HOLD, "would have held it")
    text = "\n".join(screen([mail(1, copy("lee@corp.example", State.SENT), hits=(hit,))], 80, 40))
    assert "would have held it" not in text
    assert "left at once" in text


def test_a_port_that_begins_like_another_one_stays_whole(tmp_path: Path) -> None:
    config = site.build(tmp_path / "site", default_rules(), {"smtp": 25263, "world": 45065, "web": 12345})
    assert [listener.bind for listener in config.smtp.listeners] == ["127.0.0.1:25263"]
    assert config.next_hop.smarthost == "127.0.0.1:45065"
