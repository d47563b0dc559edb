"""New rules are for new mail: what waits keeps its verdict, and a bad file changes nothing."""

import pytest

from mailguard.errors import ConfigError
from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, CEO, DELAY, HOLD, KIM, letter


async def test_new_rules_are_for_new_mail_and_what_waits_keeps_its_verdict(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    before = await house.send(subject="Before")
    old = (await house.mail(before)).rules_hash
    house.write_rules(HOLD)
    new = await house.reload()
    assert new != old
    assert (await house.mail(before)).rules_hash == old
    after = await house.submit(letter(subject="After"))
    assert "held as" in after.text
    await house.wait(minutes=5)
    assert (await house.copy(before, KIM)).state is State.SENT, "it left as it was decided"
    assert (await house.copy(after.queue_id, KIM)).state is State.HELD
    assert (await house.mail(after.queue_id)).rules_hash == new


async def test_a_held_mail_stays_held_when_its_rule_is_gone(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    house.write_rules(DELAY)
    await house.reload()
    await house.wait(hours=1)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_a_bad_file_leaves_the_old_rules_live_and_is_seen_everywhere(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    old = house.service.rules.hash
    house.write_rules(HOLD.replace("external", "externl"))
    with pytest.raises(ConfigError):
        await house.reload()
    assert house.service.rules.hash == old
    assert "held as" in (await house.submit(letter())).text
    assert b"mailguard_rules_last_reload_successful 0.0" in await house.service.health.scrape()
    (line,) = house.log_lines("rules.reload_failed")
    assert line["actor"] == "test"
    house.write_rules(DELAY)
    await house.reload()
    assert b"mailguard_rules_last_reload_successful 1.0" in await house.service.health.scrape()
    assert (await house.submit(letter())).text.startswith("2.0.0 queued as")


async def test_one_bad_file_among_good_ones_changes_nothing_of_the_good_ones(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    rules = house.config.path.parent / "rules"
    house.write_rules(HOLD)
    (rules / "60-bad.yaml").write_text("version: 1\nrules: [", "utf-8")
    with pytest.raises(ConfigError):
        await house.reload()
    assert (await house.submit(letter())).text.startswith("2.0.0 queued as")
    (rules / "60-bad.yaml").unlink()
    await house.reload()
    assert "held as" in (await house.submit(letter())).text


async def test_people_are_read_again_as_well(open_house: OpenHouse) -> None:
    house = await open_house()
    people = house.config.path.parent / "people.yaml"
    await house.send([CEO])
    await house.quiet()
    assert len(house.arrived("assistant@corp.example")) == 1
    people.write_text(people.read_text("utf-8").replace("assistant@corp.example", BOB), "utf-8")
    await house.reload()
    await house.send([CEO])
    await house.quiet()
    assert len(house.arrived(BOB)) == 1
    assert len(house.arrived("assistant@corp.example")) == 1


async def test_a_missing_people_file_keeps_the_people_and_the_rules(open_house: OpenHouse) -> None:
    house = await open_house()
    (house.config.path.parent / "people.yaml").unlink()
    with pytest.raises(ConfigError):
        await house.reload()
    await house.send([CEO])
    await house.quiet()
    assert len(house.arrived("assistant@corp.example")) == 1
