"""Google Workspace in front of a whole mailguard and behind it, set up as the recipe's tables say."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailguard.stamp import FIELD
from mailguard.store.base import Filter
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, House, letter
from tests.provider.cloud import Cloud, opened
from tests.provider.google import Google, table
from tests.provider.page import ADDRESS, NAME, SECRET, configuration

PAGE = (Path(__file__).parents[2] / "docs" / "connecting-google-workspace.md").read_text("utf-8")
TABLES = [table(PAGE, name) for name in ("Add mail route", "SMTP relay service", "Content compliance")]


def customer(cloud: Cloud, domain: str, secret: str) -> Google:
    route, relay, rule = TABLES
    return Google(cloud, [domain], route, relay, rule, secret, ADDRESS, ADDRESS)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with opened() as made:
        yield made


async def connected(open_house: OpenHouse, cloud: Cloud, folder: Path, rules: str) -> House:
    house = await open_house(rules=rules, config=configuration(PAGE, cloud, folder))
    cloud.hosts[NAME] = house.service.smtp.ports[0]
    return house


async def wait(house: House, cloud: Cloud, minutes: float) -> None:
    await house.wait(minutes=minutes)
    while await cloud.quiet() or house.service.alarm._tasks:
        await house.look_again()
        await house.quiet()


async def test_mail_and_notices_go_through_and_arrive_once(open_house: OpenHouse, cloud: Cloud, tmp_path: Path) -> None:
    house, ours = await connected(open_house, cloud, tmp_path, DELAY), customer(cloud, "corp.example", SECRET)
    raw = letter(ANN, f"{KIM}, {BOB}")
    await cloud.submit(ours, ANN, [KIM, BOB], raw)
    await wait(house, cloud, 1)
    assert [len(cloud.to(one)) for one in (KIM, ANN)] == [0, 1]  # Ann has the notice of the delay
    await wait(house, cloud, 6)
    (kim,), (_,) = cloud.to(KIM), cloud.to(BOB)
    assert kim.body == raw.partition(b"\r\n\r\n")[2]
    assert [len(kim.all(name)) for name in (FIELD, "X-Mailguard-Secret", "X-Mailguard-Return")] == [1, 0, 0]
    assert cloud.bounced == []


async def test_another_customer_of_google_gets_nothing_in(open_house: OpenHouse, cloud: Cloud, tmp_path: Path) -> None:
    """The same addresses, the same certificate, our From: only the secret differs."""
    house, foreign = await connected(open_house, cloud, tmp_path, DELAY), customer(cloud, "evil.example", "9" * 64)
    await cloud.submit(foreign, ANN, [KIM], letter(ANN, KIM))
    assert [one.reply.partition(":")[0] for one in cloud.bounced] == ["550 5.7.1 locked"]
    assert await house.service.store.find(Filter(limit=10)) == []
    assert [line["reason"] for line in house.log_lines("connector.refused")] == ["secret"]


async def test_a_field_of_the_users_own_neither_opens_nor_closes(
    open_house: OpenHouse, cloud: Cloud, tmp_path: Path
) -> None:
    """Google adds its field to what is there; the mail is held as any other, and nothing of either is kept."""
    house, ours = await connected(open_house, cloud, tmp_path, HOLD), customer(cloud, "corp.example", SECRET)
    await cloud.submit(ours, ANN, [KIM], letter(ANN, KIM, X_Mailguard_Secret="my own", X_Mailguard_Stamp="v=1"))
    await wait(house, cloud, 1)
    (mail,) = await house.service.store.find(Filter(limit=10))
    kept = b"".join([chunk async for chunk in house.service.store.body(mail.queue_id)])
    assert b"X-Mailguard-Secret" not in kept
    assert cloud.to(KIM) == []
    assert len(house.log_lines("message.held")) == 1


async def test_a_rule_that_names_another_address_bounces_and_does_not_loop(
    open_house: OpenHouse, cloud: Cloud, tmp_path: Path
) -> None:
    house, ours = await connected(open_house, cloud, tmp_path, DELAY), customer(cloud, "corp.example", SECRET)
    await cloud.submit(ours, ANN, [BOB], letter(ANN, BOB))
    ours.excepted = "203.0.113.25"
    await wait(house, cloud, 1)
    people = [one for one in cloud.bounced if one.sender == ANN]  # the alert about it comes round as well
    assert [one.reply.partition(" this")[0] for one in people] == ["554 5.4.6"]
    assert cloud.to(BOB) == []
    assert len(house.log_lines("message.looped")) == 1
