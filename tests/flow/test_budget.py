"""A fact that takes too long: the rule that asks for it cannot tell, and the others go on."""

import asyncio
from email.message import EmailMessage
from typing import Any

import pytest

from mailguard.mail.message import Message
from mailguard.records import HoldKind, State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, KIM, House


def policy(*rules: str) -> str:
    return "version: 1\nrules:\n" + "".join(f"  - {rule}\n" for rule in rules)


def asking(name: str, then: str, more: str = "") -> str:
    return f"{{id: {name}, when: {{words: {{any: [bluebird], in: [attachments]}}}}, then: [{then}]{more}}}"


def with_a_file() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = ANN, KIM, "Quote", "<file@corp.example>"
    mail.set_content("Hello")
    mail.add_attachment("about bluebird", filename="a.txt")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def slow_reading(house: House, gate: asyncio.Event) -> list[str]:
    """Files are read when the gate opens; what becomes of each try. A worker that hangs can't be had otherwise."""
    files: Any = house.service.intake._judge._files
    read, ends = files.read, list[str]()

    async def slowly(message: Message) -> Any:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            ends.append("cut off")
            raise
        ends.append("read")
        return await read(message)

    files.read = slowly
    return ends


@pytest.mark.parametrize(
    ("on_error", "state", "leaves_after"),
    [("hold", State.HELD, None), ("delay", State.QUEUED, 15), ("pass", State.SENT, 0)],
)
async def test_on_error_says_what_becomes_of_a_mail_that_a_rule_has_no_time_for(
    open_house: OpenHouse, on_error: str, state: State, leaves_after: int | None
) -> None:
    slow = asking("slow", "reject: true", f", budget: 50ms, on_error: {on_error}")
    tagging = "{id: other, when: {always: true}, then: [{add_header: {name: X-Other, value: went on}}]}"
    house = await open_house(rules=policy(slow, tagging))
    ends = slow_reading(house, asyncio.Event())
    queue_id = (await house.submit(with_a_file())).queue_id
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is state
    assert ends == ["cut off"]
    assert [(hold.rule, hold.kind) for hold in (await house.mail(queue_id)).holds] == (
        [("slow", HoldKind.ERROR)] if state is State.HELD else []
    )
    if leaves_after is not None:
        await house.wait(minutes=leaves_after)
        (arrived,) = house.arrived(KIM)
        assert arrived.message["X-Other"] == "went on"


async def test_a_rule_that_waits_longer_still_learns_it(open_house: OpenHouse) -> None:
    hasty = asking("hasty", "delay: 5m", ", budget: 50ms, on_error: pass")
    house = await open_house(rules=policy(hasty, asking("patient", "hold: sender_confirms")))
    gate = asyncio.Event()
    ends = slow_reading(house, gate)
    gate.set()
    queue_id = (await house.submit(with_a_file())).queue_id
    assert ends == ["read"]  # once, for as long as the more patient rule waits
    assert [hold.rule for hold in (await house.mail(queue_id)).holds] == ["patient"]
    assert {hit.rule for hit in (await house.mail(queue_id)).hits} == {"hasty", "patient"}
