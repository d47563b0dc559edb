"""In an emergency the guard steps aside: new mail passes, on the record and not for long."""

from datetime import timedelta

import pytest

from mailguard.curbs.bypass import NoBypass
from mailguard.records import Actor, Mode, State
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, DELAY, HOLD, KIM, POSTMASTER, House, letter

ADMIN = Actor("root uid=0", "cli")
HALF_AN_HOUR = timedelta(minutes=30)
REJECT = """
version: 1
rules:
  - {id: never, when: {recipients: {any: external}}, then: [{reject: {message: "not outside"}}]}
"""


async def begin(house: House, span: timedelta = HALF_AN_HOUR) -> None:
    await house.service.bypass.begin(span, "the rules misfire", ADMIN)


async def test_new_mail_passes_with_its_judgement_on_record_and_what_is_held_stays(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    held = await house.send()
    await begin(house)
    passed = await house.send()
    await house.quiet()
    assert (await house.copy(held, KIM)).state is State.HELD
    mail = await house.mail(passed)
    assert [d.state for d in mail.deliveries] == [State.SENT]
    assert ([(hit.rule, hit.mode) for hit in mail.hits], mail.tags) == ([("ask", Mode.AUDIT)], ("bypass",))


async def test_every_admin_hears_of_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"access": {"admin": [ANN]}})
    await begin(house)
    for person in (POSTMASTER, ANN):
        assert "the rules misfire" in (await house.notice(person, "mailguard steps aside")).text


async def test_delays_and_rejects_pass_too_and_delays_from_before_stay(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    before = await house.send()
    await begin(house)
    after = await house.send()
    await house.quiet()
    assert (await house.copy(before, KIM)).state is State.QUEUED
    assert (await house.copy(after, KIM)).state is State.SENT
    house.write_rules(REJECT)
    await house.reload()
    assert (await house.submit(letter())).code == 250


async def test_mail_nobody_can_read_passes_and_is_marked(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    monkeypatch.setattr("mailguard.intake.judge.gather", _fail)
    queue_id = await house.send()
    await house.quiet()
    mail = await house.mail(queue_id)
    assert [d.state for d in mail.deliveries] == [State.SENT]
    assert [hit.rule for hit in mail.hits] == ["unreadable"]


def _fail(*_: object) -> None:
    raise ZeroDivisionError


async def test_it_ends_by_itself_and_says_so(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    await house.notice(POSTMASTER, "mailguard steps aside")
    assert b"mailguard_bypass_active 1.0" in await house.service.health.scrape()
    await house.wait(minutes=31)
    await house.notice(POSTMASTER, "on guard again")
    assert (await house.copy(await house.send(), KIM)).state is State.HELD
    assert b"mailguard_bypass_active 0.0" in await house.service.health.scrape()
    assert [line["event"] for line in house.log_lines() if line["event"].startswith("bypass")] == [
        "bypass.began",
        "bypass.ended",
    ]


async def test_its_end_is_an_instant_that_needs_no_timer(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    house.clock.jump(1800)  # no time has passed for any timer
    assert "held as" in (await house.submit(letter())).text


async def test_a_clock_set_back_does_not_bring_it_about_earlier(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    house.clock.jump(-3600)
    assert "held as" in (await house.submit(letter())).text


async def test_it_goes_on_after_a_restart_and_ends_when_it_would_have(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    await house.restart()
    assert (await house.submit(letter())).text.startswith("2.0.0 queued as")
    await house.stop()
    house.clock.jump(1801)
    await house.restart()
    assert "held as" in (await house.submit(letter())).text
    await house.notice(POSTMASTER, "on guard again")
    assert await house.service.store.recall("bypass") == {}


async def test_it_is_shown_on_the_pages(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.send()
    link = await house.link(ANN, "Held: Quote")
    assert "stands aside" not in (await house.page(link)).words
    await begin(house)
    assert "mailguard stands aside: until it is over" in (await house.page(link)).words


async def test_it_can_be_ended_early_and_only_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    assert await house.service.bypass.end(ADMIN)
    assert not await house.service.bypass.end(ADMIN)
    assert "held as" in (await house.submit(letter())).text
    await eventually(lambda: not house.service.bypass._tasks or house.service.bypass.now is None)


@pytest.mark.parametrize(
    ("span", "reason", "why"),
    [(timedelta(hours=25), "x", "24h at most"), (timedelta(), "x", "24h at most"), (HALF_AN_HOUR, " ", "say why")],
)
async def test_it_is_neither_endless_nor_without_a_reason(
    open_house: OpenHouse, span: timedelta, reason: str, why: str
) -> None:
    house = await open_house(rules=HOLD)
    with pytest.raises(NoBypass, match=why):
        await house.service.bypass.begin(span, reason, ADMIN)
    assert house.service.bypass.now is None


async def test_a_second_one_does_not_make_it_longer(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    with pytest.raises(NoBypass, match="in force already"):
        await begin(house)


async def test_reserved_things_stay_reserved(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await begin(house)
    assert (await house.submit(letter("eve@rival.example"), sender="eve@rival.example")).code == 550
