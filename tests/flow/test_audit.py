"""The audit and its verbs, beside a running service."""

import asyncio
import json
from base64 import b64decode

import httpx
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, KIM, House


async def command(house: House, *arguments: str, code: int = 0) -> Result:
    asked = ["--config", str(house.config.path), *arguments]
    done = await asyncio.to_thread(CliRunner().invoke, cli, asked, obj=Context())
    assert done.exit_code == code, done.output
    return done


async def test_the_record_is_verified_exported_and_a_person_erased(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM])
    await house.wait(minutes=6)
    assert (await command(house, "audit", "verify")).stdout == ""
    await house.restart()
    folder = house.config.path.parent
    export, log = folder / "audit.jsonl", folder / "log.jsonl"
    await command(house, "audit", "export", "--output", str(export))
    assert export.stat().st_mode & 0o777 == 0o600
    text = export.read_text("utf-8")
    assert queue_id in text
    assert (await command(house, "audit", "verify", str(export))).stdout == ""
    log.write_text(house.log.getvalue(), "utf-8")
    assert "heads compared" in (await command(house, "audit", "verify", "--log", str(log))).stderr
    assert queue_id in (await command(house, "audit", "export", "--format", "csv")).stdout
    export.write_text(text.replace("kim@client", "tim@client"), "utf-8")
    assert "was changed" in (await command(house, "audit", "verify", str(export), code=1)).stdout
    assert "1 mails" in (await command(house, "audit", "erase", KIM, "--dry-run")).stderr
    await command(house, "audit", "erase", KIM, "--yes")
    assert KIM not in (await command(house, "audit", "export")).stdout
    assert (await command(house, "audit", "verify")).stdout == ""


async def test_a_person_gets_all_that_is_kept_of_them_with_the_messages_they_sent(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    mine, other = await house.send([KIM], subject="Mine"), await house.send([KIM, ANN], sender=BOB, subject="Other")
    await house.wait(minutes=6)
    file = house.config.path.parent / "ann.jsonl"
    said = await command(house, "audit", "export", "--person", ANN.title(), "--output", str(file))
    assert file.stat().st_mode & 0o777 == 0o600, "people's mail is in it"
    assert "messages: 1" in said.stderr
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {row["queue_id"] for row in rows if row["table"] == "mail"} == {mine, other}
    (message,) = [row for row in rows if row["table"] == "message"]
    assert message["queue_id"] == mine
    assert b"here is the quote." in b64decode(message["base64"])
    assert sorted(row["address"] for row in rows if row["table"] == "delivery") == [ANN, KIM], "not Bob's other one"
    assert "no mail address" in (await command(house, "audit", "export", "--person", "ann", code=2)).stderr
    assert "leave --since" in (await command(house, "audit", "export", "--person", ANN, "--since", "7d", code=2)).stderr


async def test_what_was_learnt_is_erased_where_no_mail_is_left(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY, config={"retention": {"decisions": "8d", "facts": "400d"}})
    await house.send([KIM])
    await house.wait(days=12)
    assert dict(await house.service.store.written_by(ANN)) == {KIM: 1}
    await command(house, "audit", "erase", KIM, "--yes")
    assert dict(await house.service.store.written_by(ANN)) == {}


async def test_a_token_is_shown_once_opens_what_its_role_says_and_can_be_revoked(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM])
    token = (await command(house, "token", "add", "crm", "--role", "sender", "--person", ANN)).stdout.strip()
    listed = (await command(house, "token", "list")).stdout
    assert "crm" in listed
    assert token not in listed + house.log.getvalue()
    url = f"http://127.0.0.1:{house.service.web.port}/api/v1/mails/{queue_id}"
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        assert (await client.get(url)).json()["queue_id"] == queue_id
        await command(house, "token", "revoke", "crm")
        assert (await client.get(url)).status_code == 401
    for wrong in (
        ["--role", "admin", "--person", ANN],
        ["--role", "sender"],
        ["--role", "admin", "--expires", "9999d"],
    ):
        assert "error" in (await command(house, "token", "add", "other", *wrong, code=1)).stderr


async def test_what_became_another_is_in_the_audit_with_what_it_was(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    house.write_rules(DELAY.replace("5m", "7m"))
    before, after = house.service.rules.hash, await house.reload()
    said = [record.event async for span in house.service.store.audit() for record in span.records if record.event]
    changes = [(event.data.get("before", ""), event.data["hash"]) for event in said if event.kind == "rules.changed"]
    assert changes[-1] == (before, after)
