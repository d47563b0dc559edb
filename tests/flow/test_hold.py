"""A mail that waits for its sender: confirmed, forgotten, or held by several rules at once."""

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, HOLD, KIM, MO, POSTMASTER, House, letter


def holding(**hold: str) -> str:
    """A rule that holds what goes outside, with these keys of `hold`."""
    keys = ", ".join(f"{name}: {value}" for name, value in {"until": "sender_confirms", **hold}.items())
    return (
        f"version: 1\nrules:\n  - {{id: ask, when: {{recipients: {{any: external}}}}, then: [{{hold: {{{keys}}}}}]}}\n"
    )


async def test_a_held_mail_says_so_in_the_250_and_waits(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    answer = await house.submit(letter())
    assert answer.text == f"2.0.0 held as {answer.queue_id}: ask (check your mail for the link)"
    await house.wait(hours=11)
    assert not house.arrived(KIM)
    assert (await house.copy(answer.queue_id, KIM)).state is State.HELD


async def test_it_leaves_when_its_sender_ticks_every_flagged_recipient(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.send([KIM], cc=[MO, BOB])
    link = await house.link(ANN, "Held: Quote")
    half = await house.press(link, "send", confirm=[KIM])
    assert half.status == 422
    assert "tick" in half.words
    assert MO in half.words
    await house.quiet()
    assert not house.arrived(KIM)
    done = await house.press(link, "send", confirm=[KIM, MO])
    assert done.status == 200
    await house.quiet()
    assert [len(house.arrived(person)) for person in (KIM, MO, BOB)] == [1, 1, 1]


async def test_the_nonce_of_another_look_lets_nothing_go(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.send()
    link = await house.link(ANN, "Held: Quote")
    assert (await house.post(link, "send", "", confirm=KIM)).status == 422
    assert (await house.post(link, "send", "0011.2233", confirm=KIM)).status == 422
    await house.wait(minutes=1)
    assert not house.arrived(KIM)


async def test_a_mail_with_high_severity_asks_its_sender_for_a_mailed_code(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD.replace("id: ask,", "id: ask, severity: high,"))
    await house.send()
    link = await house.link(ANN, "Held: Quote")
    assert (await house.press(link, "send", confirm=KIM)).status == 422
    code = next(word for word in (await house.notice(ANN, "code")).text.split() if word.isdigit() and len(word) == 6)
    assert not house.arrived(KIM)
    assert (await house.press(link, "send", confirm=KIM, code=code)).status == 200
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_a_hold_that_requires_a_login_is_let_go_from_the_outbox_and_by_no_link(open_house: OpenHouse) -> None:
    house = await open_house(rules=holding(requires="login"))
    queue_id = await house.send()
    assert (await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)).status == 403
    await house.quiet()
    assert not house.arrived(KIM)
    view = await house.service.desk.own(ANN, queue_id)
    assert view is not None
    await house.service.desk.send(view, view.confirm, view.seen)
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


@pytest.mark.parametrize("outcome", ["return", "discard", "send"])
async def test_what_nobody_answers_ends_as_its_rule_says(open_house: OpenHouse, outcome: str) -> None:
    house = await open_house(rules=holding(expires="8h", on_expiry=outcome))
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.wait(hours=7.9)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert not house.arrived(KIM)
    await house.wait(hours=0.2)
    sent = outcome == "send"
    assert (await house.copy(queue_id, KIM)).state is (State.SENT if sent else State.CANCELLED)
    assert len(house.arrived(KIM)) == sent
    notice = await house.notice(ANN, "Sent after waiting: Quote" if sent else "Not sent: Quote")
    assert (raw in notice.raw) is (outcome == "return"), "only `return` gives the mail back, byte for byte"
    (line,) = house.log_lines("hold.expired")
    assert (line["queue_id"], line["rules"], line["action"]) == (queue_id, ["ask"], outcome)


async def test_its_sender_is_reminded_once_at_half_time(open_house: OpenHouse) -> None:
    house = await open_house(rules=holding(expires="8h"))
    await house.send()
    await house.wait(hours=3.99)
    assert [n.subject for n in house.notices(ANN)] == ["Held: Quote"]
    await house.wait(hours=0.02)
    reminder = await house.notice(ANN, "Still held")
    assert "Quote" in reminder.subject
    await house.wait(hours=3.9)
    assert len(house.notices(ANN)) == 2


async def test_the_reminders_link_lets_it_go_and_so_does_the_first_one_still(open_house: OpenHouse) -> None:
    house = await open_house(rules=holding(expires="8h"))
    await house.send()
    first = await house.link(ANN, "Held: Quote")
    await house.wait(hours=4.1)
    later = await house.link(ANN, "Still held")
    assert first != later
    assert (await house.page(first)).status == 200
    assert (await house.press(later, "send", confirm=KIM)).status == 200
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


TWO = """
version: 1
rules:
  - {{id: soon, when: {{recipients: {{any: external}}}}, then: [{{hold: {{expires: 2h, on_expiry: {soon}}}}}]}}
  - {{id: late, when: {{subject: x}}, then: [{{hold: {{expires: 9h, on_expiry: {late}}}}}]}}
""".replace("{{subject: x}}", "{{words: {{any: [quote], in: [subject]}}}}")


@pytest.mark.parametrize(
    ("soon", "late", "returned"), [("send", "return", True), ("discard", "return", True), ("send", "discard", False)]
)
async def test_of_several_holds_the_earliest_expiry_acts_with_the_safest_outcome(
    open_house: OpenHouse, soon: str, late: str, returned: bool
) -> None:
    house = await open_house(rules=TWO.format(soon=soon, late=late))
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.wait(hours=1.9)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await house.wait(hours=0.2)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    assert (raw in (await house.notice(ANN, "Not sent: Quote")).raw) is returned
    assert not house.arrived(KIM)


async def test_one_press_of_the_sender_answers_all_holds_that_are_the_senders(open_house: OpenHouse) -> None:
    house = await open_house(rules=TWO.format(soon="return", late="return"))
    queue_id = await house.send()
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert not (await house.mail(queue_id)).open_holds


async def test_with_a_calendar_fridays_hold_is_still_there_on_monday(open_house: OpenHouse) -> None:
    """The house opens on Monday 10:00 in Warsaw; Friday 17:00 is four days and seven hours later."""
    house = await open_house(rules=holding(expires="4h"), config={"holds": {"calendar": "Mon-Fri 08:00-18:00"}})
    await house.wait(days=4, hours=7)
    queue_id = await house.send()
    (hold,) = (await house.mail(queue_id)).holds
    assert hold.expires_at is not None
    assert f"{hold.expires_at:%a %H:%M}" == "Mon 10:00", "one hour on Friday, three on Monday, in Warsaw's time"
    await house.wait(days=2, hours=12)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await house.wait(hours=6)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED


async def test_a_printers_hold_is_answered_by_its_owner_and_a_nobodys_by_the_fallback(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, people=[{"address": "printer@corp.example", "service": True, "owner": BOB}])
    await house.send(sender="printer@corp.example", subject="Scan")
    assert (await house.notice(BOB, "Held: Scan")).recipients == (BOB,)
    raw = letter("printer2@corp.example", subject="Report", Auto_Submitted="auto-generated")
    assert "held as" in (await house.submit(raw, sender="")).text
    assert (await house.notice(POSTMASTER, "Held: Report")).recipients == (POSTMASTER,)
    assert not house.notices("printer@corp.example")


async def test_a_hold_survives_a_restart_with_its_link_and_its_deadline(open_house: OpenHouse) -> None:
    house = await open_house(rules=holding(expires="8h"))
    await house.send(subject="One")
    await house.send(subject="Two")
    link = await house.link(ANN, "Held: One")
    await house.restart()
    await house.wait(hours=2)
    assert (await house.press(link, "send", confirm=KIM)).status == 200
    await house.wait(hours=6.1)
    assert [mail.subject for mail in house.arrived(KIM)] == ["One"]
    await house.notice(ANN, "Not sent: Two")


async def test_a_foreign_and_an_absent_link_are_answered_alike(house: House) -> None:
    answers = [await house.page(f"{house.config.web.url}/m/{token}") for token in ("x", "A" * 43)]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text
