"""How a person moves about on the pages: unfold, tick, press, sign in."""

from playwright.async_api import Locator, Page

from tests.web.house import ANN, House


async def unfold(page: Page, form: str) -> None:
    """Open what the form is folded into, as a finger does."""
    folded = page.locator(f"details:has(#{form})")
    if await folded.count() and await folded.get_attribute("open") is None:
        await folded.locator("summary").click()


async def press(page: Page, form: str) -> None:
    await click(page, page.locator(f"#{form} button"))


async def click(page: Page, target: Locator) -> None:
    """Until the next page is there."""
    async with page.expect_navigation():
        await target.click()


async def tick(page: Page, form: str, *values: str) -> None:
    for value in values:
        await page.locator(f"#{form} input[value='{value}']").check()


async def fact(page: Page) -> str:
    return await page.locator("h1").inner_text()


async def sign_in(house: House, page: Page, address: str = ANN) -> None:
    await page.goto(f"{house.url}/outbox")
    await page.get_by_label("Your mail address").fill(address)
    await click(page, page.get_by_role("button", name="Mail me a code"))
    await page.locator("input[name=code]").fill(await house.code())
    await click(page, page.get_by_role("button", name="Sign in"))
