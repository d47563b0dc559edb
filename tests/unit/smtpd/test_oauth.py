"""Logging in with a token: what is offered where, what a client is told, and who it may be."""

import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mailguard.oidc import BearerSettings, NotProven, Unreachable
from mailguard.smtpd.auth import TokenRefused, User
from mailguard.smtpd.oauth import TokenUsers
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.users import hash_password
from mailguard.testing import FakeClock
from tests.unit.oidc.provider import Liar
from tests.unit.smtpd.conftest import SUBMISSION, SUBMISSIONS, internal, make_settings
from tests.unit.smtpd.peer import Client, Intake, Watch
from tests.unit.smtpd.test_auth import entry, write

Connect = Callable[..., Any]
ANN = "ann@corp.example"
AUDIENCE = "mail"


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar = Liar(FakeClock())
    liar.claims = {"aud": AUDIENCE, "nonce": None}
    await liar.start()
    yield liar
    await liar.stop()


def logins(liar: Liar, **users: Any) -> dict[str, Any]:
    return {"oauth": {"issuer": liar.issuer, "audience": [AUDIENCE], "scope": "smtp"}, **users}


@pytest.fixture
async def server(
    liar: Liar, certificate: dict[str, Path], intake: Intake, watch: Watch
) -> AsyncIterator[Callable[..., Any]]:
    """Starts one, of these listeners if they are named; its keywords are `smtp.users`, beside `oauth`."""
    made: list[SmtpServer] = []

    async def start(*listeners: dict[str, Any], **users: Any) -> SmtpServer:
        settings = make_settings(certificate, *(listeners or (SUBMISSIONS, SUBMISSION)), users=logins(liar, **users))
        server = SmtpServer(
            settings, intake, liar.clock, internal=internal, notices_sender="mailguard@corp.example", watcher=watch
        )
        await server.start()
        made.append(server)
        return server

    yield start
    for each in made:
        await each.stop(0)


def token(liar: Liar, **claims: Any) -> str:
    liar.claims |= {"scope": "smtp", **claims}
    return liar.id_token()


def oauthbearer(raw: str, name: str = ANN) -> str:
    return b64encode(f"n,a={name},\x01host=localhost\x01auth=Bearer {raw}\x01\x01".encode()).decode()


def xoauth2(raw: str, name: str = ANN) -> str:
    return b64encode(f"user={name}\x01auth=Bearer {raw}\x01\x01".encode()).decode()


async def refused(client: Client, command: str) -> tuple[dict[str, str], str]:
    challenge = await client.say(command)
    assert challenge.startswith("334 "), challenge
    return json.loads(b64decode(challenge[4:])), await client.say("AQ==")


async def test_a_token_logs_in_by_both_mechanisms_and_over_tls_only(
    server: Any, connect: Connect, liar: Liar, trust: ssl.SSLContext, intake: Intake
) -> None:
    there = await server()
    for command in (f"OAUTHBEARER {oauthbearer(token(liar))}", f"XOAUTH2 {xoauth2(token(liar))}"):
        client = await connect(there, tls=True)
        assert await client.say(f"AUTH {command}") == "235 2.7.0 welcome"
        assert (await client.mail()).startswith("250 ")
        assert (intake.mails[-1][2].identity.address, intake.mails[-1][2].identity.login) == (ANN, ANN)
    clear = await connect(there, 1, greet=False)
    assert "AUTH" not in await clear.greet()
    assert (await clear.say(f"AUTH OAUTHBEARER {oauthbearer(token(liar))}")).startswith("530 5.7.0 ")
    await clear.starttls(trust)
    assert "AUTH OAUTHBEARER XOAUTH2" in (await clear.say("EHLO client.example")).replace("250-", "").splitlines()[-1]
    assert (await clear.say("AUTH PLAIN AGFubgBzZWNyZXQ=")).startswith("504 5.5.4 ")
    assert (await clear.say("AUTH OAUTHBEARER")) == "334 "
    assert (await clear.say(oauthbearer(token(liar)))).startswith("235 ")


async def test_a_token_of_several_kilobytes_fits_into_the_line(server: Any, connect: Connect, liar: Liar) -> None:
    client = await connect(await server(), tls=True)
    said = xoauth2(token(liar, groups=["x" * 40] * 150))
    assert 10_000 < len(said) < 12_288
    assert await client.say(f"AUTH XOAUTH2 {'x' * 12300}") == "500 5.5.2 the line is too long"
    assert await client.say(f"AUTH XOAUTH2 {said}") == "235 2.7.0 welcome"


async def test_a_refused_token_is_answered_in_json_then_with_535_and_the_reason_is_logged(
    server: Any, connect: Connect, liar: Liar, watch: Watch
) -> None:
    client = await connect(await server(), tls=True)
    raw = token(liar, aud="somebody else")
    said, reply = await refused(client, f"AUTH OAUTHBEARER {oauthbearer(raw)}")
    assert said == {
        "status": "invalid_token", "scope": "smtp",
        "openid-configuration": f"{liar.issuer}/.well-known/openid-configuration",
    }  # fmt: skip
    assert reply == "535 5.7.8 the token is not accepted: sign in anew"
    said, reply = await refused(client, f"AUTH XOAUTH2 {xoauth2(raw)}")
    assert (said, reply[:9]) == ({"status": "401", "schemes": "bearer", "scope": "smtp"}, "535 5.7.8")
    assert watch.failed_logins == [(ANN, "127.0.0.1")] * 2
    assert "aud" in watch.whys[0]
    assert raw not in "".join(watch.whys)
    assert (await refused(client, f"AUTH OAUTHBEARER {oauthbearer('')}"))[1].startswith("535 ")
    assert (await client.line()).startswith("421 4.7.0 too many failed logins")  # as with passwords


async def test_a_client_that_hangs_up_at_the_challenge_is_logged_too(
    server: Any, connect: Connect, liar: Liar, watch: Watch
) -> None:
    client = await connect(await server(), tls=True)
    assert (await client.say(f"AUTH XOAUTH2 {xoauth2(token(liar, aud='x'))}")).startswith("334 ")
    assert watch.failed_logins == [(ANN, "127.0.0.1")]


async def test_a_provider_that_was_never_heard_and_is_down_is_454(
    server: Any, connect: Connect, liar: Liar, watch: Watch
) -> None:
    liar.status = 503
    client = await connect(await server(), tls=True)
    assert (await client.say(f"AUTH XOAUTH2 {xoauth2(token(liar))}")).startswith("454 4.7.0 ")
    assert (watch.failed_logins, [where for where, _ in watch.down]) == ([], ["smtp.users.oauth"])
    liar.status = 200
    assert await client.say(f"AUTH XOAUTH2 {xoauth2(token(liar))}") == "235 2.7.0 welcome"


async def test_the_first_listener_with_logins_comes_by_a_reload_and_users_yaml_binds_tokens_there_too(
    server: Any, connect: Connect, liar: Liar, certificate: dict[str, Path], tmp_path: Path
) -> None:
    file = str(write(tmp_path / "users.yaml", entry("ann", more=", disabled: true")))
    there = await server({"bind": "127.0.0.1:0", "tls": "none", "auth": "none"}, file=file)
    await there.reload(make_settings(certificate, SUBMISSIONS, users=logins(liar, file=file)))
    _, reply = await refused(await connect(there, tls=True), f"AUTH XOAUTH2 {xoauth2(token(liar))}")
    assert reply.startswith("535 5.7.8 ")


async def test_passwords_and_tokens_side_by_side(server: Any, connect: Connect, liar: Liar, tmp_path: Path) -> None:
    """Where there is a users.yaml, a token is good for who stands in it, and for nobody who is disabled there."""
    hashed, more = hash_password("secret"), "send_as: [ann@corp.example, office@corp.example]"
    (tmp_path / "users.yaml").write_text(
        f'users:\n  - {{name: ann, password: "{hashed}", {more}}}\n'
        f'  - {{name: bob@corp.example, password: "{hashed}", disabled: true}}\n'
    )
    there = await server(file=tmp_path / "users.yaml")
    client = await connect(there, tls=True, greet=False)
    assert "AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2" in await client.greet()
    assert await client.login() == "235 2.7.0 welcome"
    client = await connect(there, tls=True)
    assert await client.say(f"AUTH XOAUTH2 {xoauth2(token(liar), 'ann')}") == "235 2.7.0 welcome"
    assert (await client.mail(sender="office@corp.example")).startswith("250 ")
    for stranger in ("bob@corp.example", "kim@corp.example"):
        client = await connect(there, tls=True)
        raw = token(liar, email=stranger)
        assert (await refused(client, f"AUTH XOAUTH2 {xoauth2(raw, stranger)}"))[1].startswith("535 ")


def users(whose: str | Exception, watch: Watch, clock: FakeClock | None = None) -> TokenUsers:
    async def check(_: str) -> str:
        if isinstance(whose, Exception):
            raise whose
        return whose

    settings = BearerSettings(issuer="https://sso.corp.example", audience=("mail",))
    return TokenUsers(settings, check, clock or FakeClock(), watch, internal, lambda name: (name,))


@pytest.mark.parametrize(
    ("whose", "name", "why"),
    [
        (ANN, "bob@corp.example", "it is a token of ann@corp.example"),
        ("guest@partner.example", "", "outside organization.domains"),
        ("guest@partner.example", "guest@partner.example", "outside organization.domains"),
        ("ann ann@corp.example", "", "bad address"),
        (NotProven("no"), ANN, "no"),
    ],
)
async def test_a_token_is_good_for_its_own_person_and_for_own_addresses(
    watch: Watch, whose: str | Exception, name: str, why: str
) -> None:
    with pytest.raises(TokenRefused) as caught:
        await users(whose, watch).check("token", name)
    assert why in caught.value.why


async def test_whom_the_client_names_need_not_be_named_or_spelt_alike(watch: Watch) -> None:
    for name in ("", ANN, "Ann@CORP.example"):
        assert await users(ANN, watch).check("token", name) == User(ANN, (ANN,))


async def test_a_token_that_was_good_counts_for_an_hour(watch: Watch) -> None:
    clock = FakeClock()
    valid = (await users(ANN, watch, clock).check("token", ANN)).valid
    assert valid is not None
    await clock.advance(3599)
    assert await valid()
    await clock.advance(1)
    assert not await valid()


async def test_no_token_asks_nobody(watch: Watch) -> None:
    with pytest.raises(TokenRefused):
        await users(Unreachable("down"), watch).check("", ANN)
    assert watch.down == []
