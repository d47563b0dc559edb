"""The pages: whoever has no link finds nothing, and nothing that is posted without one changes a mail."""

import asyncio
import re
import tempfile
from functools import cache
from pathlib import Path

import httpx

from mailguard.web.app import create_app
from mailguard.web.settings import WebSettings
from tests.fuzz.target import target
from tests.web.house import House, build

_LOOP = asyncio.Runner()
_PLACE = tempfile.TemporaryDirectory(prefix="mailguard-fuzz-")
_CONTROL = re.compile(rb"[\x00-\x20\x7f-\xff#?%/\\]")


@cache
def _house() -> tuple[House, httpx.AsyncClient]:
    """The pages over the real desk and store, asked without a socket between; made once."""
    house = _LOOP.run(build(Path(_PLACE.name)))
    pages = httpx.ASGITransport(create_app(house.desk, WebSettings(), house.clock))
    return house, httpx.AsyncClient(transport=pages, base_url=house.url)


@cache
def _mail() -> tuple[str, str]:
    """One that waits, and the link to it; made anew when something was done to it."""

    async def made() -> tuple[str, str]:
        house, _ = _house()
        number = await house.held()
        return number, await house.link(number)

    return _LOOP.run(made())


_VERBS = ("stop", "send", "drop", "cancel", "hide", "extend", "ask", "report", "cancel-earlier")


@target(
    "links",
    "a token nobody was given is not found, whatever it looks like and whatever is posted to it",
    [b"\0", b"\1", b"\2", b"\3", b"\4", b"\n", b"A" * 43, b"..", b"%2e", b"%00", b"tick=", b"&", b"=",
     b"code=123456", b"bob%40client.example",
     b"%ff", b"+", b"confirm=1", b"send", b"stop", b"csrf=", b"\xc5\xbc", b"a=b&a=b&", b"content=%0d%0a"],
)  # fmt: skip
def links(data: bytes) -> None:
    """The first byte says what is tried; then a line with the token, and what is posted."""
    which, (name, _, form) = (data[:1] or b"\0")[0], data[1:].partition(b"\n")
    (house, client), (number, link) = _house(), _mail()
    token = _CONTROL.sub(b"x", name).decode()[:200] or "x"
    if token in link or token in (".", ".."):
        return
    verb = ("", *(f"/{verb}" for verb in _VERBS))[which % (len(_VERBS) + 1)]
    form_type = {"content-type": "application/x-www-form-urlencoded" if which & 128 == 0 else "text/plain"}

    async def tried() -> tuple[httpx.Response, httpx.Response]:
        path = f"/m/{token}{verb}"
        if not verb:
            return await client.get(path), await client.get(f"/m/{'A' * 43}")
        post = client.post(path, content=form, headers=form_type)
        return await post, await client.post(f"/m/{'A' * 43}{verb}", content=form, headers=form_type)

    before = _LOOP.run(house.states(number))
    one, other = _LOOP.run(tried())
    assert one.status_code == 404 or (which & 128 and one.status_code in (404, 415))
    assert (one.status_code, one.content) == (other.status_code, other.content), "one who guesses learns something"
    assert _LOOP.run(house.states(number)) == before


@target(
    "forms",
    "whatever its owner posts to a mail's page is answered, and no more than asked happens",
    [b"\0", b"\1", b"\2", b"\3", b"confirm=", b"seen=", b"code=", b"&", b"=", b"123456", b"pat%40client.example",
     b"1",
     b"ceo%40corp.example", b"silent%40partner.example", b"%ff", b"+", b"%00", b"\xc5\xbc",
     b"confirm=pat%40client.example", b"said=", b"hours=24", b"rule=unexpected-cc", b"why="],
)  # fmt: skip
def posted(data: bytes) -> None:
    """The first byte says which verb; the rest is the form."""
    which, form = (data[:1] or b"\0")[0], data[1:]
    (house, client), (number, link) = _house(), _mail()
    verb = _VERBS[which % len(_VERBS)]

    async def tried() -> httpx.Response:
        path = httpx.URL(link).path
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await client.post(f"{path}/{verb}", content=form, headers=kind)

    before = _LOOP.run(house.states(number))
    answer = _LOOP.run(tried())
    assert answer.status_code in (303, 400, 403, 404, 409, 422), answer.status_code
    after = _LOOP.run(house.states(number))
    assert after.keys() == before.keys()
    if answer.status_code != 303:
        assert after == before, "refused, and done all the same"
    if after != before or verb == "stop":
        _mail.cache_clear()
