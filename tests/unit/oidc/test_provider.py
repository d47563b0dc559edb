"""What an OpenID provider says is believed only where all of it holds."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mailguard.oidc import Asked, Identity, NotProven, Unreachable
from mailguard.oidc.provider import Provider
from mailguard.testing import FakeClock
from tests.unit.oidc.provider import CLIENT, Liar

BACK = "https://mailguard.corp.example/outbox/oidc/back"
HOME = "https://mailguard.corp.example/outbox"
ANN = Identity("ann@corp.example", second=False, groups=frozenset())


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar = Liar(FakeClock())
    await liar.start()
    yield liar
    await liar.stop()


def provider(liar: Liar, **settings: Any) -> Provider:
    return Provider(liar.settings(**settings), BACK, HOME, liar.clock)


async def come_back(liar: Liar, there: Provider | None = None, **answer: str) -> Identity:
    """A browser goes there and comes back with a code."""
    there, asked = there or provider(liar), Asked.new()
    liar.seen(await there.authorize(asked))
    return await there.identify({"code": "c0de", "state": asked.state, **answer}, asked)


async def test_who_signed_in_there_is_known_by_the_address(liar: Liar) -> None:
    assert await come_back(liar) == ANN


async def test_the_question_holds_nothing_that_can_be_used_twice(liar: Liar) -> None:
    there, one, two = provider(liar), Asked.new(), Asked.new()
    asked = [parse_qs(urlsplit(await there.authorize(each)).query) for each in (one, two)]
    for query in asked:
        assert query["response_type"] == ["code"]
        assert query["client_id"] == [CLIENT]
        assert query["redirect_uri"] == [BACK]
        assert query["scope"] == ["openid email"]
        assert query["code_challenge_method"] == ["S256"]
    secret = {query[name][0] for query in asked for name in ("state", "nonce", "code_challenge")}
    assert len(secret) == 6
    assert all(len(value) == 43 for value in secret)
    assert one.verifier not in secret


async def test_the_code_is_exchanged_with_the_verifier_and_the_clients_secret(liar: Liar) -> None:
    there, asked = provider(liar), Asked.new()
    liar.seen(await there.authorize(asked))
    await there.identify({"code": "c0de", "state": asked.state}, asked)
    (form, said) = next((form, said) for path, form, said in liar.asked if path == "/token")
    assert form["code"] == "c0de"
    assert form["code_verifier"] == asked.verifier
    assert form["redirect_uri"] == BACK
    assert base64.b64decode(said.removeprefix("Basic ")).decode() == "mailguard:s%3Ae%25cret%2B"


async def test_the_secret_goes_in_the_body_where_that_is_wanted(liar: Liar) -> None:
    liar.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post", "client_secret_basic"]
    await come_back(liar)
    (form, said) = next((form, said) for path, form, said in liar.asked if path == "/token")
    assert (form["client_secret"], said) == ("s:e%cret+", "")


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "several audiences and no word for whom": {"aud": [CLIENT, "other"]},
    "made out to another": {"aud": [CLIENT, "other"], "azp": "other"},
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "no time": {"exp": None},
    "no word when": {"iat": None},
    "no subject": {"sub": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "not verified": {"email_verified": False},
    "no word of verified": {"email_verified": None},
    "verified as a word": {"email_verified": "yes"},
    "no address": {"email": "ann"},
    "an address that is none": {"email": ["ann@corp.example"]},
    "an address with a line end": {"email": "ann@corp.example\r\nBcc: x@evil.example"},
    "a time that is none": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_is_not_sound_proves_nothing(liar: Liar, lie: str) -> None:
    liar.claims = LIES[lie]
    with pytest.raises(NotProven):
        await come_back(liar)


async def test_several_audiences_are_taken_when_it_is_made_out_to_us(liar: Liar) -> None:
    liar.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert await come_back(liar) == ANN


@pytest.mark.parametrize(("seconds", "good"), [(-419, True), (-421, False), (119, True), (121, False)])
async def test_clocks_may_be_two_minutes_apart(liar: Liar, seconds: int, *, good: bool) -> None:
    """A token lasts five minutes: made `seconds` ago, or by a clock that is ahead."""
    now = int(liar.clock.now().timestamp())
    liar.claims = {"iat": now + seconds, "nbf": now + seconds, "exp": now + seconds + 300}
    if good:
        assert await come_back(liar) == ANN
    else:
        with pytest.raises(NotProven):
            await come_back(liar)


async def test_no_signature_is_no_signature(liar: Liar) -> None:
    def part(said: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    for algorithm in ("none", "None", "NONE"):
        there, asked = provider(liar), Asked.new()
        liar.seen(await there.authorize(asked))
        _, claims, _ = liar.id_token().split(".")
        liar.raw = f"{part({'alg': algorithm, 'kid': 'one'})}.{claims}."
        with pytest.raises(NotProven):
            await there.identify({"code": "c0de", "state": asked.state}, asked)


async def test_what_our_own_secret_could_have_signed_proves_nothing(liar: Liar) -> None:
    """Even where the provider says that it signs so."""
    liar.algorithm = "HS256"
    liar.metadata["id_token_signing_alg_values_supported"] = ["ES256", "HS256", "none"]
    with pytest.raises(NotProven):
        await come_back(liar)


async def test_somebody_elses_signature_proves_nothing(liar: Liar) -> None:
    published = liar.published
    liar.rotate("one")  # a key of the same name
    liar.published = published
    with pytest.raises(NotProven, match="not sound"):
        await come_back(liar)


@pytest.mark.parametrize("name", ["two", "one"])
async def test_other_keys_are_fetched_when_it_signs_with_them(liar: Liar, name: str) -> None:
    """Also where they are called as the ones before."""
    there = provider(liar)
    assert await come_back(liar, there) == ANN
    liar.rotate(name)
    assert await come_back(liar, there) == ANN


async def test_keys_that_were_taken_back_are_forgotten_after_an_hour(liar: Liar) -> None:
    there, old = provider(liar), liar.key
    await come_back(liar, there)
    liar.rotate("two")
    liar.key, liar.key_id = old, "one"  # somebody stole it, and it is not published any more
    await liar.clock.advance(3601)
    with pytest.raises(NotProven):
        await come_back(liar, there)


async def test_its_word_of_itself_is_asked_once_an_hour(liar: Liar) -> None:
    there = provider(liar)
    for _ in range(3):
        await come_back(liar, there)
    assert [path for path, _, _ in liar.asked].count("/keys") == 1


@pytest.mark.parametrize("state", ["x" * 43, "", "ü"])
async def test_an_answer_to_another_sign_in_is_not_taken(liar: Liar, state: str) -> None:
    with pytest.raises(NotProven, match="state"):
        await come_back(liar, state=state)


async def test_another_providers_answer_is_not_taken(liar: Liar) -> None:
    with pytest.raises(NotProven, match="iss"):
        await come_back(liar, iss="https://evil.example")
    liar.metadata["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(NotProven, match="iss"):
        await come_back(liar)
    assert await come_back(liar, iss=liar.issuer) == ANN


async def test_a_refusal_is_told_with_its_reason(liar: Liar) -> None:
    with pytest.raises(NotProven, match="access_denied not for you"):
        await come_back(liar, error="access_denied", error_description="not for you", code="")
    liar.token = {"error": "invalid_grant", "error_description": "used already"}
    with pytest.raises(NotProven, match="used already"):
        await come_back(liar)


async def test_what_the_id_token_leaves_out_is_asked_of_the_same_person(liar: Liar) -> None:
    liar.claims = {"email": None, "email_verified": None}
    liar.user = {"email": "ann@corp.example", "email_verified": True}
    assert await come_back(liar) == ANN
    assert ("/me", {}, "Bearer access") in liar.asked
    liar.user["sub"] = "4712"
    with pytest.raises(NotProven, match="somebody else"):
        await come_back(liar)


async def test_another_claim_may_hold_the_address(liar: Liar) -> None:
    liar.claims = {"upn": "bob@corp.example", "email_verified": None}
    assert (await come_back(liar, provider(liar, claim="upn", verified=False))).address == "bob@corp.example"


@pytest.mark.parametrize(
    ("claims", "settings", "second"),
    [
        ({}, {}, False),
        ({"amr": ["pwd"]}, {}, False),
        ({"amr": ["pwd", "mfa"]}, {}, True),
        ({"acr": "2"}, {"second_factor": ["2", "3"]}, True),
        ({"acr": "1"}, {"second_factor": ["2", "3"]}, False),
        ({}, {"second_factor": "always"}, True),
    ],
)
async def test_a_second_factor_is_what_it_says_or_what_the_settings_say(
    liar: Liar, claims: dict[str, Any], settings: dict[str, Any], *, second: bool
) -> None:
    liar.claims = claims
    assert (await come_back(liar, provider(liar, **settings))).second is second


async def test_groups_are_read_from_the_claim_that_holds_them(liar: Liar) -> None:
    liar.claims = {"roles": ["admins", 7, "", "it"], "groups": ["other"]}
    assert (await come_back(liar, provider(liar, groups="roles"))).groups == {"admins", "it"}
    assert (await come_back(liar)).groups == frozenset()


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "cleartext": {"token_endpoint": "http://sso.corp.example/token"},
    "no place for keys": {"jwks_uri": None},
    "no sound signature": {"id_token_signing_alg_values_supported": ["none", "HS256"]},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_provider_that_can_not_be_trusted_is_not_asked(liar: Liar, wrong: str) -> None:
    liar.metadata = WRONG[wrong]
    with pytest.raises(Unreachable):
        await provider(liar).authorize(Asked.new())


async def test_a_provider_that_is_down_or_redirects_is_told_from_one_that_refuses(liar: Liar) -> None:
    there = provider(liar)
    for status in (302, 404, 503):
        liar.status = status
        with pytest.raises(Unreachable, match=str(status)):
            await there.authorize(Asked.new())
    liar.status = 200
    await come_back(liar, there)
    liar.status = 503
    with pytest.raises(Unreachable):
        await come_back(liar, there)
    await liar.stop()
    with pytest.raises(Unreachable):
        await provider(liar, issuer="http://127.0.0.1:9").authorize(Asked.new())
    await liar.start()


async def test_an_answer_without_end_is_given_up(liar: Liar) -> None:
    liar.metadata["padding"] = "x" * (2 << 20)
    with pytest.raises(Unreachable, match="larger"):
        await provider(liar).authorize(Asked.new())


async def test_signing_out_there_too_leads_back_to_us(liar: Liar) -> None:
    there = provider(liar)
    url = urlsplit(await there.leave())
    assert url.path == "/leave"
    assert parse_qs(url.query) == {"client_id": [CLIENT], "post_logout_redirect_uri": [HOME]}
    liar.metadata["end_session_endpoint"] = ""
    assert await provider(liar).leave() == ""
