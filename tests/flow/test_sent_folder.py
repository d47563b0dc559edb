"""A real Dovecot's Sent folder, after a mail left otherwise than it was sent."""

import asyncio
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Literal

import pytest

from mailguard import imap
from mailguard.imap import AsSent
from mailguard.records import SentCopyClaim, State
from mailguard.sent_copies import LOOK
from mailguard.testing import MONDAY, eventually
from tests.dovecot import MASTER, MASTER_PASSWORD, Dovecot
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, KIM, LEE, MO, House, letter
from tests.unit.dkim.verifier import ED25519

pytestmark = pytest.mark.clients("dovecot")

Open = Callable[..., Awaitable[House]]
FOOT = "  - {id: foot, when: {always: true}, then: [{disclaimer: {text: 'Corp Example, Warsaw', edit_signed: true}}]}\n"


@pytest.fixture
async def dovecot() -> AsyncIterator[Dovecot]:
    server = Dovecot(people=(ANN, LEE, "ann"))
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.to_thread(server.remove)


@pytest.fixture
async def opened(open_house: OpenHouse, dovecot: Dovecot, tmp_path: Path) -> Open:
    """Keywords are settings of the Sent folder."""
    (tmp_path / "dkim.pem").write_bytes(ED25519)
    key = {"domain": "corp.example", "selector": "ed1", "key_file": str(tmp_path / "dkim.pem")}

    async def build(**more: Any) -> House:
        sent = {
            "server": dovecot.url(), "master": MASTER, "password": MASTER_PASSWORD, "ca_file": str(dovecot.ca_file),
            **more,
        }  # fmt: skip
        return await open_house(rules=DELAY + FOOT, config={"sent_folder": sent, "dkim": [key]})

    return build


SIGNED = "v=1; a=rsa-sha256; d=corp.example; s=client; h=from; bh=AAAA; b=AAAA"
MAIL = letter(ANN, f"{KIM}, {MO}", subject="Quote", Message_ID="<quote@corp.example>", DKIM_Signature=SIGNED)
OTHER = letter(ANN, KIM, subject="Another", Message_ID="<another.quote@corp.example>")


def kept(dovecot: Dovecot, user: str = ANN, folder: str = "Sent") -> list[tuple[str, Message]]:
    """Flags and mail, of whatever is there now."""
    place = dovecot.place(user, folder)
    files = [path for part in ("cur", "new") for path in (place / part).iterdir()]
    return sorted(
        ((path.name.rpartition(",")[2], message_from_bytes(path.read_bytes())) for path in files),
        key=lambda pair: "X-Mailguard-As-Sent" in pair[1],
    )


async def send(house: House) -> str:
    """To two, of whom one is taken off."""
    queue_id = (await house.submit(MAIL, [KIM, MO])).queue_id
    view = await house.service.desk.own(ANN, queue_id)
    assert view
    await house.service.desk.drop(view, [MO], view.seen)
    await house.wait(minutes=6)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    return queue_id


async def settled(house: House, queue_id: str) -> list[str]:
    return [
        event.data["outcome"]
        for event in await house.service.store.events(queue_id)
        if event.kind == "sent_copy.settled"
    ]


async def outcome(house: House, queue_id: str) -> str:
    async def done() -> bool:
        await house.clock.advance(LOOK)
        return bool(await settled(house, queue_id))

    await eventually(done)
    (found,) = await settled(house, queue_id)
    return found


async def test_the_mail_as_it_left_stands_beside_the_one_that_was_written(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [MAIL, OTHER])
    house = await opened()
    queue_id = await send(house)
    assert await outcome(house, queue_id) == "corrected"
    (_, first), (_, other), (flags, copy) = kept(dovecot)
    assert {first["Subject"], other["Subject"]} == {"Quote", "Another"}
    assert (copy["X-Mailguard-As-Sent"], copy["Message-ID"]) == (queue_id, "<quote@corp.example>")
    assert copy["To"] == KIM
    assert (copy["X-Mailguard-Sent-To"], copy["X-Mailguard-Not-Sent-To"]) == (KIM, MO)
    assert "here is the quote" in copy.get_payload()
    assert "Corp Example, Warsaw" in copy.get_payload(), "what a rule changed in the text is in it"
    assert "DKIM-Signature" not in copy, "a rule broke it, so it left without"
    assert "S" in flags, "nobody has to read it"


@pytest.mark.parametrize(("old", "flags"), [("flag", "FS"), ("remove", None)])
async def test_the_old_one_is_flagged_or_removed_where_the_settings_say_so_and_no_other_is(
    opened: Open, dovecot: Dovecot, old: str, flags: str | None
) -> None:
    dovecot.put(ANN, [MAIL, OTHER])
    house = await opened(old=old)
    assert await outcome(house, await send(house)) == "corrected"
    found = {mail["Message-ID"]: marks for marks, mail in kept(dovecot) if "X-Mailguard-As-Sent" not in mail}
    assert found.pop("<another.quote@corp.example>") == "S"
    assert found.get("<quote@corp.example>") == flags
    assert sum("X-Mailguard-As-Sent" in mail for _, mail in kept(dovecot)) == 1


async def test_a_server_that_is_away_is_asked_again_and_no_mail_waits_for_it(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [MAIL])
    house = await opened()
    await asyncio.to_thread(dovecot.stop)
    queue_id = await send(house)

    async def put_off() -> bool:
        await house.clock.advance(LOOK)
        return "sent_copy.put_off" in house.log.getvalue()

    await eventually(put_off)
    assert len(kept(dovecot)) == 1
    await house.restart()
    await asyncio.to_thread(dovecot.start)
    assert await outcome(house, queue_id) == "corrected"
    assert len(kept(dovecot)) == 2
    assert MASTER_PASSWORD not in house.log.getvalue()


async def test_an_attempt_that_is_made_again_makes_no_second_copy(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [MAIL])
    house = await opened()
    queue_id = await send(house)
    assert await outcome(house, queue_id) == "corrected"
    again, settings = SentCopyClaim(1, await house.mail(queue_id), 1), house.config.sent_folder
    assert settings
    assert await house.service.departures.sent_copies._corrected(again, settings) == "corrected"
    assert len(kept(dovecot)) == 2


@pytest.mark.parametrize("old", ["flag", "remove"])
async def test_what_left_of_another_mail_with_the_same_message_id_stays(
    opened: Open, dovecot: Dovecot, old: Literal["flag", "remove"]
) -> None:
    """A program hands the same mail in once for To and once for Bcc."""
    dovecot.put(ANN, [MAIL])
    settings = (await opened(old=old)).config.sent_folder
    assert settings

    async def put_right(queue_id: str) -> bool:
        raw = f"X-Mailguard-As-Sent: {queue_id}\r\n".encode() + MAIL
        copy, account = AsSent("<quote@corp.example>", queue_id, raw, MONDAY), settings.account(ANN)
        return await asyncio.to_thread(imap.correct, settings.place, account, "", copy, old)

    assert [await put_right("QUEUE1"), await put_right("QUEUE2"), await put_right("QUEUE1")] == [True] * 3
    marked = {mail["X-Mailguard-As-Sent"]: flags for flags, mail in kept(dovecot)}
    assert marked == {"QUEUE1": "S", "QUEUE2": "S"} | ({None: "FS"} if old == "flag" else {})


async def test_where_no_copy_was_kept_none_is_made(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [OTHER])
    house = await opened()
    assert await outcome(house, await send(house)) == "no copy"
    assert len(kept(dovecot)) == 1


async def test_a_mail_that_left_as_it_was_sent_or_not_at_all_is_left_alone(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [MAIL])
    house = await opened()
    as_it_was = (await house.submit(MAIL.replace(b"<quote@", b"<same@"), [KIM, MO])).queue_id
    queue_id = (await house.submit(MAIL, [KIM, MO])).queue_id
    desk = house.service.desk
    view = await desk.own(ANN, queue_id)
    assert view
    await desk.drop(view, [MO], view.seen)
    view = await desk.own(ANN, queue_id)
    assert view
    await desk.cancel(view, [queue_id], view.seen)
    await house.wait(minutes=6)
    assert await outcome(house, queue_id) == "not sent"
    assert await settled(house, as_it_was) == []
    assert len(kept(dovecot)) == 1


async def test_mailboxes_may_be_called_by_what_stands_before_the_at_sign(
    opened: Open, dovecot: Dovecot, tmp_path: Path
) -> None:
    dovecot.put("ann", [MAIL], folder="Gesendet")
    (tmp_path / "secret").write_text(MASTER_PASSWORD)
    house = await opened(
        user="local", folder="Gesendet", server=dovecot.url(tls=False), password=None,
        password_file=str(tmp_path / "secret"),
    )  # fmt: skip
    assert await outcome(house, await send(house)) == "corrected"
    assert len(kept(dovecot, "ann", "Gesendet")) == 2


async def test_a_server_that_says_nothing_keeps_nobody_from_stopping(opened: Open, dovecot: Dovecot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        house = await opened(server=f"imap://localhost:{deaf.getsockname()[1]}")
        queue_id = await send(house)

        async def asked() -> bool:
            await house.clock.advance(LOOK)
            return bool(select.select([deaf], [], [], 0)[0])

        await eventually(asked)
        begun = time.monotonic()
        await house.stop()
        assert time.monotonic() - begun < 10
        assert not any(thread.name == "sent-folder" and not thread.daemon for thread in threading.enumerate())
    await house.restart()
    assert await settled(house, queue_id) == []


async def test_a_store_that_may_be_a_copy_touches_no_mailbox(opened: Open, dovecot: Dovecot) -> None:
    dovecot.put(ANN, [MAIL])
    house = await opened()
    copies, settings = house.service.departures.sent_copies, house.config.sent_folder
    assert settings
    await copies.stop()
    await send(house)
    house.service.store.paused = "it may be a copy"  # type: ignore[misc]
    assert not await copies.step(settings)
    house.service.store.paused = ""  # type: ignore[misc]
    assert await copies.step(settings)
    assert len(kept(dovecot)) == 2
