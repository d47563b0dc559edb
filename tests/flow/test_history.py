"""What is learnt from a sender's mail, and when it speaks."""

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOSS, KIM, LEE, House

PAT, WARD = "pat@corp.example", "ward@client.example"
SOON = {"history": {"learn": {"mails": 3, "days": 0}}}
ODD = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
  - {id: odd, mode: audit, when: {recipients: {any: unexpected}}, then: [{delay: 1m}]}
"""


async def known(house: House, *to: str, times: int = 4) -> None:
    """`times` mails to these that really leave."""
    for number in range(times):
        await house.send(list(to), subject=f"Week {number}")
    await house.wait(minutes=6)


async def odd(house: House, *to: str) -> bool:
    """Whether a mail to these has somebody unexpected."""
    mail = await house.mail(await house.send(list(to), subject="Now"))
    return any(hit.rule == "odd" for hit in mail.hits)


async def written(house: House, *addresses: str) -> dict[str, int]:
    return dict((await house.service.store.facts_for(ANN, addresses, ())).written)


async def test_somebody_who_was_never_with_the_others_is_unexpected(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await known(house, LEE, PAT)
    await known(house, WARD)
    assert not await odd(house, LEE, PAT)
    assert await odd(house, LEE, PAT, WARD)


async def test_history_is_silent_while_a_sender_is_being_learnt(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config={"history": {"learn": {"mails": 100, "days": 14}}})
    await known(house, LEE, PAT)
    await known(house, WARD)
    assert not await odd(house, LEE, PAT, WARD)


async def test_enough_mails_in_too_few_days_are_not_enough(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config={"history": {"learn": {"mails": 3, "days": 2}}})
    for who in ((LEE, PAT), (WARD,), (KIM,)):
        await known(house, *who)
    assert not await odd(house, LEE, PAT, WARD)
    await house.wait(days=2)
    assert await odd(house, LEE, PAT, KIM)


async def test_it_is_learnt_when_it_leaves_and_not_before(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await house.send([KIM])
    await house.wait(minutes=4)
    assert await written(house, KIM) == {}
    await house.wait(minutes=2)
    assert await written(house, KIM) == {KIM: 1}


async def test_a_dropped_and_a_cancelled_recipient_are_not_learnt(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await known(house, LEE, PAT)
    await known(house, WARD)
    await house.send([LEE, PAT, WARD], subject="Dropped")
    await house.press(await house.link(ANN, "Dropped"), "drop", recipient=WARD)
    gone = await house.send([LEE, PAT, WARD], subject="Cancelled")
    await house.press(await house.link(ANN, "Cancelled"), "cancel", confirm=gone)
    await house.wait(minutes=6)
    assert await odd(house, LEE, PAT, WARD), "twice almost sent is not sent"
    assert (await written(house, LEE, WARD)) == {LEE: 5, WARD: 4}


async def test_what_was_let_go_is_learnt_and_not_odd_the_next_time(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await known(house, LEE, PAT)
    await known(house, WARD)
    assert await odd(house, LEE, PAT, WARD)
    await house.wait(minutes=6)
    assert not await odd(house, LEE, PAT, WARD)


async def test_copies_that_a_rule_added_teach_nothing(open_house: OpenHouse) -> None:
    boss = "{id: boss, when: {recipients: {any: external}}, then: [{cc: {add: boss@corp.example, send: now}}]}"
    house = await open_house(rules=f"{ODD}  - {boss}\n", config=SOON)
    await known(house, KIM)
    assert len(house.arrived(BOSS)) == 4
    assert await written(house, KIM, BOSS) == {KIM: 4}


async def test_history_survives_a_restart(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await known(house, LEE, PAT)
    await known(house, WARD)
    await house.restart()
    assert await odd(house, LEE, PAT, WARD)


async def test_one_senders_past_says_nothing_about_anothers(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    await known(house, LEE, PAT)
    await known(house, WARD)
    mail = await house.mail(await house.send([LEE, PAT, WARD], sender=BOSS))
    assert [hit.rule for hit in mail.hits] == ["wait"]


async def test_the_ordinary_reply_to_all_to_a_client_passes_with_just_the_delay(house: House) -> None:
    """Story 5's near miss, with the shipped policy and somebody whose past is known."""
    for week in range(6):
        await house.send([KIM], cc=[LEE], subject=f"Minutes {week}")
    await house.wait(minutes=6)
    parent = "<offer@client.example>"
    await house.send([KIM], cc=[LEE], subject="Offer", Message_ID=parent)
    await house.wait(minutes=6)
    thread = {"In_Reply_To": parent, "References": parent}
    queue_id = await house.send([KIM], cc=[LEE], subject="Re: Offer", **thread)
    mail = await house.mail(queue_id)
    assert [hit.rule for hit in mail.hits] == ["external-delay"]
    assert not mail.holds
    await house.wait(minutes=5)
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_the_client_in_copy_of_an_inside_thread_is_held_where_the_ordinary_reply_is_not(house: House) -> None:
    for week in range(6):
        await house.send([LEE, PAT], cc=[BOSS], subject=f"Plan {week}")
    await house.wait(minutes=6)
    mail = await house.mail(await house.send([LEE, PAT], cc=[WARD], subject="Plan 7"))
    assert [hold.rule for hold in mail.holds] == ["unexpected-cc-inside"]
    assert [d.address for d in mail.deliveries if d.flagged] == [WARD]


async def test_a_round_mail_is_no_habit(open_house: OpenHouse) -> None:
    house = await open_house(rules=ODD, config=SOON)
    everybody = [f"p{number}@corp.example" for number in range(101)]
    await house.send(everybody)
    await house.send(everybody[:100])
    await house.wait(minutes=1)
    (one,) = (await house.service.store.habits(ANN, ())).sent
    assert len(one.recipients) == 100
