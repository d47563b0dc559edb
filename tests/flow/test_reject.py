"""Refused mail: the sender's program says why, and nothing of it is kept."""

from mailguard.store.base import Filter
from tests.flow.conftest import OpenHouse
from tests.flow.house import BOB, KIM, letter

REJECT = """
version: 1
rules:
  - id: no-client-data
    when: {recipients: {any: external}, words: {any: [bluebird], in: [subject, body]}}
    then: [{reject: {message: "Client data goes by the portal, not to {external_domains}"}}]
  - {id: ask, when: {recipients: {any: external}}, then: [{hold: sender_confirms}]}
"""


async def test_a_rejected_mail_is_refused_at_the_dot_with_rule_and_reason(open_house: OpenHouse) -> None:
    house = await open_house(rules=REJECT)
    answer = await house.submit(letter(subject="Bluebird"))
    assert answer.code == 550
    assert answer.text.startswith("5.7.1 ")
    assert "no-client-data: Client data goes by the portal, not to client.example" in answer.text


async def test_nothing_of_a_rejected_mail_is_stored_or_told(open_house: OpenHouse) -> None:
    house = await open_house(rules=REJECT)
    await house.submit(letter(subject="Bluebird"), [KIM, BOB])
    await house.wait(hours=1)
    assert await house.service.store.find(Filter()) == []
    assert not house.world.caught
    (line,) = house.log_lines("smtp.rejected")
    assert (line["smtp_code"], line["enhanced_code"]) == ("550", "5.7.1")


async def test_reject_is_stricter_than_a_hold_and_the_next_mail_is_judged_afresh(open_house: OpenHouse) -> None:
    house = await open_house(rules=REJECT)
    assert (await house.submit(letter(subject="Bluebird"))).code == 550
    assert "held as" in (await house.submit(letter(subject="Weather"))).text
    assert (await house.submit(letter(to=BOB, subject="Bluebird"), [BOB])).text.startswith("2.0.0 queued as")
