"""A login whose password is a token of the moment (XOAUTH2), and where that comes from."""

import asyncio
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailguard.courier.settings import TokenSettings
from mailguard.courier.token import NoToken, TokenSource
from mailguard.records import Outcome, Result
from mailguard.testing import FakeClock
from mailguard.web.server import WebServer
from tests.unit.courier.conftest import FULL, MakeCourier, StartPeer, parcel
from tests.unit.courier.peer import Peer

REFRESH = {"client_id": "m+g", "client_secret": "s:e%cret+", "refresh_token": "r1"}


@dataclass
class Endpoint:
    """A token endpoint: token1, token2 and so on."""

    said: dict[str, Any] = field(default_factory=dict)  # otherwise than usual; None: not at all
    status: int = 200
    raw: str = ""
    asked: list[tuple[dict[str, str], str]] = field(default_factory=list)  # form, Authorization
    given: int = 0

    async def start(self) -> None:
        self.server = WebServer(Starlette(routes=[Route("/token", self.give, methods=["POST"])]), "127.0.0.1:0")
        await self.server.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/token"

    async def give(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.asked.append((form, request.headers.get("authorization", "")))
        self.given += 1
        said = {"access_token": f"token{self.given}", "token_type": "Bearer", "expires_in": 3600, **self.said}
        return Response(self.raw or json.dumps({k: v for k, v in said.items() if v is not None}), self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    await endpoint.start()
    yield endpoint
    await endpoint.server.stop()


def source(endpoint: Endpoint, clock: FakeClock, **said: Any) -> TokenSource:
    return TokenSource(TokenSettings.model_validate({"endpoint": endpoint.url, **(said or REFRESH)}), clock)


async def test_a_refresh_token_is_shown_with_the_clients_secret(endpoint: Endpoint, clock: FakeClock) -> None:
    assert await source(endpoint, clock, **REFRESH, scope="mail.send").get() == "token1"
    ((form, said),) = endpoint.asked
    assert form == {"grant_type": "refresh_token", "refresh_token": "r1", "scope": "mail.send"}
    assert b64decode(said.removeprefix("Basic ")).decode() == "m%2Bg:s%3Ae%25cret%2B"


async def test_without_a_refresh_token_it_is_the_clients_own_and_without_a_secret_it_names_itself(
    endpoint: Endpoint, clock: FakeClock
) -> None:
    await source(endpoint, clock, client_id="m", client_secret="s").get()
    await source(endpoint, clock, client_id="m", refresh_token="r").get()
    assert endpoint.asked[0][0] == {"grant_type": "client_credentials"}
    assert endpoint.asked[1] == ({"grant_type": "refresh_token", "refresh_token": "r", "client_id": "m"}, "")


async def test_a_refresh_token_that_is_exchanged_is_used_from_then_on(endpoint: Endpoint, clock: FakeClock) -> None:
    there = source(endpoint, clock)
    endpoint.said = {"refresh_token": "r2"}
    await there.get()
    await there.get("token1")
    assert [form["refresh_token"] for form, _ in endpoint.asked] == ["r1", "r2"]


@pytest.mark.parametrize(
    ("lasts", "used"), [(3600, 3540), ("3600", 3540), (100, 50), (0, 0), (None, 240), (-5, 0), ("soon", 0), (1e9, 0)]
)
async def test_a_token_is_used_until_shortly_before_its_end(
    endpoint: Endpoint, clock: FakeClock, lasts: Any, used: int
) -> None:
    endpoint.said = {"expires_in": lasts}
    there = source(endpoint, clock)
    assert await there.get() == "token1"
    if used:
        await clock.advance(used - 1)
        assert await there.get() == "token1"
        await clock.advance(1)
    assert await there.get() == "token2"


async def test_one_asks_for_all(endpoint: Endpoint, clock: FakeClock) -> None:
    there = source(endpoint, clock)
    assert set(await asyncio.gather(*(there.get() for _ in range(9)))) == {"token1"}
    assert set(await asyncio.gather(*(there.get("token1") for _ in range(9)))) == {"token2"}


@pytest.mark.parametrize(
    ("status", "raw", "why"),
    [
        (400, '{"error": "invalid_grant", "error_description": "r1 is not good"}', "it answers 400: invalid_grant"),
        (401, "<html>", "it answers 401"),
        (302, "", "it answers 302"),
        (503, '{"error": ["x"]}', "it answers 503"),
        (200, "<html>", "no JSON object"),
        (200, "[1]", "no JSON object"),
        (200, "[" * 50_000, "no JSON object"),
        (200, "{}", "holds no token"),
        (200, '{"access_token": "a\\r\\nb"}', "holds no token"),
        (200, '{"access_token": 7}', "holds no token"),
        (200, "x" * 70_000, "larger"),
    ],
)
async def test_what_is_no_answer_gives_no_token_and_says_why(
    endpoint: Endpoint, clock: FakeClock, status: int, raw: str, why: str
) -> None:
    endpoint.status, endpoint.raw = status, raw
    with pytest.raises(NoToken, match=why) as caught:
        await source(endpoint, clock).get()
    assert "r1" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"endpoint": "http://sso.corp.example/token", "client_id": "m", "client_secret": "s"}, "no token endpoint"),
        ({"endpoint": "https://sso.corp.example/token", "client_id": "m"}, "nothing would be proven"),
    ],
)
def test_settings_that_can_not_work_are_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TokenSettings.model_validate(said)


# --- at the smarthost ---------------------------------------------------------------------------------------------


@pytest.fixture
async def hop(start_peer: StartPeer, good: ssl.SSLContext) -> Peer:
    return await start_peer(*FULL, "AUTH PLAIN XOAUTH2", tls=good, implicit=True)


async def carry(make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str, **more: Any) -> Outcome:
    courier = make_courier(
        hop, tls="implicit", ca_file=ca_file, username="relay", oauth={"endpoint": endpoint.url, **REFRESH}, **more
    )
    (outcome,) = await courier.carry(parcel(courier))
    return outcome


def shown(hop: Peer) -> list[str]:
    return [b64decode(line.split()[2]).decode() for line in hop.commands if line.startswith("AUTH XOAUTH2 ")]


async def test_the_smarthost_is_shown_the_token(
    make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str
) -> None:
    assert (await carry(make_courier, hop, endpoint, ca_file)).result is Result.SENT
    assert shown(hop) == ["user=relay\x01auth=Bearer token1\x01\x01"]


async def test_a_token_that_is_refused_is_refreshed_once(
    make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str
) -> None:
    challenge = "334 " + b64encode(b'{"status":"401"}').decode()
    hop.answers["AUTH"] = [challenge]
    hop.answers[""] = "535 5.7.8 no"
    assert (await carry(make_courier, hop, endpoint, ca_file)).result is Result.SENT
    assert [said[-8:-2] for said in shown(hop)] == ["token1", "token2"]
    hop.commands.clear()
    hop.answers["AUTH"] = challenge
    outcome = await carry(make_courier, hop, endpoint, ca_file)
    assert outcome.result is Result.DEFERRED
    assert "refused the token of our login" in str(outcome.reply)
    assert "token" not in str(outcome.reply).replace("the token of our login", "")
    assert len(shown(hop)) == 2
    assert len(hop.arrived) == 1


async def test_a_server_that_can_not_say_now_costs_no_token(
    make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str
) -> None:
    hop.answers["AUTH"] = "454 4.7.0 later"
    assert (await carry(make_courier, hop, endpoint, ca_file)).result is Result.DEFERRED
    assert endpoint.given == 1


async def test_a_server_that_takes_no_tokens_is_shown_none(
    make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str
) -> None:
    hop.offers.remove("AUTH PLAIN XOAUTH2")
    outcome = await carry(make_courier, hop, endpoint, ca_file)
    assert (outcome.result, "takes no tokens" in str(outcome.reply)) == (Result.DEFERRED, True)
    assert "AUTH" not in hop.verbs


async def test_without_a_token_nobody_is_connected_to_and_the_provider_not_asked_for_every_mail(
    make_courier: MakeCourier, hop: Peer, endpoint: Endpoint, ca_file: str
) -> None:
    endpoint.status = 503
    oauth = {"endpoint": endpoint.url, **REFRESH}
    courier = make_courier(hop, tls="implicit", ca_file=ca_file, username="relay", oauth=oauth)
    for _ in range(5):
        (outcome,) = await courier.carry(parcel(courier))
        assert (outcome.result, "the provider gave no token" in str(outcome.reply)) == (Result.DEFERRED, True)
    assert (hop.connections, endpoint.given) == (0, 1)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"password": "x"}, "a password and a token"),
        ({"username": None}, "without a username"),
        ({"tls": "none"}, "cleartext"),
        ({"smarthost": None, "mx": True}, "shown to strangers"),
    ],
)
def test_a_token_goes_where_a_password_would(make_courier: MakeCourier, settings: dict[str, Any], says: str) -> None:
    oauth = {"endpoint": "https://sso.corp.example/token", **REFRESH}
    with pytest.raises(ValueError, match=says):
        make_courier(**{"smarthost": "a.example:25", "username": "u", "oauth": oauth, **settings})
