"""Mail clients whose logins a real OpenLDAP server knows."""

import asyncio
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mailguard.mail.envelope import Proof
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, HOLD, KIM, Answer, House, letter
from tests.slapd import BASE, PASSWORD, READER, Slapd, person, running
from tests.unit.smtpd.conftest import write_certificate

pytestmark = pytest.mark.clients("slapd")

OFFICE = "office@corp.example"
FIRM = (
    person("Ann", ANN, "uid: ann", "userPassword: correct horse", f"proxyAddresses: smtp:{OFFICE}",
           "proxyAddresses: smtp:ann@partner.example"),
    person("Bob", BOB, "uid: bob", "userPassword: bobs horse"),
)  # fmt: skip


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", *FIRM) as server:
        yield server


@pytest.fixture
async def house(open_house: OpenHouse, slapd: Slapd, tmp_path: Path) -> House:
    files = {name: str(path) for name, path in write_certificate(trustme.CA(), tmp_path).items()}
    smtp = {
        "tls": files, "users": {"ldap": {}},
        "listeners": [{"bind": "127.0.0.1:0", "tls": "starttls", "auth": "required"}],
    }  # fmt: skip
    ldap = {"url": slapd.tls_url, "ca_file": str(slapd.ca_file), "bind": READER, "password": PASSWORD, "base": BASE}
    config = {"smtp": smtp, "directory": {"ldap": {**ldap, "timeout": "5s"}}}
    return await open_house(rules=HOLD, config=config)


async def submit(house: House, name: str, password: str, sender: str = ANN) -> Answer:
    """The first answer that is no yes, or that to the final dot."""

    def work() -> Answer:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", house.service.smtp.ports[0], timeout=30) as client:
            client.starttls(context=context)
            client.ehlo()
            try:
                client.login(name, password)
            except smtplib.SMTPAuthenticationError as error:
                return Answer(error.smtp_code, str(error.smtp_error))
            for code, text in (client.mail(sender), client.rcpt(KIM)):
                if code != 250:
                    return Answer(code, text.decode())
            code, text = client.data(letter(sender))
            return Answer(code, text.decode())

    login = asyncio.create_task(asyncio.to_thread(work))
    while not login.done():  # answers to guesses wait a little, by the clock of the house
        await house.clock.advance(1)
        await asyncio.sleep(0.01)
    return login.result()


async def test_a_person_of_the_directory_sends_as_their_addresses_there_and_as_nobody_else(house: House) -> None:
    mail = await house.mail((await submit(house, "ann", "correct horse", OFFICE)).queue_id)
    assert (mail.identity.address, mail.identity.proof, mail.identity.login) == (ANN, Proof.LOGIN, ANN)
    again = await house.mail((await submit(house, "ANN@CORP.EXAMPLE", "correct horse")).queue_id)
    assert again.identity == mail.identity  # one person, one quota, whatever they typed
    for foreign in (BOB, "ann@partner.example"):
        answer = await submit(house, "ann", "correct horse", foreign)
        assert (answer.code, foreign in answer.text) == (550, True)


async def test_a_wrong_password_is_535_and_a_directory_that_is_down_454_also_for_who_was_let_in_before(
    house: House, slapd: Slapd
) -> None:
    assert (await submit(house, "ann", "correct horse")).code == 250
    for name, password in (("ann", "wrong horse"), ("ann", ""), ("nobody", "correct horse"), ("*", "correct horse")):
        assert (await submit(house, name, password)).code == 535
    slapd.stop()
    assert (await submit(house, "ann", "correct horse")).code == 454
    assert (await submit(house, "ann", "wrong horse")).code == 454
    assert '"logins.unreachable"' in house.log.getvalue()
    assert "horse" not in house.log.getvalue()
    slapd.start()
    assert (await submit(house, "ann", "correct horse")).code == 250


@pytest.mark.clients("ldapmodify")
async def test_who_is_locked_out_there_is_locked_out_here_with_the_next_login(house: House, slapd: Slapd) -> None:
    assert (await submit(house, "bob", "bobs horse", BOB)).code == 250
    entry = f"dn: cn=Bob,ou=people,{BASE}\nchangetype: modify\nreplace: userPassword\nuserPassword: another\n"
    await asyncio.to_thread(slapd.change, entry)
    assert (await submit(house, "bob", "bobs horse", BOB)).code == 535
