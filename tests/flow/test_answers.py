"""Answering a notice by mail: what it does, for whom, and what only looks like an answer."""

import pytest

from mailguard import tokens
from mailguard.mail.envelope import Identity, Proof
from mailguard.notices import reply
from mailguard.records import HoldKind, State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, BOSS, DELAY, HOLD, KIM, LEE, MO, House, letter
from tests.flow.test_approval import LEX, approved_by

OURS = "mailguard@corp.example"
BY_MAIL = HOLD.replace("expires: 24h", "expires: 24h, release_by: [page, mail]")


async def reply_to(house: House, person: str, words: str) -> str:
    address = str((await house.notice(person, words)).message["Reply-To"]).strip("<>")
    assert address.startswith("mailguard+")
    return address


async def answer(house: House, to: str, text: str, *, sender: str = ANN, **headers: str) -> None:
    raw = letter(sender, to, subject="Re: Held", body=f"{text}\r\n\r\n> Held: not sent yet\r\n", **headers)
    assert (await house.submit(raw, [to], sender=sender)).code == 250
    await house.quiet()


async def told(house: House, person: str) -> str:
    return house.notices(person)[-1].subject


async def test_stop_holds_what_would_have_left(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"notices": {"delayed": "always"}})
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Leaves")
    await answer(house, to, "Stop!")
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert await told(house, ANN) == "Stopped: Quote"
    await house.wait(minutes=10)
    assert not house.arrived(KIM)
    assert not house.arrived(to)
    assert "answer.read" in await house.events(queue_id)


async def test_stop_after_it_left_says_that_it_is_too_late(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"notices": {"delayed": "always"}})
    await house.send()
    to = await reply_to(house, ANN, "Leaves")
    await house.wait(minutes=6)
    await answer(house, to, "stop")
    assert await told(house, ANN) == "Too late: Quote"


async def test_send_works_only_where_the_rule_allows_it(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Held")
    assert "“send”" not in house.notices(ANN)[-1].text
    await answer(house, to, "send")
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    notice = house.notices(ANN)[-1]
    assert notice.subject == "Nothing was done: Quote"
    assert "only on its page" in notice.text
    house.write_rules(BY_MAIL)
    await house.reload()
    await answer(house, to, "send")  # of the mail that is held already the rule had said no
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    second = await house.send(subject="Second")
    to = await reply_to(house, ANN, "Held: Second")
    assert "“send”" in house.notices(ANN)[-1].text
    await answer(house, to, "wyślij")
    assert (await house.copy(second, KIM)).state is State.SENT
    assert await told(house, ANN) == "Done as you answered: Second"
    await answer(house, to, "send")
    assert await told(house, ANN) == "Done already: Second"


async def test_drop_takes_one_off_and_an_unknown_one_takes_nobody(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send([KIM, MO])
    to = await reply_to(house, ANN, "Held")
    await answer(house, to, "drop nobody@client.example")
    assert set((await house.states(queue_id)).values()) == {State.HELD}
    assert "nobody@client.example" in house.notices(ANN)[-1].text
    await answer(house, to, f"drop {MO.upper()}")
    assert await house.states(queue_id) == {KIM: State.HELD, MO: State.CANCELLED}
    assert f"Taken off: {MO}" in house.notices(ANN)[-1].text


async def test_another_persons_answer_does_nothing_and_says_nothing_of_the_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=BY_MAIL)
    queue_id = await house.send(subject="Secret plan")
    to = await reply_to(house, ANN, "Held")
    for text in ("send", "stop", f"drop {KIM}"):
        await answer(house, to, text, sender=BOB)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.RULE]
    (help_,) = house.notices(BOB)
    assert help_.subject == "Your answer was not understood"
    assert "Secret plan" not in help_.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
    ],
)
async def test_what_answers_by_itself_does_nothing_and_gets_nothing(
    open_house: OpenHouse, headers: dict[str, str]
) -> None:
    house = await open_house(rules=BY_MAIL)
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Held")
    before = len(house.notices(ANN))
    await answer(house, to, "send", **headers)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert len(house.notices(ANN)) == before


async def test_the_null_sender_starts_no_loop(open_house: OpenHouse) -> None:
    house = await open_house(rules=BY_MAIL)
    raw = letter(ANN, OURS, subject="Delivery failed", body="stop\r\n")
    assert (await house.submit(raw, [OURS], sender="")).code == 250
    await house.quiet()
    assert not house.notices(ANN)
    assert not house.world.to(OURS)


async def test_what_means_nothing_is_answered_once_a_day(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    for _ in range(3):
        await answer(house, OURS, "What is this?")
    assert [n.subject for n in house.notices(ANN)] == ["Your answer was not understood"]
    assert house.notices(ANN)[0].message["Auto-Submitted"] == "auto-generated"
    assert not house.world.to(OURS)
    await house.wait(hours=25)
    await answer(house, OURS, "And this?")
    assert len(house.notices(ANN)) == 2


async def test_a_quoted_word_is_nobodys_wish(open_house: OpenHouse) -> None:
    house = await open_house(rules=BY_MAIL)
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Held")
    await answer(house, to, "> send\r\n> stop")
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.RULE]


async def test_others_on_the_answer_get_it_as_any_mail(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Held")
    raw = letter(ANN, f"{to}, {LEE}", subject="Re: Held", body="stop\r\n")
    accepted = await house.submit(raw, [to, LEE])
    await house.quiet()
    assert [hold.kind for hold in (await house.mail(queue_id)).open_holds] == [HoldKind.RULE, HoldKind.STOPPED]
    assert [mail.subject for mail in house.arrived(LEE)] == ["Re: Held"]
    assert [d.address for d in (await house.mail(accepted.queue_id)).deliveries] == [LEE]
    assert not house.world.to(to)


async def test_an_approvers_answer_from_the_network_is_not_enough_where_a_code_is_asked(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX, release_by="[page, mail]"))
    queue_id = await house.send()
    to = await reply_to(house, LEX, "Approve?")
    await answer(house, to, "approve", sender=LEX)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert "logs in as you" in house.notices(LEX)[-1].text
    token = reply.token(OURS, to)
    assert token
    logged_in = Identity(LEX, Proof.LOGIN, "lex")
    view = await house.service.desk.by_mail.view(tokens.answer_digest(token), logged_in)
    assert view is not None
    await house.service.desk.by_mail.send(view, logged_in)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_an_approver_answers_where_the_link_would_do(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(f"[{LEX}, {BOSS}], of: 2", release_by="[page, mail]", requires="link"))
    queue_id = await house.send()
    await answer(house, await reply_to(house, LEX, "Approve?"), "approve", sender=LEX)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert "still held" in house.notices(LEX)[-1].text
    assert "power" not in house.notices(LEX)[-1].text
    await answer(house, await reply_to(house, BOSS, "Approve?"), "Freigeben", sender=BOSS)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert (await house.mail(queue_id)).holds[0].approved_by == (LEX, BOSS)


async def test_a_gathered_note_has_nothing_to_answer(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config={"notices": {"digest": {"over": 1}}})
    for number in range(4):
        await house.send(subject=f"Mail {number}")
    await house.wait(minutes=5)
    gathered = [n for n in house.notices(ANN) if n.text.count("/m/") > 1]
    assert all(n.message["Reply-To"] is None for n in gathered)


async def test_no_token_is_in_the_log_or_the_audit(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    to = await reply_to(house, ANN, "Held")
    await answer(house, to, "stop")
    token = to.partition("+")[2].partition("@")[0]
    assert token not in house.log.getvalue()
    assert token not in str(await house.service.store.events(queue_id))
    assert token.encode() not in house.config.store_path.read_bytes()


async def test_switched_off_mail_to_the_address_goes_on_as_ever(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config={"notices": {"answers": False}})
    await house.send()
    notice = await house.notice(ANN, "Held")
    assert notice.message["Reply-To"] is None
    assert "Nobody reads answers" in notice.text
    await answer(house, OURS, "stop")
    assert house.world.to(OURS)
