"""One Chromium for all browser tests, and a fresh house for each; all share one event loop.

It is the build without windows, where there is one; tests/flow/test_preferences.py drives the whole browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

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


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A phone without JavaScript, with no cookies yet."""
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    context.set_default_timeout(8000)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def scripted(chromium: Browser) -> AsyncIterator[Page]:
    """A desk with JavaScript, with no cookies yet."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(8000)
    yield await context.new_page()
    await context.close()
