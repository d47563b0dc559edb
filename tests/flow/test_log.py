"""The log after a few mails: every line JSON with the documented fields, and nothing of what was written in them."""

import re
from io import StringIO
from typing import Literal

import pytest

from mailguard.log import Log
from mailguard.logger import LogSettings
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, MO, House, letter, routes
from tests.unit.courier.peer import Peer

FIELDS = {
    "ts", "level", "event", "queue_id", "message_id", "session_id", "sender", "rcpt_count", "rcpt_domains", "size",
    "rules", "action", "due", "state", "attempt", "remote", "smtp_code", "enhanced_code", "duration_ms", "actor",
    "error",
}  # fmt: skip
MORE = {
    "audit", "exception", "head", "kinds", "last", "listener", "listeners", "reason",
    "recipient", "remaining", "rules_hash", "seal", "tags", "web", "where",
}  # fmt: skip
RULES = """
version: 1
rules:
  - id: words
    when: {words: {any: [bluebird], in: [subject, body]}}
    then: [{hold: {until: sender_confirms, expires: 8h}}]
    explain: "“{matched}” in {where}"
  - id: pattern
    when: {pattern: {re: 'PRJ-[0-9]{4}', in: [body]}}
    then: [{delay: 5m}]
    explain: "“{matched}” in {where}"
  - {id: no, when: {words: {any: [never], in: [body]}}, then: [{reject: "Not with {matched}"}]}
"""
SAID = ["bluebird", "Bluebird", "PRJ-1234", "prj-1234", "Dear Kim", "Numbers for", "neverwhere"]


async def busy_day(house: House, peer: Peer) -> None:
    """Held and sent, held and dropped, delayed and stopped and cancelled, expired, rejected, deferred, failed."""
    await house.send([KIM], subject="Bluebird one.", body="Dear Kim\r\n")
    await house.press(await house.link(ANN, "Bluebird one."), "send", confirm=KIM)
    await house.send([KIM, MO], subject="Bluebird two.", body="Dear Kim\r\n")
    await house.press(await house.link(ANN, "Bluebird two."), "drop", recipient=MO)
    queue_id = await house.send([KIM], subject="Numbers for PRJ", body="PRJ-1234\r\n")
    link = await house.link(ANN, "Numbers for PRJ")
    await house.press(link, "stop")
    await house.press(link, "cancel", confirm=queue_id)
    assert (await house.submit(letter(body="never Bluebird\r\n"))).code == 550
    peer.answers["RCPT"] = ["451 4.2.0 later", "550 5.1.1 nobody"]
    await house.send([KIM], subject="Numbers for Kim")
    await house.wait(hours=9)


@pytest.fixture
async def house(open_house: OpenHouse, peer: Peer) -> House:
    house = await open_house(rules=RULES, config=routes(client_example=peer.port))
    await busy_day(house, peer)
    return house


async def test_every_line_is_one_json_object_with_documented_fields(house: House) -> None:
    lines = house.log_lines()
    assert len(lines) > 20
    for line in lines:
        assert set(line) <= FIELDS | MORE, line
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", line["event"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["ts"])
        assert list(line)[:3] == ["ts", "level", "event"]


async def test_the_day_is_told_in_the_documented_events(house: House) -> None:
    events = {line["event"] for line in house.log_lines()}
    assert events >= {
        "service.ready", "smtp.accepted", "smtp.rejected", "message.evaluated", "message.delayed", "message.held",
        "message.cancelled", "recipient.dropped", "hold.released", "hold.expired", "delivery.sent",
        "delivery.deferred", "delivery.failed", "notice.sent",
    }  # fmt: skip
    assert not house.log_lines("service.failure")


async def test_no_subject_no_text_no_matched_word_and_no_token_is_in_it(house: House) -> None:
    text = house.log.getvalue()
    assert not [said for said in SAID if said in text]
    tokens = re.findall(r"/m/([\w-]{20,})", "\n".join(notice.text for notice in house.world.caught))
    assert len(tokens) >= 4
    assert not [token for token in tokens if token in text]


async def test_subjects_appear_only_where_the_setting_says_so(open_house: OpenHouse) -> None:
    house = await open_house(config={"log": {"subjects": True}})
    await house.send([BOB], subject="Lunch with Lou")
    assert house.log_lines("smtp.accepted")[0]["subject"] == "Lunch with Lou"


@pytest.mark.parametrize("shown", ["domain", "hash"])
async def test_addresses_can_be_kept_out_of_it(open_house: OpenHouse, peer: Peer, shown: str) -> None:
    house = await open_house(rules=RULES, config={**routes(client_example=peer.port), "log": {"addresses": shown}})
    await busy_day(house, peer)
    text = house.log.getvalue()
    assert not [address for address in (ANN, BOB, KIM, MO) if address in text]
    senders = {line["sender"] for line in house.log_lines("smtp.accepted")}
    assert senders == {"@corp.example"} if shown == "domain" else len(senders) == 1


@pytest.mark.parametrize("shown", ["domain", "hash"])
def test_they_are_kept_out_of_why_a_login_failed_too(shown: Literal["domain", "hash"]) -> None:
    lines = StringIO()
    log = Log(LogSettings(addresses=shown), lines)
    log.auth_failed("", "192.0.2.1", why=f"it is a token of {ANN}")
    log.logins_down("smtp.users.ldap", f"2 people log in as '{ANN}': narrow smtp.users.ldap.match")
    assert ANN not in lines.getvalue()
    assert "it is a token of " in lines.getvalue()
    assert "': narrow smtp.users.ldap.match" in lines.getvalue()


async def test_one_mails_lines_are_found_by_its_queue_id(open_house: OpenHouse) -> None:
    house = await open_house()
    queue_id = await house.send()
    await house.wait(minutes=6)
    lines = [line for line in house.log_lines() if queue_id in line.get("queue_id", "")]
    assert [line["event"] for line in lines] == [
        "smtp.accepted", "message.evaluated", "message.delayed", "notice.sent", "delivery.sent",
    ]  # fmt: skip
    sent = lines[-1]
    assert (sent["attempt"], sent["smtp_code"], sent["enhanced_code"]) == (1, 250, "2.0.0")
    assert sent["rcpt_domains"] == ["client.example"]
    assert lines[2]["rules"] == ["external-delay"]
