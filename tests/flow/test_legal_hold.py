"""Somebody under a legal hold: set in the configuration or at the admin socket, seen in the console, log and audit."""

import asyncio
from typing import Any

import pytest

from mailguard.admin import client
from mailguard.admin.client import Refused
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, KIM, LEE, House
from tests.flow.test_audit import command
from tests.flow.test_connector import Connected, connected, fork

__all__ = ["connected"]


async def ask(house: House, verb: str, **fields: Any) -> Any:
    return await asyncio.to_thread(client.ask, house.config.socket_path, verb, **fields)


async def test_held_by_the_command_line_until_lifted(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    mine, other = await house.send([LEE]), await house.send([LEE], sender=BOB)
    await house.quiet()
    assert await ask(house, "legal_hold_set", person=ANN, reason="case 4711") == {"done": True}
    await house.wait(days=8)
    assert [(await house.mail(one)).purged for one in (mine, other)] == [False, True]
    assert [line["mails"] for line in house.log_lines("retention.held")] == [1]
    with pytest.raises(Refused, match="case 4711"):
        await ask(house, "erase", address=ANN, dry_run=True)
    with pytest.raises(Refused, match="case 4711"):
        await ask(house, "erase", address=ANN)
    condition = await house.service.health.condition()
    assert ([one.person for one in condition.legal_holds], condition.held_back) == ([ANN], 1)
    assert await ask(house, "legal_hold_lift", person=ANN) == {"done": True}
    await house.wait(hours=1)
    assert (await house.mail(mine)).purged
    assert [line["mails"] for line in house.log_lines("retention.held")] == [1, 0]
    assert (await ask(house, "erase", address=ANN))["mails"] >= 1


async def test_it_covers_whom_a_mail_only_names(connected: Connected) -> None:
    """Lee got it from the mail system itself, and no copy of it passed here."""
    house = await connected(DELAY)
    named = (await fork(house, 1, [KIM], to=[KIM, LEE])).queue_id
    other = (await fork(house, 2, [KIM], to=[KIM, f"x{LEE}"], message_id="<two@corp.example>")).queue_id
    assert LEE in (await house.mail(named)).inside
    await house.wait(minutes=6)
    await ask(house, "legal_hold_set", person=LEE.upper(), reason="case 4711")
    await house.wait(days=8)
    assert [(await house.mail(one)).purged for one in (named, other)] == [False, True]


async def test_an_erasure_that_is_refused_ends_no_absence(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.service.desk.absences.set(ANN, BOB, "2026-11-23", "2026-12-01")
    await ask(house, "legal_hold_set", person=ANN, reason="case 4711")
    with pytest.raises(Refused):
        await ask(house, "erase", address=ANN)
    assert house.service.desk.absences.of(ANN)


async def test_what_makes_no_sense_is_refused(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    with pytest.raises(Refused, match="needs its reason"):
        await ask(house, "legal_hold_set", person=ANN, reason=" ")
    with pytest.raises(Refused, match="no mail address"):
        await ask(house, "legal_hold_set", person="ann", reason="x")
    assert await ask(house, "legal_hold_list") == []


async def test_the_command_line_says_what_it_did(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    assert "under a legal hold" in (await command(house, "legal-hold", "set", ANN, "--reason", "case 4711")).stderr
    assert "was under one already" in (await command(house, "legal-hold", "set", ANN, "--reason", "x")).stderr
    assert "everybody is" in (await command(house, "legal-hold", "set", "--all", "--reason", "case 4712")).stderr
    listed = (await command(house, "legal-hold", "list")).stdout
    assert all(word in listed for word in (ANN, "everybody", "case 4711", "case 4712", "command line"))
    assert "everybody is under" in (await command(house, "audit", "erase", BOB, "--dry-run", code=1)).stderr
    await command(house, "legal-hold", "lift", "--all")
    assert "none was set here" in (await command(house, "legal-hold", "lift", KIM, code=1)).stderr
    assert "name one ADDRESS" in (await command(house, "legal-hold", "lift", code=2)).stderr
    assert "everybody" not in (await command(house, "legal-hold", "list")).stdout


async def test_held_by_the_configuration(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"legal_hold": "all"})
    queue_id = await house.send([KIM])
    await house.wait(days=30)
    assert not (await house.mail(queue_id)).purged
    (one,) = await ask(house, "legal_hold_list")
    assert (one["person"], one["source"], one["reason"]) == ("*", "configuration", "by the configuration")
    with pytest.raises(Refused, match="everybody is under a legal hold"):
        await ask(house, "erase", address=KIM, dry_run=True)
