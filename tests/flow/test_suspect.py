"""A rule that breaks at a reload and decides everything: the mail is held, and people are not buried in notices."""

from collections.abc import Callable

import pytest

from mailguard.records import Actor, State
from mailguard.rules.facts import Facts
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, POSTMASTER, House, letter

SENDERS = (ANN, BOB, LEE, "zoe@corp.example")
DELAY_ALL = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 1m}]}
"""
WITH_SICK = DELAY_ALL + "  - {id: sick, when: {words: {any: [acme], in: [subject]}}, then: [{delay: 1m}]}\n"


@pytest.fixture
async def breaking(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> tuple[House, Callable[[bool], None]]:
    """A house whose new rule raises, as soon as it is told to."""
    house = await open_house(rules=DELAY_ALL)
    house.write_rules(WITH_SICK)
    await house.reload()
    condition = type(house.service.rules.rules[1].when.leaves()[0])
    healthy = condition.match

    def fail(_: object, __: Facts) -> None:
        raise ZeroDivisionError

    def broken(yes: bool) -> None:
        monkeypatch.setattr(condition, "match", fail if yes else healthy)

    return house, broken


async def rush(house: House, many: int) -> list[str]:
    """So many mails from several people, within two minutes or so."""
    ids = []
    for number in range(many):
        sender = SENDERS[number % len(SENDERS)]
        ids.append((await house.submit(letter(sender, subject=f"No {number}"), sender=sender)).queue_id)
    return ids


async def test_one_alert_and_few_questions_and_everything_is_held(
    breaking: tuple[House, Callable[[bool], None]],
) -> None:
    house, broken = breaking
    broken(True)
    ids = await rush(house, 60)
    await house.quiet()
    assert {(await house.copy(one, KIM)).state for one in ids} == {State.HELD}
    alert = await house.notice(POSTMASTER, "A rule may be broken: sick")
    assert "mailguard reload" in alert.text
    assert len([n for n in house.notices(POSTMASTER) if "broken" in n.subject]) == 1
    assert len(house.log_lines("rule.suspected")) == 1
    assert b"mailguard_rules_suspected 1.0" in await house.service.health.scrape()
    asked = sum("No " in notice.text for person in SENDERS for notice in house.notices(person))
    assert 0 < asked <= 20, "those from before it was suspect"
    await house.wait(minutes=29)
    assert sum("No " in n.text for person in SENDERS for n in house.notices(person)) == asked


async def test_who_was_let_go_meanwhile_is_never_asked(breaking: tuple[House, Callable[[bool], None]]) -> None:
    house, broken = breaking
    broken(True)
    await rush(house, 32)
    late = await rush(house, 4)
    await house.quiet()
    asked = {person: len(house.notices(person)) for person in SENDERS}
    for one in late[:3]:
        await house.service.store.send_now(one, by=Actor("root", "cli"), now=house.clock.now())
    house.service.scheduler.wake()
    await house.wait(minutes=31)
    new = {person: " ".join(n.text for n in house.notices(person)[asked[person] :]) for person in SENDERS}
    told = [one in new[person] for one, person in zip(late, SENDERS, strict=True)]
    assert told == [False, False, False, True]


async def test_mended_rules_end_it(breaking: tuple[House, Callable[[bool], None]]) -> None:
    house, broken = breaking
    broken(True)
    await rush(house, 40)
    broken(False)
    house.write_rules(DELAY_ALL)
    await house.reload()
    assert (await house.submit(letter())).text.startswith("2.0.0 queued as")
    assert b"mailguard_rules_suspected 0.0" in await house.service.health.scrape()
