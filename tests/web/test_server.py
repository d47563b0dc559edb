"""The embedded server, its limits, and the forms' parts that need no page."""

import asyncio
import logging
import re
import signal
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailguard.desk import Desk, View
from mailguard.errors import ConfigError, StoreBroken, TemporaryFailure
from mailguard.testing import FakeClock
from mailguard.web.app import create_app, metrics_app
from mailguard.web.limits import Limit
from mailguard.web.server import WebServer
from mailguard.web.settings import WebSettings

PACKAGE = Path(__file__).parent.parent.parent / "mailguard" / "web"


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


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        (None, "192.0.2.7"),
        (["127.0.0.1"], "192.0.2.7"),
        (
            ["127.0.0.0/8", "203.0.113.0/24"],
            "198.51.100.1",
        ),  # the one before the last proxy of ours: the rest is hearsay
        (["10.0.0.0/8"], "127.0.0.1"),
    ],
)
async def test_only_our_proxies_say_who_a_client_is(proxies: list[str] | None, seen: str) -> None:
    """Or whoever tries passwords would do it as somebody else each time."""

    async def whom(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    settings = WebSettings.model_validate({} if proxies is None else {"proxies": proxies})
    server = WebServer(Starlette(routes=[Route("/", whom)]), "127.0.0.1:0", proxies=settings.proxies)
    await server.start()
    said = "198.51.100.1, 203.0.113.9" if seen == "198.51.100.1" else "198.51.100.1, 192.0.2.7"
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.port}/", headers={"X-Forwarded-For": said})
    assert answer.text == seen
    await server.stop()


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


class Failing(Desk):
    """A desk whose store has trouble."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.app_passwords = cast(Any, SimpleNamespace(most=0))

    async def view(self, token: str) -> View | None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "reports"),
    [(TemporaryFailure("database is locked"), 503, 0), (StoreBroken("disk I/O error at /var/lib/x"), 500, 1)],
)
async def test_trouble_inside_is_a_calm_page_without_details(error: Exception, status: int, reports: int) -> None:
    reported: list[Exception] = []
    app = create_app(Failing(error), WebSettings(), FakeClock(), report=reported.append)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client:
        answer = await client.get("/m/x")
    assert (answer.status_code, len(reported)) == (status, reports)
    assert "try again in a minute" in answer.text
    assert str(error) not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_service_that_is_not_ready_says_so() -> None:
    async def no() -> bool:
        return False

    app = create_app(Failing(StoreBroken("x")), WebSettings(), FakeClock(), no)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client:
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


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


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "behind", "least"),
    [
        *[(front, behind, 4.5) for front in ("text", "soft", "link", "danger") for behind in ("back", "card")],
        *[(f"{name}-text", name, 4.5) for name in ("held", "leaves", "left", "ended", "error")],
        ("on-button", "button", 4.5),
        ("edge", "card", 3.0),
        ("link", "leaves", 3.0),
    ],
)
def test_colours_can_be_told_apart(scheme: int, front: str, behind: str, least: float) -> None:
    css = (PACKAGE / "static" / "mailguard.css").read_text("utf-8")
    schemes = [dict(re.findall(r"--([\w-]+): #(\w+);", block)) for block in css.split(":root {")[1:3]]
    one, other = sorted((luminance(schemes[scheme][front]), luminance(schemes[scheme][behind])), reverse=True)
    assert (one + 0.05) / (other + 0.05) >= least
