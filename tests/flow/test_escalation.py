"""An approval that nobody gives: a reminder, others who are asked, delegates, and the end."""

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOSS, KIM, LEE
from tests.flow.test_approval import LEX, approve, approved_by

RULES = approved_by(LEX, remind="2h", escalate=f"{{after: 4h, to: {BOSS}}}")


async def test_who_does_not_answer_is_reminded_then_others_may_approve(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    queue_id = await house.send()
    await house.wait(hours=1, minutes=59)
    assert [n.subject for n in house.notices(LEX)] == ["Approve? Quote"]
    await house.wait(minutes=2)
    assert len(house.notices(LEX)) == 2
    await house.wait(hours=1, minutes=58)
    assert not house.notices(BOSS)
    await house.wait(minutes=2)
    told = await house.notice(BOSS, "Approve? Quote")
    assert "have not answered" in told.text
    assert "hold.escalated" in await house.events(queue_id)
    assert [line["rules"] for line in house.log_lines("hold.escalated")] == [["legal"]]
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await approve(house, await house.link(BOSS, "Approve? Quote"), BOSS, KIM)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    await house.wait(hours=48)
    assert len(house.notices(BOSS)) == 2  # the question and the code: asked once


async def test_who_was_asked_first_may_still_approve_after_the_escalation(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    queue_id = await house.send()
    await house.wait(hours=5)
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_an_answer_in_time_asks_nobody_else_and_a_restart_forgets_nothing(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    first, second = await house.send(), await house.send([KIM], subject="Other")
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    await house.restart()
    await house.wait(hours=5)
    assert [n.subject for n in house.notices(BOSS)] == ["Approve? Other"]
    assert (await house.copy(first, KIM)).state is State.SENT
    await house.wait(hours=24)
    assert (await house.copy(second, KIM)).state is State.CANCELLED
    assert not [mail for mail in house.arrived(KIM) if "Other" in mail.subject]


async def test_two_of_three_are_needed_also_when_one_was_asked_late(open_house: OpenHouse) -> None:
    rules = approved_by(f"[{LEX}, {LEE}], of: 2", escalate=f"{{after: 4h, to: {BOSS}}}")
    house = await open_house(rules=rules)
    queue_id = await house.send()
    await house.wait(hours=5)
    await approve(house, await house.link(BOSS, "Approve? Quote"), BOSS, KIM)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_the_delegate_of_an_absent_approver_is_asked(open_house: OpenHouse) -> None:
    people = [{"address": LEX, "delegate": {"to": LEE}}]
    house = await open_house(rules=approved_by(LEX), people=people)
    queue_id = await house.send()
    await house.quiet()
    assert not house.notices(LEX)
    assert LEE in (await house.notice(ANN, "Held: Quote")).text
    await approve(house, await house.link(LEE, "Approve? Quote"), LEE, KIM)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
