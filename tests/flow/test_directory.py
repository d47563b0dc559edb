"""People from a real OpenLDAP server, in a service that goes on whatever becomes of that server."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.directory.keeper import NothingKnown
from mailguard.errors import ConfigError
from mailguard.service import Service
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import POSTMASTER, House, letter
from tests.slapd import BASE, PASSWORD, READER, Slapd, group, person, running

pytestmark = pytest.mark.clients("slapd", "ldapmodify")

HEAD, PAT, SALLY = "head@corp.example", "pat@corp.example", "sally@corp.example"
RULES = """
version: 1
rules:
  - {id: heads, when: {recipients: {any: {group: heads}}}, then: [{hold: {until: sender_confirms}}]}
  - {id: sales, when: {recipients: {any: {title: "head of *"}}}, then: [{tag: [sales]}]}
  - {id: assisted, when: {recipients: {any: has_assistant}}, then: [{cc: {add: assistant_of_matched, send: now}}]}
"""
STAFF = tuple(person(f"p{number}", f"p{number}@corp.example") for number in range(12))
FIRM = (
    person("Head", HEAD), person("Pat", PAT), *STAFF,
    person("Sally", SALLY, "title: Head of Sales", f"secretary: cn=Pat,ou=people,{BASE}"),
    group("Heads", "Head"),
)  # fmt: skip


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", *FIRM) as server:
        yield server


def asking(server: Slapd, **changes: Any) -> dict[str, Any]:
    ldap = {"url": server.url, "bind": READER, "password": PASSWORD, "base": BASE, "timeout": "5s"}
    return {"directory": {"ldap": {**ldap, **changes}}}


async def held(house: House, recipient: str) -> bool:
    return "held as" in (await house.submit(letter(to=recipient), [recipient])).text


async def hour(house: House) -> None:
    """Until the directory was asked again, and what it said is settled."""
    before = len(settled(house))
    await house.wait(hours=1, seconds=1)
    await eventually(lambda: len(settled(house)) > before)
    await eventually(lambda: asleep(house))


def asleep(house: House) -> bool:
    """Whether all that followed from the last answer is done, and the next hour has begun."""
    (watching,) = house.service.live._tasks._running
    waiting = getattr(watching.get_coro(), "cr_await", None)
    return getattr(waiting, "__name__", "") == "sleep"


def settled(house: House) -> list[dict[str, Any]]:
    names = ("directory.refreshed", "directory.unreachable", "directory.kept_back")
    return [line for line in house.log_lines() if line["event"] in names]


def copy_of(house: House) -> Path:
    return house.config.directory_path


async def test_rules_know_the_directorys_groups_titles_and_assistants(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    assert await held(house, HEAD)
    assert not await held(house, "p1@corp.example")
    sent = await house.send([SALLY])
    await house.quiet()
    assert (await house.mail(sent)).tags == ("sales",)
    assert len(house.arrived(PAT)) == 1
    assert stat.S_IMODE(copy_of(house).stat().st_mode) == 0o600
    assert PASSWORD not in copy_of(house).read_text("utf-8")


async def test_people_yaml_wins_and_groups_unite(open_house: OpenHouse, slapd: Slapd) -> None:
    people = [{"address": SALLY, "title": "Clerk", "groups": ["Heads"]}, {"address": "p1@corp.example", "name": "One"}]
    house = await open_house(rules=RULES.replace("group: heads", "group: Heads"), config=asking(slapd), people=people)
    known = house.service.people
    assert known.groups["Heads"] == {HEAD, SALLY}
    assert known.title_of(SALLY) == "Clerk"
    assistant = known.assistant_of(SALLY)
    assert assistant is not None
    assert assistant.address == PAT


async def test_what_changes_there_is_live_within_the_hour_or_by_a_reload(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    slapd.change(f"dn: cn=Heads,ou=groups,{BASE}\nchangetype: modify\nadd: member\nmember: cn=p1,ou=people,{BASE}\n")
    assert not await held(house, "p1@corp.example")
    await hour(house)
    assert await held(house, "p1@corp.example")
    slapd.change(f"dn: cn=Heads,ou=groups,{BASE}\nchangetype: modify\nadd: member\nmember: cn=p2,ou=people,{BASE}\n")
    await house.reload()
    assert await held(house, "p2@corp.example")


async def test_a_refresh_makes_no_half_edited_file_live(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    house.write_rules("version: 1\nrules: [")
    (house.config.path.parent / "people.yaml").write_text("half of it: [", "utf-8")
    slapd.change(person("New", "new@corp.example"))
    await hour(house)
    assert house.service.people.person("new@corp.example") is not None
    assert await held(house, HEAD)


async def test_while_it_is_down_what_it_said_last_counts_also_after_a_restart(
    open_house: OpenHouse, slapd: Slapd
) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    slapd.stop()
    await hour(house)
    assert await held(house, HEAD)
    await house.restart()
    assert await held(house, HEAD)
    (line,) = house.log_lines("directory.unreachable")[-1:]
    assert (line["level"], "Connection refused" in line["error"]) == ("warning", True)
    assert line["since"] == "2026-11-23T09:00:00.000Z"
    assert b"mailguard_directory_last_refresh_successful 0.0" in await house.service.health.scrape()
    assert b"mailguard_directory_age_seconds 3601.0" in await house.service.health.scrape()
    slapd.start()
    await eventually(lambda: asleep(house))
    await house.wait(minutes=5, seconds=1)
    await eventually(lambda: settled(house)[-1]["event"] == "directory.refreshed")
    assert b"mailguard_directory_last_refresh_successful 1.0" in await house.service.health.scrape()
    assert house.notices(POSTMASTER) == []


async def test_what_is_very_old_is_used_and_told_once(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    slapd.stop()
    await house.wait(days=31)
    await eventually(lambda: house.log_lines("directory.unreachable"))
    await eventually(lambda: asleep(house))
    await house.wait(minutes=5, seconds=1)
    await eventually(lambda: len(house.log_lines("directory.unreachable")) > 1)
    assert {line["level"] for line in house.log_lines("directory.unreachable")} == {"error"}
    assert await held(house, HEAD)
    assert "so long" in (await house.notice(POSTMASTER, "directory")).text
    assert len(house.notices(POSTMASTER)) == 1


async def test_losing_most_of_a_group_that_rules_name_is_not_taken_over(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    dn = f"dn: cn=Heads,ou=groups,{BASE}"
    slapd.change(f"{dn}\nchangetype: modify\nreplace: member\nmember: cn=nobody,{BASE}\n")
    await hour(house)
    await hour(house)
    assert await held(house, HEAD)
    notice = await house.notice(POSTMASTER, "directory")
    assert "group heads: 1, now 0" in " ".join(notice.text.split())
    assert str(copy_of(house)) in notice.text.replace("\r\n", "")
    assert len(house.notices(POSTMASTER)) == 1
    await house.restart()  # a copy, and doubt: as before
    assert await held(house, HEAD)
    copy_of(house).unlink()
    await house.reload()
    assert not await held(house, HEAD)


async def test_a_group_that_rules_name_and_that_is_gone_keeps_rules_and_people(
    open_house: OpenHouse, slapd: Slapd
) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    hashed = house.service.rules.hash
    slapd.change(f"dn: cn=Heads,ou=groups,{BASE}\nchangetype: delete\n")
    await hour(house)
    assert house.service.rules.hash == hashed
    assert await held(house, HEAD)
    assert "no longer fit" in (await house.notice(POSTMASTER, "directory")).text
    await house.reload()  # nothing is wrong with the files
    assert await held(house, HEAD)
    house.write_rules("version: 1\nrules: [{id: x, when: {sender: {group: no-such}}, then: [{delay: 5m}]}]")
    with pytest.raises(ConfigError, match="1 error"):
        await house.reload()


async def test_an_empty_directory_and_a_wrong_password_are_told_at_once(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    slapd.load()
    await hour(house)
    assert await held(house, HEAD)
    assert "knows nobody" in (await house.notice(POSTMASTER, "directory")).text
    slapd.load(*FIRM)
    await house.reload()
    slapd.change(f"dn: {READER}\nchangetype: modify\nreplace: userPassword\nuserPassword: another\n")
    await hour(house)
    assert "bind and password" in (await house.notice(POSTMASTER, "directory")).text
    assert await held(house, HEAD)


async def test_without_any_answer_there_is_no_start(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    await house.stop()
    slapd.stop()
    copy_of(house).write_text("{}", "utf-8")  # damaged: as good as none
    with pytest.raises(NothingKnown, match="no earlier answer"):
        Service(house.config, house.clock, house.log)
    assert "is damaged" in house.log_lines("directory.copy_unusable")[-1]["error"]


async def test_mistakes_there_are_logged_once_with_their_entry(open_house: OpenHouse, slapd: Slapd) -> None:
    slapd.load(
        *FIRM, person("Ann", "ann@corp.example", f"manager: cn=gone,{BASE}", f"secretary: cn=Out,ou=people,{BASE}"),
        person("Out", "out@else.example"), person("Bad", "no address"),
    )  # fmt: skip
    house = await open_house(rules=RULES, config=asking(slapd))
    await hour(house)
    said = {line["error"]: line["entry"] for line in house.log_lines("directory.remark")}
    assert len(said) == len(house.log_lines("directory.remark")) == 3
    assert {entry.partition(",")[0] for entry in said.values()} == {"cn=Ann", "cn=Bad"}
    assert house.service.people.assistant_of("ann@corp.example") is None


async def test_the_copy_is_whole_or_not_there(open_house: OpenHouse, slapd: Slapd) -> None:
    house = await open_house(rules=RULES, config=asking(slapd))
    assert json.loads(copy_of(house).read_bytes())["format"] == 1
    copy_of(house).with_name("mail.db.directory.new").mkdir()  # nothing can be written there
    slapd.change(person("New", "new@corp.example"))
    await hour(house)
    assert house.service.people.person("new@corp.example") is not None
    assert "new@corp.example" not in copy_of(house).read_text("utf-8")
