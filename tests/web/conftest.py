"""One Chromium for all browser tests, and a fresh house for each; all share one event loop.

It is the build without windows, where there is one; tests/flow/test_preferences.py drives the whole browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests import tools
from tests.web.house import House, build, stop

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # a new tab for each test, and no new process
    "--accept-lang=en-US,en",  # a browser without a window says nothing by itself
)


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await build(tmp_path)
    yield house
    await stop(house)


@pytest_asyncio.fixture(loop_scope="session")
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program without cookies of its own, that shows every redirect."""
    async with httpx.AsyncClient(base_url=house.url) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=tools.find("headless"), args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def phone(chromium: Browser) -> BrowserContext:
    return await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(chromium: Browser) -> BrowserContext:
    return await chromium.new_context(viewport={"width": 1280, "height": 800})


@pytest_asyncio.fixture(loop_scope="session")
async def page(phone: BrowserContext) -> AsyncIterator[Page]:
    """A phone without JavaScript, with no cookies yet."""
    async for page in _fresh(phone):
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def scripted(desk: BrowserContext) -> AsyncIterator[Page]:
    """A desk with JavaScript, with no cookies yet."""
    async for page in _fresh(desk):
        yield page


async def _fresh(context: BrowserContext) -> AsyncIterator[Page]:
    """Another for every test would cost more than most tests; each house has an origin of its own."""
    context.set_default_timeout(8000)
    yield await context.new_page()
    for page in context.pages:
        await page.close()
    await context.clear_cookies()
    await context.clear_permissions()
