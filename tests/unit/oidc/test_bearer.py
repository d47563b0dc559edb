"""An access token is believed only where all of it holds."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailguard.oidc import BearerSettings, NotProven, Unreachable
from mailguard.oidc.bearer import Bearer
from mailguard.testing import FakeClock
from tests.unit.oidc.provider import Liar

ANN, US = "ann@corp.example", "https://mail.corp.example"


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar = Liar(FakeClock())
    liar.claims = {"aud": US, "nonce": None}
    await liar.start()
    yield liar
    await liar.stop()


def bearer(liar: Liar, **settings: Any) -> Bearer:
    said = {"issuer": liar.issuer, "audience": [US, "mail"], **settings}
    return Bearer(BearerSettings.model_validate(said), liar.clock)


async def test_a_sound_token_says_whose_it_is(liar: Liar) -> None:
    assert await bearer(liar).whose(liar.id_token()) == ANN
    liar.claims["aud"] = ["other", "mail"]
    assert await bearer(liar).whose(liar.id_token()) == ANN


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "mailguard"},
    "a longer audience": {"aud": US + "/"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "no end": {"exp": None},
    "an end that is none": {"exp": "tomorrow"},
    "not verified": {"email_verified": False},
    "no word of verified": {"email_verified": None},
    "no address": {"email": "ann"},
    "several addresses": {"email": [ANN]},
    "an address with a line end": {"email": f"{ANN}\r\nBcc: x@evil.example"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_is_not_sound_or_not_for_us_proves_nothing(liar: Liar, lie: str) -> None:
    liar.claims |= LIES[lie]
    with pytest.raises(NotProven):
        await bearer(liar).whose(liar.id_token())


@pytest.mark.parametrize(("seconds", "good"), [(-419, True), (-421, False), (119, True), (121, False)])
async def test_clocks_may_be_two_minutes_apart(liar: Liar, seconds: int, *, good: bool) -> None:
    now = int(liar.clock.now().timestamp())
    liar.claims |= {"iat": now + seconds, "nbf": now + seconds, "exp": now + seconds + 300}
    if good:
        assert await bearer(liar).whose(liar.id_token()) == ANN
    else:
        with pytest.raises(NotProven):
            await bearer(liar).whose(liar.id_token())


@pytest.mark.parametrize("raw", ["", "x", "a.b.c", "a.b.c.d.e", "....", "ü.ü.ü", "x" * 9000])
async def test_what_is_no_token_proves_nothing(liar: Liar, raw: str) -> None:
    with pytest.raises(NotProven):
        await bearer(liar).whose(raw)


async def test_no_signature_and_one_that_a_secret_makes_are_none(liar: Liar) -> None:
    def part(said: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    _, claims, _ = liar.id_token().split(".")
    liar.algorithm = "HS256"
    for raw in (f"{part({'alg': 'none', 'kid': 'one'})}.{claims}.", liar.id_token()):
        with pytest.raises(NotProven):
            await bearer(liar).whose(raw)


async def test_somebody_elses_signature_proves_nothing(liar: Liar) -> None:
    published = liar.published
    liar.rotate("one")  # a key of the same name
    liar.published = published
    with pytest.raises(NotProven):
        await bearer(liar).whose(liar.id_token())


async def test_another_claim_may_hold_the_address_and_a_scope_be_asked_for(liar: Liar) -> None:
    liar.claims |= {"upn": "bob@corp.example", "email_verified": None}
    there = bearer(liar, claim="upn", verified=False, scope="SMTP.Send")
    said: Any
    for name, said in (("scp", "Mail.Read SMTP.Send"), ("scope", ["SMTP.Send"]), ("scope", "x SMTP.Send")):
        assert await there.whose((liar.claims.update({name: said}), liar.id_token())[1]) == "bob@corp.example"
        del liar.claims[name]
    for said in (None, "SMTP.Sender", "smtp.send", 7):
        liar.claims["scope"] = said
        with pytest.raises(NotProven, match="does not allow"):
            await there.whose(liar.id_token())


async def test_other_keys_are_looked_for_but_not_for_every_token_that_no_key_fits(liar: Liar) -> None:
    there, asked = bearer(liar), liar.asked
    assert await there.whose(liar.id_token()) == ANN
    liar.rotate("two")
    assert await there.whose(liar.id_token()) == ANN
    published = liar.published
    liar.rotate("three")
    liar.published = published  # anybody can make up a key
    before = len(asked)
    for _ in range(20):
        with pytest.raises(NotProven):
            await there.whose(liar.id_token())
    assert len(asked) == before
    await liar.clock.advance(11)
    with pytest.raises(NotProven):
        await there.whose(liar.id_token())
    assert len(asked) == before + 2


async def test_logins_at_the_same_time_ask_once(liar: Liar) -> None:
    there = bearer(liar)
    assert await asyncio.gather(*(there.whose(liar.id_token()) for _ in range(5))) == [ANN] * 5
    assert [path for path, _, _ in liar.asked].count("/keys") == 1


async def test_a_provider_that_is_down_and_was_never_heard_proves_nothing_and_refutes_nothing(liar: Liar) -> None:
    liar.status = 503
    there = bearer(liar)
    with pytest.raises(Unreachable):
        await there.whose(liar.id_token())
    liar.status = 200
    assert await there.whose(liar.id_token()) == ANN


async def test_keys_are_used_for_a_day_while_it_is_down_and_no_longer(liar: Liar) -> None:
    there = bearer(liar)
    assert await there.whose(liar.id_token()) == ANN
    liar.status = 503
    await liar.clock.advance(3601)
    before = len(liar.asked)
    for _ in range(5):
        assert await there.whose(liar.id_token()) == ANN
    assert len(liar.asked) == before + 1  # and not before each login
    await liar.clock.advance(86400)
    with pytest.raises(Unreachable):
        await there.whose(liar.id_token())
    liar.status = 200
    assert await there.whose(liar.id_token()) == ANN


async def test_a_key_that_nobody_knows_while_it_is_down_is_nobodys_fault(liar: Liar) -> None:
    there = bearer(liar)
    await there.whose(liar.id_token())
    liar.rotate("two")
    liar.status = 503
    with pytest.raises(Unreachable):
        await there.whose(liar.id_token())
