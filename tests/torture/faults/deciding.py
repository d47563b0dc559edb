"""Slow deciding, impatient clients, mail that kills its courier, and the order of a conversation."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mailguard.demo.world import OutsideWorld
from mailguard.records import Actor
from mailguard.store.base import Filter
from mailguard.testing import eventually
from tests.flow.house import ANN, BOB, KIM, LEE, House, letter, lived_in
from tests.flow.test_decide import PASS, Gate
from tests.installed import Installed
from tests.torture.fault import Trial, fault
from tests.torture.served import database, end, installation, launch, lives, start

RESENDS = 6
CULPRIT, GOOD = "culprit@corp.example", 12


def opened(trial: Trial, rules: str) -> AbstractAsyncContextManager[House]:
    return lived_in(trial.folder / "house", rules=rules)


# --- clients --------------------------------------------------------------------------------------------------


async def up_to_the_dot(port: int, raw: bytes, to: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has sent a whole mail and waits for the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    for said in ("HELO client", f"MAIL FROM:<{ANN}>", f"RCPT TO:<{to}>", "DATA"):
        writer.write(f"{said}\r\n".encode())
        await reader.readline()
    writer.write(raw + b".\r\n")
    await writer.drain()
    return reader, writer


async def arrived_once(trial: Trial, house: House, to: str = KIM) -> None:
    await house.quiet()
    copies = len(house.arrived(to))
    trial.accepted, trial.lost, trial.duplicated = 1, int(copies == 0), max(0, copies - 1)
    assert len(await house.service.store.find(Filter(limit=99))) == 1, "a resend was put as a second mail"


@fault(
    "client gone 1 s (still judged), 30 s (being committed) or 61 s (answered) after the dot; sends six times again",
    "exactly one mail arrives",
    short=3,
    full=60,
)
async def gone(trial: Trial) -> None:
    seconds = (1, 30, 61)[trial.number % 3]
    async with opened(trial, PASS) as house:
        intake, store, raw = house.service.intake, house.service.store, letter()
        intake._settings = replace(intake._settings, decide=timedelta(hours=seconds == 1))  # or there is no time at all
        gate = Gate(house)
        put, may_commit, committing = store.put, asyncio.Event(), asyncio.Event()

        async def slow_put(*mail: Any) -> None:
            committing.set()
            await may_commit.wait()
            await put(*mail)

        store.put = slow_put  # type: ignore[method-assign, assignment]
        port = house.service.smtp.ports[0]
        lines = [await up_to_the_dot(port, raw, KIM)]
        if seconds == 1:
            await eventually(lambda: gate.asked)
        else:
            await committing.wait()
        if seconds == 61:
            may_commit.set()
            await eventually(lambda: house.log_lines("smtp.accepted"))
        await house.clock.advance(seconds)
        lines[0][1].transport.abort()
        for number in range(RESENDS):
            lines.append(await up_to_the_dot(port, raw, KIM))
            if trial.dice.random() < 0.5 or number == RESENDS - 1:
                may_commit.set()
                gate.open()
            if trial.dice.random() < 0.5:
                lines[-1][1].transport.abort()
        for reader, writer in lines:
            if not writer.is_closing():
                assert (await reader.readline()).startswith(b"250")
                writer.close()
        await arrived_once(trial, house)


@fault("a fact from the past that takes longer than smtp.limits.decide", "held, answered 250, decided once", full=10)
async def slow_facts(trial: Trial) -> None:
    async with opened(trial, PASS) as house:
        house.service.intake._settings = replace(house.service.intake._settings, decide=timedelta())
        gate = Gate(house)
        answer = await house.submit(letter())
        assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: undecided")
        if trial.dice.random() < 0.5:
            await house.restart()  # it never decided: the next start does
        else:
            gate.open()
        await arrived_once(trial, house)
        kinds = Counter(await house.events(answer.queue_id))
        assert kinds["message.evaluated"] == 1, "decided more than once"


@fault("rules that take longer than smtp.limits.decide over a large mail", "held, answered 250, decided once", full=10)
async def slow_rules(trial: Trial) -> None:
    async with opened(trial, PASS) as house:
        intake = house.service.intake
        intake._settings = replace(intake._settings, decide=timedelta(milliseconds=1))
        decided = intake._judge._decided

        def slowly(*about: Any) -> Any:
            time.sleep(0.05)  # in a thread, as large mail is judged
            return decided(*about)

        intake._judge._decided = slowly  # type: ignore[method-assign, assignment]
        answer = await house.submit(letter(body="word\r\n" * trial.dice.randint(30_000, 90_000)))
        assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: undecided")
        await arrived_once(trial, house)


# --- real processes -------------------------------------------------------------------------------------------


def set_aside(site: Installed) -> list[str]:
    """Whose copies are held as poison."""
    return _look(
        site,
        "SELECT d.address FROM delivery d JOIN hold h ON h.mail = d.mail WHERE h.kind = 'poison' AND d.state = 'held'",
    )


def _look(site: Installed, question: str) -> list[Any]:
    """In the store, whether or not anybody is there to be asked."""
    with closing(sqlite3.connect(f"file:{database(site)}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute(question)]


async def _finish(trial: Trial, site: Installed, done: Callable[[], bool]) -> bool:
    """Until it died (True) or `done`; a living one is ended."""
    process = site.process
    assert process is not None
    await eventually(lambda: process.poll() is not None or done(), within=30)
    if process.poll() is None:
        await end(site)
        return False
    site.process = None
    trial.kills += 1
    return True


@fault(
    "a mail that kills the process whenever it is carried, among good ones",
    "only that one is set aside, the others arrive",
    full=10,
    at_the_dot=True,  # the process dies with the others on the wire
    seconds=180,
)
async def poison(trial: Trial) -> None:
    good = [f"good{number}@corp.example" for number in range(GOOD)]
    missing = [*good, CULPRIT]
    trial.dice.shuffle(missing)
    async with installation(trial) as (site, world):
        for _ in range(12):
            await launch(site, TORTURE_DOOM=CULPRIT)
            if await lives(site):
                missing = await _send(site.ports["plain"], missing)
            if not await _finish(trial, site, lambda: _all_here(world, good) and set_aside(site) == [CULPRIT]):
                break
        assert set_aside(site) == [CULPRIT]
        assert trial.kills >= 3
    arrived = Counter(r for mail in world.caught for r in mail.recipients if not mail.is_notice)
    trial.accepted = GOOD + 1
    trial.lost = sum(not arrived[to] for to in good)
    trial.duplicated = sum(max(0, arrived[to] - 1) for to in good)
    assert not arrived[CULPRIT]


async def _send(port: int, missing: list[str]) -> list[str]:
    """Everybody at once; who got no 250, because the process died."""

    async def one(to: str) -> str:
        try:
            reader, writer = await up_to_the_dot(port, letter(to=to, Message_ID=f"<{to}>"), to)
            answer = await reader.readline()
            writer.close()
        except OSError:
            return to
        return "" if answer.startswith(b"250") else to

    return [to for to in await asyncio.gather(*map(one, missing)) if to]


def _all_here(world: OutsideWorld, people: list[str]) -> bool:
    return {recipient for mail in world.caught for recipient in mail.recipients} >= set(people)


@fault("kill -9 after the commit and before the 250; the client sends again", "the first queue id, one mail", full=20)
async def unanswered(trial: Trial) -> None:
    raw = letter(to=BOB)
    async with installation(trial) as (site, world):
        await start(site, MAILGUARD_FAILPOINTS="intake.stored=kill@1")
        port = site.ports["plain"]
        reader, writer = await up_to_the_dot(port, raw, BOB)
        assert await reader.read() == b"", "it was answered"
        writer.close()
        assert await _finish(trial, site, lambda: False)
        trial.accepted = 1
        await start(site)
        for _ in range(trial.dice.randint(1, 3)):
            reader, writer = await up_to_the_dot(port, raw, BOB)
            assert (await reader.readline()).startswith(b"250 2.0.0 queued as ")
            writer.transport.abort()
        assert not await _finish(trial, site, lambda: _all_here(world, [BOB]))
        mails = _look(site, "SELECT queue_id FROM mail WHERE kind = 'mail'")
        assert len(mails) == 1, "a resend was put as a second mail"
    copies = len(world.caught)
    trial.lost, trial.duplicated = int(copies == 0), max(0, copies - 1)


# --- order ----------------------------------------------------------------------------------------------------

CONVERSATION = """
version: 1
rules:
  - {id: wait, when: {words: {any: [later], in: [subject]}}, then: [{delay: 5m}]}
  - id: ask
    when: {words: {any: [ask], in: [subject]}}
    then: [{hold: {until: sender_confirms, expires: 2h, on_expiry: send}}]
"""


@fault(
    "later mails of a conversation behind delayed, held and cancelled ones, with restarts between",
    "none overtakes an earlier one that waits",
    full=40,
)
async def order(trial: Trial) -> None:
    dice = trial.dice
    async with opened(trial, CONVERSATION) as house:
        sent: dict[str, list[str]] = {KIM: [], LEE: []}
        for number in range(12):
            to = dice.choice([[KIM], [LEE], [KIM, LEE]])
            subject = f"{dice.choice(['later', 'ask', 'plain'])} {number:02}"
            queue_id = await house.send(to, subject=subject, References="<start@corp.example>")
            trial.accepted += 1
            for one in to:
                sent[one].append(subject)
            match dice.randint(0, 4):
                case 0:
                    await house.restart()
                case 1:
                    await house.wait(minutes=dice.randint(1, 6))
                case 2:
                    await _take_back(house, queue_id)
        await house.wait(hours=30)
        waiting = await house.service.store.find(Filter(waiting=True, limit=99))
        trial.lost = len(waiting)
    for person, subjects in sent.items():
        arrived = [mail.subject for mail in house.arrived(person)]
        assert arrived == [one for one in subjects if one in arrived], f"{person} read them in another order"


async def _take_back(house: House, queue_id: str) -> None:
    mail = await house.mail(queue_id)
    if any(d.state.waiting for d in mail.deliveries):
        await house.service.desk.call_off(mail, Actor(ANN, "test"))
