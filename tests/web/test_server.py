"""The embedded server, its limits, and the forms' parts that need no page."""

import asyncio
import logging
import signal
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailguard.errors import ConfigError
from mailguard.testing import FakeClock
from mailguard.web import WebServer, metrics_app
from mailguard.web.limits import Limit
from mailguard.web.words import Words


async def test_it_listens_when_started_and_lets_a_request_end_when_stopped() -> None:
    inside, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        inside.set()
        await finish.wait()
        return PlainTextResponse("done")

    server = WebServer(Starlette(routes=[Route("/", slow)]), "127.0.0.1:0")
    await server.start()
    async with httpx.AsyncClient() as client:
        request = asyncio.create_task(client.get(f"http://127.0.0.1:{server.port}/"))
        await inside.wait()
        stopping = asyncio.create_task(server.stop())
        finish.set()
        assert (await request).text == "done"
        await stopping
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{server.port}/")


async def test_signals_stay_with_the_service() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    server = WebServer(Starlette(), "127.0.0.1:0")
    await server.start()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    await server.stop()


async def test_an_address_in_use_is_told_with_its_name() -> None:
    server = WebServer(Starlette(), "127.0.0.1:0")
    await server.start()
    with pytest.raises(ConfigError, match=rf"can't listen on 127\.0\.0\.1:{server.port}: Address already in use"):
        await WebServer(Starlette(), f"127.0.0.1:{server.port}").start()
    await server.stop()


async def test_no_address_of_a_page_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = WebServer(Starlette(), "127.0.0.1:0")
    await server.start()
    async with httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{server.port}/m/SECRET-TOKEN")
    await server.stop()
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in ours if "SECRET-TOKEN" in record.getMessage()]


async def test_metrics_are_text_for_prometheus() -> None:
    async def scrape() -> bytes:
        return b"mailguard_x 1\n"

    transport = httpx.ASGITransport(metrics_app(scrape))
    async with httpx.AsyncClient(transport=transport, base_url="http://m") as client:
        answer = await client.get("/metrics")
        assert (answer.text, answer.headers["content-type"]) == (
            "mailguard_x 1\n",
            "text/plain; version=0.0.4; charset=utf-8",
        )
        assert (await client.get("/m/x")).status_code == 404


async def test_a_limit_counts_each_key_apart_and_forgets_with_time() -> None:
    clock = FakeClock()
    limit = Limit(2, timedelta(minutes=1), clock)
    assert [limit.allows("a"), limit.allows("a"), limit.allows("a"), limit.allows("b")] == [True, True, False, True]
    await clock.advance(60)
    assert limit.allows("a")


def test_a_flood_of_keys_is_not_remembered_for_ever() -> None:
    limit = Limit(1, timedelta(minutes=1), FakeClock())
    for number in range(10_050):
        limit.allows(str(number))
    assert limit.allows("0")
    assert not limit.allows("10049")


def test_both_languages_have_the_same_sentences_with_the_same_gaps() -> None:
    import re
    import tomllib
    from pathlib import Path

    folder = Path(__file__).parent.parent.parent / "mailguard" / "web" / "words"
    english, polish = (tomllib.loads((folder / f"{name}.toml").read_text("utf-8")) for name in ("en", "pl"))
    gap = re.compile(r"{\w+}")
    assert {name: set(gap.findall(said)) for name, said in english.items()} == {
        name: set(gap.findall(said)) for name, said in polish.items()
    }


@pytest.mark.parametrize(
    ("language", "octets", "said"),
    [("en", 0, "1 KB"), ("en", 48_000, "47 KB"), ("en", 1_600_000, "1.5 MB"), ("pl", 1_600_000, "1,5 MB")],
)
def test_sizes_are_written_for_people(language: str, octets: int, said: str) -> None:
    assert Words(language).size(octets) == said
