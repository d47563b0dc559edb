"""Conversations and texts over the wire: what earlier mails decide about this one."""

import sqlite3
from itertools import count

import pytest

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, MO, House

RULES = """
version: 1
rules:
  - {id: gains, mode: audit, when: {thread: {gains: domain}}, then: [{hold: sender_confirms}]}
  - {id: back, mode: audit, when: {thread: {returns_dropped: true}}, then: [{hold: sender_confirms}]}
  - id: circle
    mode: audit
    when: {thread: {confidential: true, outside_circle: true}}
    then: [{hold: sender_confirms}]
  - {id: nudge, mode: audit, when: {thread: {unanswered: {at_least: 3}}}, then: [{delay: 5m}]}
  - {id: quotes, mode: audit, when: {thread: {quotes_others: true}}, then: [{hold: sender_confirms}]}
  - {id: again, mode: audit, when: {thread: {repeats_waiting: true}}, then: [{delay: 5m}]}
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
"""
TEXT = (
    "the customer does not know yet that the delivery will slip by three weeks,\r\nbecause the supplier in Gdansk "
    "lost the second shift. Please do not mention it\r\nbefore Tuesday, Bob wants to tell them himself at the "
    "fair in Poznan."
)
_names = count(1)


def quoting(text: str) -> str:
    marked = text.replace("\r\n", "\r\n> ")
    return f"See below.\r\n\r\nOn Mon, 2 Mar 2026 at 10:00, Eve <eve@corp.example> wrote:\r\n> {marked}\r\n"


class Talk:
    """One conversation of mails that really leave."""

    def __init__(self, house: House) -> None:
        self.house, self.last, self.all = house, "", list[str]()

    async def say(self, *to: str, sender: str = ANN, answers: str = "", leave: bool = True, **more: str) -> list[str]:
        """Answers the last mail (or `answers`); the rules that matched, without the delay."""
        name = f"<talk-{next(_names)}@corp.example>"
        parent = answers or self.last
        headers = {"In_Reply_To": parent, "References": " ".join([*self.all, parent])} if parent else {}
        more.setdefault("subject", f"Plans {name}")
        self.queue_id = await self.house.send(list(to), sender=sender, Message_ID=name, **headers, **more)
        self.all += [parent, name] if answers else [name]
        self.last = name
        hits = (await self.house.mail(self.queue_id)).hits
        if leave:
            await self.house.wait(minutes=6)
        self.reasons = {hit.rule: hit.reason for hit in hits}
        return [hit.rule for hit in hits if hit.rule != "wait"]


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    return await open_house(rules=RULES)


async def test_a_reply_that_brings_in_another_company(house: House) -> None:
    talk = Talk(house)
    assert await talk.say(KIM, LEE) == []
    assert await talk.say(KIM, MO) == ["gains"]
    assert talk.reasons["gains"] == "nobody of rival.example was on this conversation before"
    assert await talk.say(KIM, MO) == []


async def test_an_answer_to_a_mail_nobody_saw_begins_the_conversation(house: House) -> None:
    assert await Talk(house).say(KIM, MO, answers="<unseen@client.example>") == []


async def test_whoever_was_dropped_is_noticed_when_they_come_back_until_they_are_let_in(house: House) -> None:
    talk = Talk(house)
    await talk.say(KIM, LEE, MO, subject="Offer", leave=False)
    await house.send([MO], subject="Other")
    await house.press(await house.link(ANN, "Offer"), "drop", recipient=MO)
    await house.wait(minutes=6)
    assert "back" not in await talk.say(KIM)
    assert await talk.say(KIM, MO) == ["gains", "back"]
    assert talk.reasons["back"] == f"{MO} was taken off this conversation and is back"
    assert "back" not in await talk.say(KIM, MO)


async def test_a_confidential_conversation_passed_on(house: House) -> None:
    talk = Talk(house)
    await talk.say(LEE, Sensitivity="Company-Confidential")
    assert await talk.say(ANN, sender=LEE) == []
    assert await talk.say(BOB, subject="Fwd: plans") == ["circle"]
    assert talk.reasons["circle"].endswith(f"{BOB} was not on this conversation, which was between {ANN}, {LEE}")
    plain = Talk(house)
    await plain.say(LEE)
    assert await plain.say(BOB, subject="Fwd: plans") == []


async def test_the_third_follow_up(house: House) -> None:
    talk = Talk(house)
    assert [await talk.say(KIM) for _ in range(4)] == [[], [], [], ["nudge"]]
    assert talk.reasons["nudge"] == f"the 3rd follow-up to {KIM}, and no answer was seen"
    assert await talk.say(KIM, answers="<at-last@client.example>") == []


async def test_a_quotation_from_a_mail_to_others(house: House) -> None:
    await house.send([LEE], subject="Inside", body=TEXT)
    await house.quiet()
    talk = Talk(house)
    assert await talk.say(KIM, body=quoting(TEXT)) == ["quotes"]
    assert talk.reasons["quotes"] == f"it quotes mail that stayed inside, which {KIM} never got"
    assert await talk.say(KIM, body=quoting(TEXT)) == [], "now they have it"
    assert await Talk(house).say(MO, body=quoting(TEXT)) == ["quotes"]
    assert await Talk(house).say(BOB, body=quoting(TEXT)) == []


async def test_a_clients_own_words_that_were_passed_on_inside_first_go_back_to_the_client(house: House) -> None:
    theirs = quoting(TEXT).replace("eve@corp.example", KIM)
    await Talk(house).say(LEE, subject="Fwd: Delay", body=theirs)
    assert await Talk(house).say(KIM, subject="Re: Delay", body=theirs) == []
    assert await Talk(house).say(MO, body=theirs) == ["quotes"]


async def test_nearly_the_same_while_the_first_waits(house: House) -> None:
    first = Talk(house)
    assert await first.say(KIM, subject="Offer", body=TEXT, leave=False) == []
    second = Talk(house)
    assert await second.say(KIM, subject="Offer", body=TEXT.replace("three", "four"), leave=False) == ["again"]
    assert first.queue_id in second.reasons["again"]
    assert await Talk(house).say(MO, subject="Offer", body=TEXT) == []
    assert await Talk(house).say(KIM, subject="Offer", body=TEXT) == [], "the others have left"


async def test_the_page_of_the_second_mail_offers_to_cancel_the_first(open_house: OpenHouse) -> None:
    rules = RULES.replace("{id: again, mode: audit,", "{id: again,")
    house = await open_house(rules=rules, config={"notices": {"delayed": "always"}})
    first, second = Talk(house), Talk(house)
    await first.say(KIM, subject="Offer", body=TEXT, leave=False)
    await house.wait(minutes=1)
    await second.say(KIM, subject="Offer", body=TEXT.replace("three", "four"), leave=False)
    link = await house.link(ANN, "Offer")
    assert f"{first.queue_id} says nearly the same" in (await house.page(link)).words
    page = await house.press(link, "cancel-earlier")
    assert page.status == 422
    assert (await house.copy(first.queue_id, KIM)).state is State.QUEUED
    page = await house.press(link, "cancel-earlier", confirm=first.queue_id)
    assert (page.status, "says nearly the same" in page.words) == (200, False)
    await house.wait(minutes=6)
    assert (await house.copy(first.queue_id, KIM)).state is State.CANCELLED
    assert len(house.arrived(KIM)) == 1
    assert (await house.press(link, "cancel-earlier", confirm=first.queue_id)).status == 200, "done already"


async def test_nothing_is_remembered_of_texts_when_no_rule_asks(open_house: OpenHouse) -> None:
    house = await open_house(
        rules=RULES.replace("quotes_others: true", "gains: address").replace("repeats_waiting: true", "gains: address")
    )
    await house.send([LEE], body=TEXT)
    await house.quiet()
    kept = everything(house)
    assert (kept["audience"], kept["passage"], kept["sketch"]) == ("[]", "[]", "[]")


async def test_no_word_of_a_text_is_kept_outside_the_mail_itself(house: House) -> None:
    words = "zebrafish and zebrawood are what the new brand is to be called, says the agency"
    await house.send([LEE], body=f"{TEXT}\r\n{words}\r\n")
    await house.quiet()
    await Talk(house).say(KIM, body=quoting(f"{TEXT}\r\n{words}"), leave=False)
    kept = everything(house)
    assert [kept[name] != "[]" for name in ("audience", "passage", "sketch")] == [True] * 3
    assert [name for name, rows in kept.items() if "zebra" in rows] == []


def everything(house: House) -> dict[str, str]:
    """What stands in each table but the mails' own bytes."""
    with sqlite3.connect(house.config.store_path) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'chunk'").fetchall()
        return {name: str(db.execute(f"SELECT * FROM {name}").fetchall()) for (name,) in tables}
