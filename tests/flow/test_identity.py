"""Who sent it: the login, not what is written in the mail, is who is told and whose past it is."""

import asyncio
import json
import smtplib
import ssl
from pathlib import Path

import pytest
import trustme

from mailguard.mail.envelope import Proof
from mailguard.records import State
from mailguard.smtpd.users import hash_password
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, Answer, House, letter
from tests.unit.smtpd.conftest import write_certificate

TEAM = "sales@corp.example"
STAMPED = """
version: 1
rules:
  - id: wait
    when: {recipients: {any: external}}
    then: [{delay: 5m}, {add_header: {name: X-Mailguard-Class, value: outside}}]
"""


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password("correct horse")


@pytest.fixture
async def house(open_house: OpenHouse, tmp_path: Path, hashed: str) -> House:
    """Ann may send as herself and as the team; a submission listener with STARTTLS and logins."""
    files = {name: str(path) for name, path in write_certificate(trustme.CA(), tmp_path).items()}
    users = tmp_path / "users.yaml"
    users.write_text(json.dumps({"users": [{"name": "ann", "password": hashed, "send_as": [ANN, TEAM]}]}), "utf-8")
    smtp = {
        "tls": files, "users": {"file": str(users)},
        "listeners": [{"bind": "127.0.0.1:0", "tls": "starttls", "auth": "required"}],
    }  # fmt: skip
    return await open_house(rules=HOLD, config={"smtp": smtp})


async def submit(house: House, raw: bytes, to: list[str], sender: str, options: list[str] | None = None) -> Answer:
    def work() -> Answer:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", house.service.smtp.ports[0], timeout=30) as client:
            client.starttls(context=context)
            client.ehlo()
            client.login("ann", "correct horse")
            for code, text in [client.mail(sender, options or []), *(client.rcpt(one) for one in to)]:
                if code != 250:
                    return Answer(code, text.decode())
            code, text = client.data(raw)
            return Answer(code, text.decode())

    return await asyncio.to_thread(work)


async def test_the_notice_goes_to_the_mailbox_of_who_logged_in_and_not_to_the_teams(house: House) -> None:
    answer = await submit(house, letter(TEAM), [KIM], TEAM)
    mail = await house.mail(answer.queue_id)
    assert (mail.identity.address, mail.identity.proof, mail.identity.login) == (ANN, Proof.LOGIN, "ann")
    assert mail.envelope.sender == TEAM
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    (arrived,) = house.arrived(KIM)
    assert arrived.sender == TEAM
    assert not house.notices(TEAM)


async def test_what_was_sent_as_the_team_is_learnt_into_the_persons_past(house: House) -> None:
    await submit(house, letter(TEAM), [KIM], TEAM)
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    assert (await house.service.store.facts_for(ANN, [KIM], ())).written == {KIM: 1}
    assert (await house.service.store.facts_for(TEAM, [KIM], ())).written == {}


async def test_a_rule_sees_the_shared_mailbox_and_the_person_behind_it(
    open_house: OpenHouse, house: House, tmp_path: Path
) -> None:
    rules = tmp_path / "house1" / "rules" / "50-house.yaml"
    team, ann = (f"{{sender: {{in: [{one}]}}}}" for one in (TEAM, ANN))
    rules.write_text(
        "version: 1\nrules:\n"
        f"  - {{id: team, when: {team}, then: [{{hold: sender_confirms}}]}}\n"
        f"  - {{id: ann, mode: audit, when: {ann}, then: [{{delay: 1m}}]}}\n"
    )
    await house.service.reload("test")
    as_team = await house.mail((await submit(house, letter(TEAM), [KIM], TEAM)).queue_id)
    as_ann = await house.mail((await submit(house, letter(), [KIM], ANN)).queue_id)
    assert [hit.rule for hit in as_team.hits] == ["team", "ann"]
    assert [hit.rule for hit in as_ann.hits] == ["ann"]
    assert as_team.answers == ANN


async def test_a_failed_login_is_in_the_audit(house: House) -> None:
    def work() -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", house.service.smtp.ports[0], timeout=30) as client:
            client.starttls(context=context)
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("ann", "wrong horse", initial_response_ok=False)
            return refused.value.smtp_code

    login = asyncio.create_task(asyncio.to_thread(work))
    while not login.done():  # its answer waits a little, by the clock of the house
        await house.clock.advance(1)
        await asyncio.sleep(0.01)
    assert login.result() == 535
    await house.service.guesses.stop()  # as at the end of the service
    events = [record.event async for span in house.service.store.audit() for record in span.records]
    failed = [event for event in events if event and event.kind == "auth.failed"]
    assert {event.actor for event in failed} == {"ann (127.0.0.1)"}


async def test_a_null_sender_with_a_login_still_has_somebody_who_answers(house: House) -> None:
    answer = await submit(house, letter(), [KIM], "")
    assert "held as" in answer.text
    await house.notice(ANN, "Held: Quote")


@pytest.mark.parametrize(("sender", "author"), [(BOB, BOB), (ANN, BOB), (BOB, ANN)], ids=["both", "from", "envelope"])
async def test_nobody_sends_as_somebody_else_and_nothing_of_it_is_kept(house: House, sender: str, author: str) -> None:
    answer = await submit(house, letter(author), [KIM], sender)
    assert (answer.code, answer.text[:5]) == (550, "5.7.1")
    await house.quiet()
    assert not house.world.caught


async def test_the_outbox_shows_what_a_person_sent_under_any_of_their_addresses(house: House) -> None:
    first = (await submit(house, letter(TEAM), [KIM], TEAM)).queue_id
    second = (await submit(house, letter(), [KIM], ANN)).queue_id
    assert {mail.queue_id for mail in await house.service.desk.outbox(ANN)} == {first, second}
    assert await house.service.desk.outbox(TEAM) == []


async def test_recipients_in_bcc_are_judged_and_the_header_is_taken_out(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter(to=BOB, Bcc=f"{KIM}, other@client.example")
    queue_id = (await house.submit(raw, [BOB, KIM])).queue_id
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED
    await house.wait(minutes=6)
    for person in (BOB, KIM):
        (arrived,) = house.arrived(person)
        assert b"Bcc" not in arrived.raw
        assert b"other@client.example" not in arrived.raw
    head, _, rest = raw.partition(b"Bcc:")
    assert arrived.raw.endswith(head + rest.split(b"\r\n", 1)[1])


async def test_what_a_client_wrote_in_our_name_does_not_leave_and_what_a_rule_writes_does(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=STAMPED)
    raw = letter(to=KIM, **{"X-Mailguard-Stamp": "forged", "x-mailguard-pass": "yes", "X-Mailguards": "hers"})
    queue_id = (await house.submit(raw, [KIM])).queue_id
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED  # what it says of itself skips no rule
    await house.wait(minutes=6)
    (arrived,) = house.arrived(KIM)
    ours = [line for line in arrived.raw.splitlines() if line.lower().startswith(b"x-mailguard")]
    assert ours == [b"X-Mailguard-Class: outside", b"X-Mailguards: hers"]
    assert arrived.raw.split(b"\r\n\r\n", 1)[1] == raw.split(b"\r\n\r\n", 1)[1]
