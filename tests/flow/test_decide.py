"""What can't be decided at once, or at all: it is kept, held, and decided once, or shown to a person."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mailguard.intake.facts import split_recipients
from mailguard.mail.envelope import Envelope
from mailguard.mail.message import Message
from mailguard.records import HoldKind, State
from mailguard.rules.facts import Facts
from mailguard.store.base import Store
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, LEE, House, letter

UNEXPECTED = (
    "\n  - {id: odd, mode: audit, when: {recipients: {any: unexpected}}, then: [{delay: 1m}]}\n"  # asks for history
)
PASS = "version: 1\nrules:\n  - {id: odd, mode: audit, when: {recipients: {any: unexpected}}, then: [{delay: 1m}]}\n"
REJECT = """
version: 1
rules:
  - {id: never, when: {recipients: {any: external}}, then: [{reject: "Not outside"}]}
"""


class Gate:
    """Holds back what the store knows of the past until it is opened: a fact that takes its time to decide by."""

    def __init__(self, house: House) -> None:
        self._house, self._open = house, asyncio.Event()
        house.undecided = True
        self.asked = 0
        judge = house.service.intake._judge
        self._store, judge._store = judge._store, cast("Store", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def facts_for(self, *about: Any) -> Any:
        self.asked += 1
        await self._open.wait()
        return await self._store.facts_for(*about)

    def open(self) -> None:
        self._house.undecided = False
        self._open.set()


async def undecided(open_house: OpenHouse, rules: str) -> tuple[House, Gate]:
    """A house that has no time to decide, and whose facts come when the gate is opened."""
    house = await open_house(rules=rules)
    intake = house.service.intake
    intake._settings = replace(intake._settings, decide=timedelta())  # a configuration gives it a second at least
    return house, Gate(house)


async def test_a_mail_whose_deciding_takes_too_long_is_answered_250_and_held(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, PASS)
    answer = await house.submit(letter())
    assert answer.code == 250
    assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: undecided")
    mail = await house.mail(answer.queue_id)
    assert [hold.kind for hold in mail.open_holds] == [HoldKind.UNDECIDED]
    assert not house.world.caught, "nobody is asked while the rules still are"
    gate.open()
    await house.quiet()


async def test_it_leaves_once_it_is_decided_that_it_may(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, PASS)
    queue_id = await house.send()
    await house.wait(hours=100)
    assert not house.arrived(KIM), "time alone decides nothing"
    gate.open()
    await house.quiet()
    assert len(house.arrived(KIM)) == 1
    assert (await house.states(queue_id)) == {KIM: State.SENT}
    assert (await house.events(queue_id)).count("message.evaluated") == 1


async def test_it_waits_as_its_rule_says_once_it_is_decided(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, DELAY + UNEXPECTED)
    queue_id = await house.send()
    gate.open()
    await house.quiet()
    assert (await house.states(queue_id)) == {KIM: State.QUEUED}
    await house.wait(minutes=4.9)
    assert not house.arrived(KIM)
    await house.wait(minutes=0.2)
    assert len(house.arrived(KIM)) == 1


async def test_it_is_held_and_its_sender_asked_once_a_rule_says_so(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, HOLD + UNEXPECTED)
    queue_id = await house.send()
    gate.open()
    link = await house.link(ANN, "Held: Quote")
    assert [hold.rule for hold in (await house.mail(queue_id)).open_holds] == ["ask"]
    await house.press(link, "send", confirm=KIM)
    await house.quiet()
    assert len(house.arrived(KIM)) == 1
    assert len(house.notices(ANN)) == 1


async def test_a_reject_that_comes_too_late_returns_the_mail_to_its_sender(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, REJECT + UNEXPECTED)
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    gate.open()
    notice = await house.notice(ANN, "Not sent: Quote")
    assert "never: Not outside" in " ".join(notice.text.split())
    assert raw in notice.raw, "the mail comes back as it was"
    assert (await house.states(queue_id)) == {KIM: State.CANCELLED}
    await house.wait(hours=1)
    assert not house.arrived(KIM)


async def test_what_was_not_decided_before_the_service_stopped_is_decided_when_it_starts(
    open_house: OpenHouse,
) -> None:
    house, gate = await undecided(open_house, HOLD + UNEXPECTED)
    queue_id = await house.send()
    house.running = False
    await house.service.stop(drain=0.05)  # in the middle of it; a fact that never comes does not keep it from ending
    assert gate.asked == 1
    await house.restart()
    await house.quiet()
    assert [hold.rule for hold in (await house.mail(queue_id)).open_holds] == ["ask"]
    assert gate.asked == 1
    assert (await house.events(queue_id)).count("message.evaluated") == 1
    await house.restart()
    await house.quiet()
    assert (await house.events(queue_id)).count("message.evaluated") == 1, "decided once, not at every start"
    assert len(house.notices(ANN)) == 1


async def test_a_mail_that_waits_undecided_may_be_taken_back_and_stays_so(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, PASS)
    queue_id = (await house.submit(letter(), [KIM, BOB])).queue_id
    desk = house.service.desk
    view = await desk.own(ANN, queue_id)
    assert view is not None
    assert "send" not in view.allowed
    await desk.drop(view, [KIM], view.seen)
    gate.open()
    await house.quiet()
    assert (await house.states(queue_id)) == {KIM: State.CANCELLED, BOB: State.SENT}
    assert not house.arrived(KIM)


async def test_the_received_header_of_a_late_decided_mail_is_written_once(open_house: OpenHouse) -> None:
    house, gate = await undecided(open_house, PASS)
    await house.send()
    gate.open()
    await house.quiet()
    (arrived,) = house.arrived(KIM)
    assert arrived.raw.count(b"(mailguard) with") == 1


async def test_the_loop_does_not_read_a_header_that_took_too_long_to_read(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=DELAY)
    intake, loop, read_by = house.service.intake, threading.get_ident(), list[bool]()
    intake._settings = replace(intake._settings, decide=timedelta())

    def reading(message: Message, envelope: Envelope) -> tuple[tuple[str, ...], ...]:
        read_by.append(threading.get_ident() == loop)
        return split_recipients(message, envelope)

    monkeypatch.setattr("mailguard.intake.facts.split_recipients", reading)
    monkeypatch.setattr("mailguard.intake.letter.split_recipients", reading)
    answer = await house.submit(b"X: " + b"long\r\n " * 3000 + b"\r\n" + letter(), [KIM])
    assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: undecided")
    await house.quiet()
    assert read_by == [False]
    assert [d.visible for d in (await house.mail(answer.queue_id)).deliveries] == [True]


# --- what can't be read or judged ---------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """A mail in a mail in a mail …"""
    raw = letter(subject="Deep", body="inside").replace(b"inside", b"")
    head, _, body = raw.partition(b"Content-Type: text/plain")
    start = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return (
        head
        + start
        + b"Content-Type: text/plain"
        + body
        + b"".join(b"\r\n--b%d--\r\n" % n for n in reversed(range(depth)))
    )


def crowded(parts: int) -> bytes:
    """A mail of very many parts."""
    head, _, _ = letter(subject="Deep").partition(b"Content-Type: text/plain")
    return head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * parts + b"--b--\r\n"


@pytest.mark.parametrize("raw", [nested(60), crowded(1100)], ids=["depth", "parts"])
async def test_a_mail_that_cannot_be_read_is_held_for_its_sender(house: House, raw: bytes) -> None:
    answer = await house.submit(raw, [LEE])
    assert "held as" in answer.text
    assert "unreadable" in answer.text
    notice = await house.notice(ANN, "Held: Deep")
    assert "could not read this mail" in " ".join(notice.text.split())
    await house.wait(hours=1)
    assert not house.arrived(LEE)


async def test_a_mail_that_cannot_be_read_is_never_sent_by_its_expiry(open_house: OpenHouse) -> None:
    house = await open_house(config={"holds": {"expires": "2h", "on_expiry": "send"}})
    raw = nested(60)
    queue_id = (await house.submit(raw, [LEE])).queue_id
    await house.wait(hours=3)
    assert (await house.states(queue_id)) == {LEE: State.CANCELLED}
    assert raw in (await house.notice(ANN, "Not sent: Deep")).raw


async def test_a_text_nobody_can_read_is_in_the_hold_and_no_failure_of_the_service(open_house: OpenHouse) -> None:
    rules = "{version: 1, rules: [{id: w, when: {words: {any: [x], in: [body]}}, then: [{delay: 1m}]}]}\n"
    house = await open_house(rules=rules)
    raw = letter(subject="Deep", body="<b>\r\n" * 6000).replace(b"text/plain", b"text/html")
    answer = await house.submit(raw, [KIM])
    assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: w")
    assert not house.log_lines("service.failure")


async def test_its_sender_may_let_an_unreadable_mail_go_and_it_arrives_as_it_was(house: House) -> None:
    raw = nested(60)
    queue_id = (await house.submit(raw, [LEE])).queue_id
    await house.press(await house.link(ANN, "Held: Deep"), "send", confirm=queue_id)
    await house.quiet()
    (arrived,) = house.arrived(LEE)
    assert arrived.raw.endswith(raw)


async def test_a_condition_that_raises_holds_the_mail_and_names_its_rule(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(
        rules="""
version: 1
rules:
  - {id: sick, when: {words: {any: [acme], in: [subject]}}, then: [{delay: 1m}]}
  - {id: well, when: {recipients: {any: external}}, then: [{delay: 1m}]}
"""
    )
    (sick, _) = house.service.rules.rules

    def fail(_: object, facts: Facts) -> None:
        raise ZeroDivisionError(f"it has to do with {facts.subject}")

    monkeypatch.setattr(type(sick.when.leaves()[0]), "match", fail)
    answer = await house.submit(letter(subject="Acme"))
    assert answer.text.startswith(f"2.0.0 held as {answer.queue_id}: sick")
    (hold,) = (await house.mail(answer.queue_id)).open_holds
    assert (hold.rule, hold.kind) == ("sick", HoldKind.ERROR)
    assert "rule sick" in " ".join((await house.notice(ANN, "Held: Acme")).text.split())
    (line,) = house.log_lines("service.failure")
    assert line["where"] == "rule sick"
    assert line["error"] == "ZeroDivisionError"
    assert "Acme" not in house.log.getvalue()
