"""What Prometheus scrapes after a few mails: the documented names, and the right numbers."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailguard.store.sqlite import reserve
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, CEO, KIM, House, letter, routes
from tests.unit.courier.peer import Peer

RULES = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
  - {id: ask, when: {words: {any: [secret], in: [subject]}}, then: [{hold: {expires: 8h, on_expiry: return}}]}
  - {id: no, when: {words: {any: [never], in: [subject]}}, then: [{reject: Never}]}
  - {id: look, mode: audit, when: {words: {any: [quote], in: [subject]}}, then: [{tag: [quote]}]}
"""
LISTENING = {"metrics": {"bind": "127.0.0.1:0"}}

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(house: House) -> Numbers:
    await house.quiet()
    assert house.service.scrape is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{house.service.scrape.port}/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(numbers: Numbers, name: str, **labels: str) -> float:
    return numbers[name, frozenset(labels.items())]


async def test_a_few_mails_are_counted_under_the_documented_names(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES, config=LISTENING)
    listener = house.service.config.smtp.listeners[0].bind
    await house.send([KIM], subject="Quote")
    await house.send([BOB], subject="Lunch")
    await house.send([BOB], subject="Secret one")
    await house.send([BOB], subject="Secret two")
    assert (await house.submit(letter(subject="Never"))).code == 550
    now = await scrape(house)
    assert of(now, "mailguard_messages_received_total", listener=listener) == 4
    assert of(now, "mailguard_rule_matches_total", rule="wait", action="delay", mode="enforce") == 2
    assert of(now, "mailguard_rule_matches_total", rule="ask", action="hold", mode="enforce") == 2
    assert of(now, "mailguard_rule_matches_total", rule="no", action="reject", mode="enforce") == 1
    assert of(now, "mailguard_rule_matches_total", rule="look", action="pass", mode="audit") == 1
    states = {state: of(now, "mailguard_queue_messages", state=state) for state in ("held", "queued", "sent", "failed")}
    assert states == {"held": 2, "queued": 1, "sent": 1, "failed": 0}
    assert of(now, "mailguard_rules_last_reload_successful") == 1
    assert of(now, "mailguard_rule_evaluation_seconds_count") == 5
    assert of(now, "mailguard_storage_commit_seconds_count") == 4
    assert of(now, "mailguard_messages_rejected_total", code="550") == 1
    assert of(now, "mailguard_notices_undelivered") == 0


async def test_how_holds_ended_is_counted_by_outcome(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES, config=LISTENING)
    await house.send([BOB], subject="Secret three.")
    one, two = [await house.send([BOB], subject=f"Secret {name}.") for name in ("one", "two")]
    await house.press(await house.link(ANN, "Secret one."), "send", confirm=one)
    await house.press(await house.link(ANN, "Secret two."), "cancel", confirm=two)
    await house.wait(hours=9)
    now = await scrape(house)
    found = {labels: value for (name, labels), value in now.items() if name == "mailguard_holds_resolved_total"}
    outcomes = {dict(labels)["outcome"]: value for labels, value in found.items()}
    assert outcomes == {"released": 1, "cancelled": 1, "return": 1}


async def test_the_age_of_the_oldest_waiting_is_shown_by_state(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES, config=LISTENING)
    await house.send([BOB], subject="Secret")
    await house.wait(hours=1)
    await house.send([KIM], subject="Quote")
    await house.wait(minutes=2)
    now = await scrape(house)
    assert of(now, "mailguard_queue_oldest_seconds", state="held") == 3720
    assert of(now, "mailguard_queue_oldest_seconds", state="queued") == 120


async def test_attempts_are_counted_by_result_and_the_lag_from_due_to_wire_is_observed(
    open_house: OpenHouse, peer: Peer
) -> None:
    house = await open_house(rules=RULES, config=LISTENING | routes(client_example=peer.port))
    peer.answers["RCPT"] = ["451 4.2.0 later", "550 5.1.1 nobody"]
    await house.send([KIM], subject="Quote")
    await house.wait(minutes=8)
    await house.send([KIM], subject="Quote again")
    await house.wait(minutes=8)
    now = await scrape(house)
    results = {r: of(now, "mailguard_delivery_attempts_total", result=r) for r in ("sent", "deferred", "failed")}
    assert results == {"sent": 2, "deferred": 1, "failed": 1}, "the report to the sender is one of the sent"
    assert of(now, "mailguard_release_lag_seconds_count") == 3, "first attempts: two mails and a report"
    assert of(now, "mailguard_release_lag_seconds_sum") < 1


async def test_a_mail_that_leaves_late_shows_in_the_lag(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES, config=LISTENING)
    await house.send([KIM], subject="Quote")
    await house.quiet()
    await house.stop()
    await house.clock.advance(900)
    await house.restart()
    now = await scrape(house)
    assert of(now, "mailguard_release_lag_seconds_sum") == 600


async def test_a_full_disk_shows_once_the_room_kept_for_it_is_used_up(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(rules=RULES, config=LISTENING)
    assert of(await scrape(house), "mailguard_storage_reserve_spent") == 0
    monkeypatch.setattr(reserve.Reserve, "_allocate", lambda _: False)
    await house.restart()
    assert of(await scrape(house), "mailguard_storage_reserve_spent") == 1
    assert (await house.submit(letter())).text.startswith("4.3.1 ")


async def test_a_pilot_acts_for_its_group_and_is_counted_as_audit_for_all_others(open_house: OpenHouse) -> None:
    rules = """
rules:
  - {id: try, enforce: {groups: [executives]}, when: {recipients: {any: external}}, then: [{hold: sender_confirms}]}
"""
    house = await open_house(rules=rules, config=LISTENING)
    assert "held as" in (await house.submit(letter(CEO), sender=CEO)).text
    assert "queued as" in (await house.submit(letter())).text
    now = await scrape(house)
    assert of(now, "mailguard_rule_matches_total", rule="try", action="hold", mode="enforce") == 1
    assert of(now, "mailguard_rule_matches_total", rule="try", action="hold", mode="audit") == 1
