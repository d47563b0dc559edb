"""An archive is told what really left, whom it left out and who took it back: durably, and never in the mail's way."""

import email
import email.message
import email.policy
from typing import Any

import pytest

from mailguard.demo.world import Caught
from mailguard.errors import TemporaryFailure
from mailguard.records import Event, State
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, LEE, MO, House, letter, routes
from tests.unit.courier.peer import Peer

ARCHIVE = "journal@archive.example"
ALL = {"archive": {"to": ARCHIVE}}


async def journals(house: House, count: int = 1) -> list[Caught]:
    await eventually(lambda: len(house.world.to(ARCHIVE)) >= count)
    await eventually(lambda: not house.service.departures.journals._tasks)
    found = house.world.to(ARCHIVE)
    assert len(found) == count
    return found


def parts(one: Caught) -> tuple[list[str], bytes]:
    """The lines of the report, and the original byte for byte."""
    message: Any = email.message_from_bytes(one.raw, policy=email.policy.SMTP)
    report, original = message.iter_parts()
    assert original.get_content_type() == "message/rfc822"
    boundary = message.get_boundary().encode()
    behind = one.raw.split(b"--" + boundary)[2]
    return report.get_content().splitlines(), behind.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


async def test_what_left_is_journalled_with_its_real_envelope_and_the_mail_as_it_left(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config=ALL)
    queue_id = await house.send([KIM], cc=[MO], bcc=["secret@client.example"], subject="Angebot für Mai")
    await house.wait(minutes=6)
    (one,) = await journals(house)
    lines, original = parts(one)
    head = lines[: lines.index("")]
    assert head[:2] == [f"Sender: {ANN}", "Subject: Angebot für Mai"]
    assert head[3:] == [f"To: {KIM}", f"Cc: {MO}", "Bcc: secret@client.example"]
    rest = lines[lines.index("") :]
    assert f"Queue-ID: {queue_id}" in rest
    assert any(line.startswith(f"Sent: {KIM}; 20") and " 250 " in line for line in rest)
    (left, *_) = house.arrived(KIM)
    assert original == left.raw
    assert one.sender == ""
    assert b"X-MS-Journal-Report:" in one.raw
    assert (await house.events(queue_id))[-1] == "journal.sent"
    assert house.log_lines("journal.sent")[0]["facts"] == ["sent"]
    assert (await house.service.store.counts(house.clock.now())).journals_undelivered == 0


async def test_who_was_dropped_by_whom_and_a_cancelled_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config=ALL)
    await house.send([KIM, MO])
    link = await house.link(ANN, "Held")
    await house.press(link, "drop", recipient=MO)
    (one,) = await journals(house)
    lines, _ = parts(one)
    assert lines[3] == "", "nobody has it yet"
    (dropped,) = [line for line in lines if line.startswith("Dropped: ")]
    assert dropped.startswith(f"Dropped: {MO}; 20")
    assert f"by {ANN} (" in dropped
    assert any(line.startswith(f"Held: {KIM}") for line in lines)
    await house.press(link, "send", confirm=[KIM, MO])
    await house.quiet()
    _, other = await journals(house, 2)
    lines, original = parts(other)
    assert lines[3] == f"To: {KIM}"
    assert original == house.arrived(KIM)[0].raw
    assert MO.encode() not in original

    queue_id = await house.send([KIM])
    await house.press(await house.link(ANN, "Held"), "cancel", confirm=queue_id)
    *_, last = await journals(house, 3)
    lines, original = parts(last)
    assert any(line.startswith(f"Cancelled: {KIM}; 20") and f"by {ANN}" in line for line in lines)
    assert original.endswith(b"here is the quote.\r\n")


async def test_an_archive_that_refuses_delays_no_mail_and_is_told_until_it_takes_it(
    open_house: OpenHouse, peer: Peer
) -> None:
    peer.answers["DATA"] = ["550 5.7.1 no", "451 later"]
    house = await open_house(rules=DELAY, config=ALL | routes(archive_example=peer.port))
    await house.send([LEE])
    await house.quiet()
    assert len(house.arrived(LEE)) == 1
    await eventually(lambda: house.log_lines("journal.deferred"))
    await house.wait(seconds=40)
    await house.wait(minutes=2)
    await eventually(lambda: house.log_lines("journal.sent"))
    assert [line["attempt"] for line in house.log_lines("journal.deferred")] == [1, 2]
    assert house.log_lines("journal.sent")[0]["attempt"] == 3


async def test_a_store_that_is_away_for_a_moment_delays_a_journal_by_moments(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=DELAY, config=ALL)
    store, tries = house.service.store, [0]
    events = store.events

    async def away_twice(queue_id: str) -> list[Event]:
        tries[0] += 1
        if tries[0] <= 2:
            raise TemporaryFailure("the database is away")
        return await events(queue_id)

    monkeypatch.setattr(store, "events", away_twice)
    await house.send([LEE])
    await house.woken(lambda: tries[0] == 3)
    assert len(await journals(house)) == 1


async def test_a_journal_goes_round_in_no_circle(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config=ALL)
    await house.send([LEE])
    (one,) = await journals(house)
    assert (await house.submit(one.raw, [ARCHIVE], sender="")).code == 550, "nobody else speaks as notices.sender"
    await house.send([ARCHIVE])
    await house.wait(minutes=10)
    assert [mail.is_notice for mail in house.world.to(ARCHIVE)] == [True, False], "nothing is told of what it has"


async def test_a_mail_too_large_for_memory_and_a_restart_in_between(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config=ALL | {"smtp": {"limits": {"size": "20MB"}}})
    line = b"0123456789" * 7 + b"\r\n"
    raw = letter(to=LEE) + line * (9 << 20 >> 6)
    await house.submit(raw, [LEE])
    (one,) = await journals(house)
    _, original = parts(one)
    assert original == house.arrived(LEE)[0].raw
    assert original.endswith(raw)
    await house.restart()
    await house.quiet()
    assert len(house.world.to(ARCHIVE)) == 1


async def test_a_damaged_mail_is_told_without_itself(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config=ALL)
    queue_id = await house.send([KIM])
    link = await house.link(ANN, "Held")
    await house.service.store._write(  # type: ignore[attr-defined]
        lambda db: db.execute("UPDATE chunk SET data = zeroblob(length(data))")
    )
    await house.press(link, "cancel", confirm=queue_id)
    (one,) = await journals(house)
    message = email.message_from_bytes(one.raw)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/mixed", "text/plain"]
    assert "Original: not attached" in message.get_payload()[0].get_payload()  # type: ignore[union-attr, index]
    assert set((await house.states(queue_id)).values()) == {State.CANCELLED}
