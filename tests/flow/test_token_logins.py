"""Mail clients that log in with a token of a real OpenID provider, one of them curl."""

import asyncio
import ssl
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailguard.mail.envelope import Proof
from tests.conftest import need
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, HOLD, KIM, House, letter
from tests.oauth import AUDIENCE, SCOPE, OAuth
from tests.unit.smtpd.conftest import write_certificate
from tests.unit.smtpd.peer import Client

pytestmark = pytest.mark.clients("npm", "node", "curl")


@pytest.fixture
async def house(open_house: OpenHouse, provider: OAuth, tmp_path: Path) -> House:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    oauth = {"issuer": provider.issuer, "audience": [AUDIENCE], "scope": SCOPE}
    smtp: dict[str, Any] = {
        "tls": {name: str(path) for name, path in write_certificate(authority, tmp_path).items()},
        "users": {"oauth": oauth},
        "listeners": [{"bind": "127.0.0.1:0", "tls": "implicit", "auth": "required"}],
    }
    house = await open_house(rules=HOLD, config={"smtp": smtp})
    await house.clock.advance((datetime.now(UTC) - house.clock.now()).total_seconds())  # the provider's is the real one
    return house


async def curl(house: House, folder: Path, token: str, *options: str, sender: str = ANN) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        need("curl"), "--silent", "--show-error", "--verbose", "--noproxy", "*", "--ipv4",
        "--cacert", folder / "ca.pem",
        "--url", f"smtps://localhost:{house.service.smtp.ports[0]}/client.example", "--user", f"{ANN}:",
        "--oauth2-bearer", token, *options, "--mail-from", sender, "--mail-rcpt", KIM, "--upload-file", "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(letter(sender)), 30)
    return process.returncode or 0, output.decode(errors="replace")


@pytest.mark.parametrize("options", [(), ("--login-options", "AUTH=XOAUTH2"), ("--sasl-ir",)])
async def test_curl_sends_with_a_token_as_the_person_it_is_of_and_as_nobody_else(
    house: House, provider: OAuth, tmp_path: Path, options: tuple[str, ...]
) -> None:
    token = (await provider.sign_in(ANN)).access
    code, said = await curl(house, tmp_path, token, *options)
    assert code == 0, said
    queue_id = next(word.strip(":") for line in said.splitlines() if "held as" in line for word in line.split()[5:])
    mail = await house.mail(queue_id)
    assert (mail.identity.address, mail.identity.proof, mail.identity.login) == (ANN, Proof.LOGIN, ANN)
    _, said = await curl(house, tmp_path, token, *options, sender=BOB)
    assert "550 5.7.1" in said
    assert token not in house.log.getvalue()


async def test_somebody_elses_token_one_that_is_over_and_a_changed_one_are_refused(
    house: House, provider: OAuth, tmp_path: Path
) -> None:
    token, other = (await provider.sign_in(ANN)).access, (await provider.sign_in(BOB)).access
    head, claims, signature = token.split(".")
    for wrong in (other, f"{head}.{claims}.{signature[:-8]}AAAAAAAA", f"{head}.{other.split('.')[1]}.{signature}"):
        code, said = await curl(house, tmp_path, wrong)
        assert code != 0
        assert "535 5.7.8" in said
    await house.clock.advance(500)  # it lasts five minutes, and clocks may be two apart
    code, said = await curl(house, tmp_path, token)
    assert (code != 0, "535 5.7.8" in said) == (True, True)
    assert not house.world.caught


async def test_a_provider_that_was_never_heard_and_is_down_is_454(
    house: House, provider: OAuth, tmp_path: Path
) -> None:
    token = (await provider.sign_in(ANN)).access
    provider.process.kill()
    await provider.process.wait()
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client = await Client.connect(house.service.smtp.ports[0], context)
    await client.greet()
    said = b64encode(f"user={ANN}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    assert (await client.say(f"AUTH XOAUTH2 {said}")).startswith("454 4.7.0 ")
    client.close()
    assert '"logins.unreachable"' in house.log.getvalue()


async def test_known_keys_are_enough_while_the_provider_is_down(house: House, provider: OAuth, tmp_path: Path) -> None:
    token = (await provider.sign_in(ANN)).access
    assert (await curl(house, tmp_path, token))[0] == 0
    provider.process.kill()
    await provider.process.wait()
    assert (await curl(house, tmp_path, token))[0] == 0
