"""App passwords in a whole service: logging in, quotas and disabled logins, a restart, an administrator's word."""

import asyncio
import json
import smtplib
import ssl
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailguard.admin import client
from mailguard.records import State
from mailguard.smtpd.users import hash_password
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, KIM, LEE, Answer, House, letter
from tests.unit.smtpd.conftest import write_certificate

PASSWORD = "correct horse"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return write(tmp_path / "users.yaml")


def write(path: Path, *others: str, **disabled: bool) -> Path:
    """Bob has a login of another name, and Lee one that is called as his mailbox; so have `others`."""
    hashed = hash_password(PASSWORD)
    users = [
        {"name": name, "password": hashed, "send_as": [address], "disabled": disabled.get(name, False)}
        for name, address in (("robert", BOB), *((one, one) for one in (LEE, *others)))
    ]
    path.write_text(json.dumps({"users": users}), "utf-8")
    return path


@pytest.fixture
async def house(open_house: OpenHouse, tmp_path: Path, users: Path) -> House:
    files = {name: str(path) for name, path in write_certificate(trustme.CA(), tmp_path).items()}
    smtp = {
        "tls": files, "users": {"file": str(users), "app_passwords": {"most": 2}},
        "listeners": [{"bind": "127.0.0.1:0", "tls": "starttls", "auth": "required"}],
    }  # fmt: skip
    return await open_house(rules=DELAY, config={"smtp": smtp})


def connected(house: House, name: str, password: str) -> tuple[smtplib.SMTP, int]:
    """One try: smtplib's own makes another after the first, and the second waits."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = smtplib.SMTP("127.0.0.1", house.service.smtp.ports[0], timeout=10)
    made.starttls(context=context)
    made.ehlo()
    said = b64encode(f"\0{name}\0{password}".encode()).decode()
    return made, made.docmd("AUTH", f"PLAIN {said}")[0]


async def submit(house: House, name: str, password: str, sender: str = "") -> Answer:
    def work() -> Answer:
        connection, code = connected(house, name, password)
        with connection:
            assert code == 235
            code, text = connection.mail(sender or name)
            if code != 250:
                return Answer(code, text.decode())
            connection.rcpt(KIM)
            code, text = connection.data(letter(sender or name, KIM))
            return Answer(code, text.decode())

    return await asyncio.to_thread(work)


async def logged_in(house: House, name: str, password: str) -> int:
    """What AUTH is answered with."""

    def work() -> int:
        connection, code = connected(house, name, password)
        connection.close()
        return code

    return await asyncio.to_thread(work)


async def asked(house: House, verb: str, **what: Any) -> Any:
    return await asyncio.to_thread(partial(client.ask, house.config.socket_path, verb, **what))


async def test_a_person_whom_no_file_names_sends_and_their_mail_leaves_also_after_a_restart(house: House) -> None:
    secret = await house.service.desk.app_passwords.make(ANN, "Phone")
    queue_id = (await submit(house, ANN, secret)).queue_id
    mail = await house.mail(queue_id)
    assert (mail.identity.address, mail.identity.login) == (ANN, ANN)
    assert (await submit(house, ANN, secret, sender=BOB)).code == 550, "not as somebody else"
    await house.restart()
    await house.service.smtp.look_at_users()
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED, "users.yaml does not name her, and need not"
    await house.wait(minutes=6)
    assert (await house.copy(queue_id, KIM)).state is State.SENT
    assert (await submit(house, ANN, secret)).code == 250


async def test_a_login_of_the_file_is_one_login_and_disabled_as_one(house: House, users: Path) -> None:
    bobs = await house.service.desk.app_passwords.make(BOB, "Phone")
    lees = await house.service.desk.app_passwords.make(LEE, "Phone")
    sent = {}
    for person, secret, login in ((BOB, bobs, "robert"), (LEE, lees, LEE)):
        sent[person] = (await submit(house, person, secret)).queue_id
        assert (await house.mail(sent[person])).identity.login == login
    open_one, _ = await asyncio.to_thread(connected, house, LEE, lees)
    write(users, robert=True, **{LEE: True})
    await house.service.smtp.look_at_users()
    for person, queue_id in sent.items():
        assert (await house.copy(queue_id, KIM)).state is State.HELD
        assert await logged_in(house, person, bobs if person == BOB else lees) == 535
    assert (await asyncio.to_thread(open_one.mail, LEE))[0] == 421
    open_one.close()
    await house.restart()
    assert await logged_in(house, BOB, bobs) == 535


async def test_an_entry_that_is_new_and_disabled_shuts_out_whom_no_file_named_before(house: House, users: Path) -> None:
    secret = await house.service.desk.app_passwords.make(ANN, "Phone")
    queue_id = (await submit(house, ANN, secret)).queue_id
    open_one, _ = await asyncio.to_thread(connected, house, ANN, secret)
    await house.service.smtp.look_at_users()  # as every second
    write(users, ANN, **{ANN: True})
    await house.service.smtp.look_at_users()
    said, _ = await asyncio.to_thread(open_one.mail, ANN)
    open_one.close()
    assert said == 421
    assert (await house.copy(queue_id, KIM)).state is State.HELD


async def test_an_administrator_lists_and_revokes_anybodys(house: House) -> None:
    make = house.service.desk.app_passwords.make
    secret, _, bobs = await make(ANN, "Phone"), await make(ANN, "Laptop"), await make(BOB, "Phone")
    await submit(house, ANN, secret)
    found = await asked(house, "app_password_list", person=None)
    today = house.clock.now().date().isoformat()
    assert [(one["person"], one["name"], one["used_on"]) for one in found] == [
        (ANN, "Laptop", ""), (ANN, "Phone", today), (BOB, "Phone", ""),
    ]  # fmt: skip
    assert len(await asked(house, "app_password_list", person="ANN@corp.example")) == 2
    assert await asked(house, "app_password_revoke", person=ANN, name="Phone") == {"revoked": ["Phone"]}
    assert await asked(house, "app_password_revoke", person=ANN, name="Phone") == {"revoked": []}
    assert await logged_in(house, ANN, secret) == 535
    assert await asked(house, "app_password_revoke", person=BOB) == {"revoked": ["Phone"]}
    assert await logged_in(house, BOB, bobs) == 535
    assert secret not in house.log
    revoked = [
        event.actor
        async for span in house.service.store.audit()
        for record in span.records
        if (event := record.event) and event.kind == "app_password.revoked"
    ]
    assert len(revoked) == 2
    assert all("uid=" in actor for actor in revoked)


async def test_the_pages_of_the_service_have_them(house: House) -> None:
    assert house.service.desk.app_passwords.most == 2
    answer = await house._client.get(f"http://127.0.0.1:{house.service.web.port}/outbox/app-passwords")
    assert answer.status_code == 200
