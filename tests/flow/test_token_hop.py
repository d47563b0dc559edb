"""A next hop that takes tokens only: a real Dovecot submission server, which asks a real OpenID provider about them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.clock import SystemClock
from mailguard.courier.settings import TokenSettings
from mailguard.courier.token import NoToken, TokenSource
from mailguard.demo.site import free_port
from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from tests.dovecot import Dovecot
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, KIM, House
from tests.oauth import APP, RELAY, SCOPE, SECRET, OAuth

pytestmark = pytest.mark.clients("npm", "node", "dovecot", "submission-login")

AT_ONCE = "version: 1\nrules:\n  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"
_CONF = """
protocols = imap submission
auth_mechanisms = xoauth2
auth_verbose = yes
submission_relay_host = 127.0.0.1
submission_relay_port = {onward}
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = FOLDER/oauth2.conf
}}
"""
_OAUTH = """
introspection_mode = post
introspection_url = http://server:server@{place}/token/introspection
username_attribute = client_id
active_attribute = active
active_value = true
scope = smtp
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


class Hop:
    """The server, and what it is told to ask."""

    def __init__(self, provider: OAuth, onward: int) -> None:
        self.port = free_port()
        self.dovecot = Dovecot(extra=_CONF.format(onward=onward, port=self.port))
        place = provider.issuer.removeprefix("http://")
        (self.dovecot.folder / "oauth2.conf").write_text(_OAUTH.format(place=place))

    def way(self, provider: OAuth, secret: Path, **oauth: Any) -> dict[str, Any]:
        said = {
            "endpoint": provider.token_endpoint, "client_id": RELAY, "client_secret_file": str(secret), "scope": SCOPE,
            **oauth,
        }  # fmt: skip
        hop = {
            "smarthost": f"localhost:{self.port}", "tls": "starttls", "ca_file": str(self.dovecot.ca_file),
            "username": RELAY, "oauth": said,
        }  # fmt: skip
        return {"next_hop": {"routes": {"client.example": hop}}}


@pytest.fixture
async def hop(provider: OAuth, sink: OutsideWorld) -> AsyncIterator[Hop]:
    hop = Hop(provider, sink.port)
    try:
        hop.dovecot.start()
        yield hop
    finally:
        hop.dovecot.remove()


async def tried(house: House, queue_id: str) -> State:
    await house.quiet()
    return (await house.copy(queue_id, KIM)).state


async def test_mail_goes_on_with_a_token_and_with_a_new_one_when_that_is_taken_back(
    open_house: OpenHouse, provider: OAuth, hop: Hop, secret: Path, sink: OutsideWorld
) -> None:
    house = await open_house(rules=AT_ONCE, config=hop.way(provider, secret))
    assert await tried(house, await house.send()) is State.SENT
    assert len(sink.caught) == 1
    (source,) = [manner.tokens[1] for _, manner, _ in house.service.courier._manners if manner.tokens]
    first = await source.get()
    await provider.take_back(first)
    await house.service.courier._pool.close()  # a session that is open needs no token
    assert await tried(house, await house.send()) is State.SENT
    assert await source.get() != first
    assert len(sink.caught) == 2
    for said in (SECRET, first, await source.get()):
        assert said not in house.log.getvalue()


async def test_a_provider_that_is_down_keeps_the_mail_until_it_is_back(
    open_house: OpenHouse, provider: OAuth, hop: Hop, secret: Path, sink: OutsideWorld
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/token"
    house = await open_house(rules=AT_ONCE, config=hop.way(provider, secret, endpoint=nowhere))
    queue_id = await house.send()
    assert await tried(house, queue_id) is State.QUEUED
    assert "the provider gave no token" in (await house.copy(queue_id, KIM)).last_reply
    (source,) = [manner.tokens[1] for _, manner, _ in house.service.courier._manners if manner.tokens]
    source._settings = source._settings.model_copy(update={"endpoint": provider.token_endpoint})
    await house.wait(minutes=10)
    assert await tried(house, queue_id) is State.SENT
    assert len(sink.caught) == 1


async def test_a_client_that_the_provider_does_not_know_keeps_the_mail_and_says_why(
    open_house: OpenHouse, provider: OAuth, hop: Hop, secret: Path, sink: OutsideWorld
) -> None:
    way = hop.way(provider, secret, client_secret="not the secret")
    del way["next_hop"]["routes"]["client.example"]["oauth"]["client_secret_file"]
    house = await open_house(rules=AT_ONCE, config=way)
    queue_id = await house.send()
    assert await tried(house, queue_id) is State.QUEUED
    reply = (await house.copy(queue_id, KIM)).last_reply
    assert "it answers 401: invalid_client" in reply
    assert "not the secret" not in house.log.getvalue()
    assert not sink.caught


async def test_a_token_that_the_server_refuses_keeps_the_mail(
    open_house: OpenHouse, provider: OAuth, hop: Hop, secret: Path, sink: OutsideWorld
) -> None:
    way = hop.way(provider, secret)
    way["next_hop"]["routes"]["client.example"]["username"] = "somebody-else"
    house = await open_house(rules=AT_ONCE, config=way)
    queue_id = await house.send()
    assert await tried(house, queue_id) is State.QUEUED
    assert "refused the token of our login" in (await house.copy(queue_id, KIM)).last_reply
    assert not sink.caught


async def test_a_refresh_token_that_is_good_once_is_followed_by_the_one_that_came_with_it(provider: OAuth) -> None:
    first = (await provider.sign_in(ANN)).refresh
    said = {"endpoint": provider.token_endpoint, "client_id": APP, "refresh_token": first}
    source = TokenSource(TokenSettings.model_validate(said), SystemClock())
    tokens = [await source.get()]
    for _ in range(2):
        tokens.append(await source.get(tokens[-1]))
    assert len(set(tokens)) == 3
    with pytest.raises(NoToken, match="it answers 400: invalid_grant"):
        await TokenSource(TokenSettings.model_validate(said), SystemClock()).get()
