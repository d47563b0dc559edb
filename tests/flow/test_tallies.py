"""What people do on the pages is what the statistics say of the rules."""

import asyncio
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context
from mailguard.records import Actor, Fate
from mailguard.store.sqlite import onlooker
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, MO, House

RULES = """
version: 1
rules:
  - {id: ask, when: {recipients: {any: external}}, then: [{hold: {until: sender_confirms, expires: 2h}}]}
  - id: watched
    mode: audit
    when: {recipients: {any: {domain: rival.example}}}
    then: [{hold: {until: sender_confirms}}]
"""


async def run(house: House, *arguments: str, said: str = "", **environ: str) -> Result:
    """A verb beside the running house, whose clock is not the machine's: it looks back for ten years."""
    options = {"input": said, "env": environ, "obj": Context()}
    command = ["--config", str(house.config.path), *arguments, "--since", "3650d"]
    return await asyncio.to_thread(lambda: CliRunner().invoke(cli, command, **options))  # type: ignore[arg-type]


async def held(house: House, subject: str, *to: str) -> tuple[str, str]:
    """A mail that waits: its queue id and its sender's link."""
    queue_id = await house.send(to or (KIM,), subject=subject)
    return queue_id, await house.link(ANN, subject)


async def test_presses_become_fates(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    begin = house.clock.now()
    queue_id, link = await held(house, "first")
    await house.wait(minutes=3)
    assert (await house.press(link, "cancel", confirm=queue_id)).status == 200
    _, link = await held(house, "second", KIM, MO)
    await house.wait(minutes=5)
    assert (await house.press(link, "drop", recipient=MO)).status == 200
    await house.press(link, "send", confirm=[KIM, MO])
    _, link = await held(house, "third")
    await house.wait(minutes=7)
    await house.press(link, "send", confirm=KIM)
    await held(house, "fourth")
    await house.wait(hours=3)
    await held(house, "fifth")
    async with onlooker(house.config.store_path) as store:
        ask, watched = await store.tallies(begin)
        matches = await store.matches("watched", begin)
    assert dict(ask.fates) == {
        Fate.CANCELLED: 1, Fate.DROPPED: 1, Fate.UNCHANGED: 1, Fate.UNANSWERED: 1, Fate.OPEN: 1
    }  # fmt: skip
    assert ask.answered_in == timedelta(minutes=5)
    assert (watched.matched, watched.audit, watched.would_hold) == (0, 1, 1)
    assert [(one.sender, one.hit.recipients) for one in matches] == [(ANN, frozenset({MO}))]
    said = await run(house, "rules", "stats")
    assert said.stdout.splitlines()[0].split()[:3] == ["RULE", "MATCHED", "HELD"]
    assert "67% (21%-94%)" in said.stdout
    assert "1 (1 held)" in said.stdout


async def test_a_rule_that_everybody_confirms_is_proposed_for_audit(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    for _ in range(40):
        queue_id = await house.send([KIM])
        await house.service.store.send_now(queue_id, by=Actor(ANN, "link"), now=house.clock.now())
    await house.wait(minutes=1)
    said = (await run(house, "rules", "stats")).stdout
    assert "ask: demote, for 40 of 40 answered holds were sent unchanged" in said
    assert "mailguard promote ask --back" in said
    assert "never matched: watched" in said


async def test_promote_shows_domains_and_reasons_and_writes_only_after_a_yes(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    await house.send([MO], subject="Price 4711")
    await house.send([MO], sender=BOB, subject="Price 4712")
    shown = await run(house, "promote", "watched", "--dry-run", "--groups", "executives")
    assert "2 senders, most often" in shown.stdout
    assert "rival.example" in shown.stdout
    assert not [word for word in ("4711", MO) if word in shown.stdout]
    assert "+     enforce: {groups: [executives]}" in shown.stdout
    file = house.config.path.parent / "rules" / "50-house.yaml"
    assert file.read_text() == RULES
    assert (await run(house, "promote", "watched", said="n\n")).exit_code == 1
    assert file.read_text() == RULES
    assert (await run(house, "promote", "watched", said="y\n")).exit_code == 0
    assert file.read_text() == RULES.replace("audit", "enforce")
    assert "Price 4711" in (await run(house, "promote", "watched", "--dry-run", MAILGUARD_LOG__SUBJECTS="true")).output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["wached"], 1, 'there is no rule "wached": did you mean "watched"?'),
        (["watched", "--groups", "legl", "--yes"], 1, 'there is no group "legl"'),
        (["watched", "--back", "--groups", "legal"], 2, "leave --groups out"),
        (["ask"], 0, "nothing to do"),
    ],
)
async def test_promote_says_what_cannot_be_done(
    open_house: OpenHouse, arguments: list[str], code: int, said: str
) -> None:
    house = await open_house(rules=RULES)
    done = await run(house, "promote", *arguments)
    assert (done.exit_code, said in done.output) == (code, True), done.output
