"""Each person's way from the notice to the end: a whole mailguard, mail over SMTP, and people in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from mailguard.records import State
from tests.flow.house import ANN, ASSISTANT, BOB, BOSS, CEO, HOLD, KIM, LEE, MO, House, lived_in
from tests.flow.test_approval import LEX, approved_by, code
from tests.web.walking import click, fact, press, tick, unfold

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def follow(house: House, page: Page, person: str, words: str) -> None:
    """Read the notice as a mail program shows it, and press the one button in it."""
    notice = await house.notice(person, words)
    await page.set_content(notice.html)
    await click(page, page.get_by_role("link"))


async def follow_text(house: House, page: Page, person: str, words: str) -> None:
    """The same in a mail program that shows no HTML."""
    await page.goto(await house.link(person, words))


async def sign_in(house: House, page: Page, person: str, place: str = "/outbox") -> None:
    await page.goto(f"{house.config.web.url}{place}")
    await page.get_by_label("Your mail address").fill(person)
    await click(page, page.get_by_role("button", name="Mail me a code"))
    await page.locator("input[name=code]").fill(await code(house, person))
    await click(page, page.get_by_role("button", name="Sign in"))


async def say(page: Page, form: str, words: str, *ticks: str) -> None:
    """Unfold, write, tick, press."""
    await unfold(page, form)
    if words:
        await page.locator(f"#{form} textarea").fill(words)
    await tick(page, form, *ticks)
    await press(page, form)


async def test_a_sender_changes_what_is_held_and_lets_it_go_and_it_went_to_the_wrong_person(
    tmp_path: Path, page: Page
) -> None:
    async with lived_in(tmp_path / "house", rules=HOLD) as house:
        number = await house.send([KIM, MO], cc=[BOB])
        await follow(house, page, ANN, "Held: Quote")
        await say(page, "extend", "", "72")
        await say(page, "drop", "", MO)
        await say(page, "hide", "", KIM)
        await say(page, "report", "Kim is our client.", "ask")
        await house.wait(hours=30)  # longer than the rule would have waited
        await page.reload()
        assert await fact(page) == "Held: not sent yet"
        await say(page, "send", "All agreed.", KIM, MO)  # who was taken off, too: it is known that they get nothing
        await house.quiet()
        (kims,), (bobs,) = house.arrived(KIM), house.arrived(BOB)
        assert kims.message["To"] == bobs.message["To"]
        assert not {KIM, MO} & set(re.findall(r"[\w.]+@[\w.]+", f"{bobs.message['To']} {bobs.message['Cc']}"))
        assert not house.arrived(MO)
        await page.reload()
        assert (await fact(page)).startswith("Left at")
        await click(page, page.get_by_role("link", name="First aid"))
        await page.get_by_label("What happened").fill("Kim has moved on.")
        await tick(page, "report", KIM, "internal", "asked")
        await press(page, "report")
        await expect(page.locator("blockquote")).to_have_text("Kim has moved on.")
        assert {"hold.extended", "recipient.dropped", "recipient.hidden", "rule.reported", "message.sent_now",
                "delivery.sent", "aid.reported"} <= set(await house.events(number))  # fmt: skip


async def test_a_sender_without_html_cancels_and_has_the_mail_back(tmp_path: Path, page: Page) -> None:
    async with lived_in(tmp_path / "house", rules=HOLD) as house:
        number = await house.send(body="Do not send this.\r\n")
        await follow_text(house, page, ANN, "Held: Quote")
        await say(page, "cancel", "", number)
        back = await house.notice(ANN, "Not sent: Quote")
        assert b"Do not send this." in back.raw
        await follow_text(house, page, ANN, "Not sent: Quote")
        assert (await fact(page)).startswith("Cancelled at")
        assert not house.arrived(KIM)


async def test_two_of_three_approve_one_for_a_colleague_one_after_the_escalation(tmp_path: Path, page: Page) -> None:
    rules = approved_by(f"[{LEX}, {LEE}], of: 2", escalate=f"{{after: 4h, to: {BOSS}}}")
    async with lived_in(tmp_path / "house", rules=rules) as house:
        await sign_in(house, page, LEX, "/approvals")
        await page.get_by_text("Name somebody who is asked instead of you").click()
        await page.get_by_label("Colleague’s mail address").fill(BOB)
        today = await page.get_by_label("First day").input_value()
        await page.get_by_label("Last day").fill(today)
        await press(page, "away")
        assert "stand in" in (await house.notice(BOB, "asked instead")).text

        number = await house.send()
        await follow(house, page, ANN, "Held: Quote")
        await say(page, "ask", "It is urgent.", BOB)
        await follow(house, page, BOB, "Approve? Quote")
        await expect(page.locator("blockquote")).to_have_text("It is urgent.")
        await say(page, "send", "Fine with me.", KIM)
        await page.locator("input[name=code]").fill(await code(house, BOB))
        await press(page, "send")
        assert await fact(page) == "Held: not sent yet"
        assert not house.notices(LEX)[1:]  # but the code to sign in
        await house.wait(hours=5)
        assert not house.arrived(KIM)

        await follow(house, page, BOSS, "Approve? Quote")
        await say(page, "send", "", KIM)
        await page.locator("input[name=code]").fill(await code(house, BOSS))
        await press(page, "send")
        await house.quiet()
        assert len(house.arrived(KIM)) == 1
        await follow(house, page, ANN, "Approved: Quote")
        assert (await fact(page)).startswith("Left at")
        assert (await house.mail(number)).holds[0].approved_by == (BOB, BOSS)


async def test_an_assistant_asks_back_stops_and_later_lets_another_go_early(tmp_path: Path, page: Page) -> None:
    async with lived_in(tmp_path / "house") as house:
        await house.send([CEO])
        await follow(house, page, ASSISTANT, "Leaves ")
        await say(page, "comment", "Last year's numbers?")
        await press(page, "stop")
        assert "Last year's numbers?" in (await house.notice(ANN, "A comment")).text
        await follow(house, page, ANN, "Stopped: Quote")
        await say(page, "send", "No, this year's.", CEO)
        await house.quiet()
        assert len(house.arrived(CEO)) == 1

        await house.send([CEO], cc=[KIM], subject="Minutes")
        await follow(house, page, ASSISTANT, "Leaves ")
        await say(page, "send", "", CEO)
        await house.quiet()
        assert [mail.subject for mail in house.arrived(CEO)] == ["Quote", "Minutes"]
        assert not house.arrived(KIM)  # nobody else's delay was shortened


async def test_from_the_mailed_code_to_ones_own_language_and_several_cancelled_at_once(
    tmp_path: Path, page: Page
) -> None:
    async with lived_in(tmp_path / "house", rules=HOLD) as house:
        await sign_in(house, page, ANN)
        await click(page, page.get_by_role("link", name="Preferences"))
        await page.get_by_label("Language").select_option("pl")
        await press(page, "preferences")
        numbers = [await house.send(subject=subject) for subject in ("One", "Two", "Three")]
        await follow(house, page, ANN, "Wstrzymana: Three")
        await expect(page.locator("h1")).to_have_text("Wstrzymana: jeszcze nie wysłana")
        await page.goto(f"{house.config.web.url}/outbox")
        for number in numbers[:2]:
            await page.locator(f"input[name=mail][value='{number}']").check()
        await press(page, "cancel")
        await house.quiet()
        assert [(await house.copy(number, KIM)).state for number in numbers] == [
            State.CANCELLED, State.CANCELLED, State.HELD,
        ]  # fmt: skip
        assert {"Nie wysłana: One", "Nie wysłana: Two"} <= {n.subject for n in house.notices(ANN)}


DRAFT = """version: 1
rules:
  - {id: nobody-writes-to-kim, when: {recipients: {any: {in: [kim@client.example]}}}, then: [{hold: sender_confirms}]}
"""


async def test_an_administrator_finds_understands_stops_all_mail_and_takes_back_some(
    tmp_path: Path, scripted: Page
) -> None:
    page = scripted
    async with lived_in(tmp_path / "house", config={"access": {"admin": [LEE]}}) as house:
        leak, other = await house.send(subject="Payroll"), await house.send(subject="Minutes")
        await sign_in(house, page, LEE, "/console")
        await page.get_by_label("Words of the subject").fill("payroll")
        await click(page, page.get_by_role("button", name="Search"))
        await click(page, page.get_by_role("link", name="Payroll"))
        await page.get_by_text("Every condition").click()
        await expect(page.locator(".tree").filter(has_text="external").first).to_be_visible()

        await click(page, page.get_by_role("link", name="Sending"))
        await page.get_by_label("Why?").fill("payroll leak")
        await page.get_by_role("checkbox").check()
        await click(page, page.get_by_role("button", name="Pause sending"))
        await house.clock.advance(3600)
        await house.look_again()
        assert not house.arrived(KIM)

        await page.goto(f"{house.config.web.url}/console?subject=payroll")
        await page.get_by_label("With all mail that waits").check()
        await click(page, page.get_by_role("button", name="Cancel …"))
        await expect(page.locator("h1")).to_have_text("Cancel 1 mail?")
        await page.get_by_role("checkbox").check()
        await click(page, page.get_by_role("button", name="Cancel"))
        await expect(page.locator("h1")).to_have_text("Done with 1 mail")
        await click(page, page.get_by_role("link", name="Sending"))
        await page.get_by_role("checkbox").check()
        await click(page, page.get_by_role("button", name="Send again"))
        await house.wait(minutes=1)
        assert [mail.subject for mail in house.arrived(KIM)] == ["Minutes"]
        assert (await house.copy(leak, KIM)).state is State.CANCELLED

        await click(page, page.get_by_role("link", name="Rules"))
        await page.get_by_label("or its text").fill(DRAFT)
        await page.get_by_label("These rules alone").check()
        await click(page, page.get_by_role("button", name="Try it"))
        await expect(page.locator("main")).to_contain_text("2 mails were tried.")
        await click(page, page.get_by_role("link", name=other))
        assert (await fact(page)).startswith("Left at")


async def test_an_auditor_sees_it_all_and_finds_nothing_to_press(tmp_path: Path, page: Page) -> None:
    async with lived_in(tmp_path / "house", config={"access": {"auditor": [LEE]}}, rules=HOLD) as house:
        number = await house.send()
        await house.wait(minutes=1)
        await sign_in(house, page, LEE, "/console")
        assert await page.get_by_role("navigation", name="Console").get_by_role("link").all_inner_texts() == [
            "Mails", "Rules", "People", "Health",
        ]  # fmt: skip
        await click(page, page.get_by_role("link", name="Quote"))
        await expect(page.locator(".steps")).to_contain_text("smtp.accepted")
        assert await page.locator("main button").count() == 0
        await click(page, page.get_by_role("link", name="Rules"))
        await page.get_by_label("or its text").fill(DRAFT)
        await click(page, page.get_by_role("button", name="Try it"))
        await expect(page.locator("main")).to_contain_text("1 mail was tried.")
        for place in ("/sending", f"/preview?do=stop&mail={number}"):
            await page.goto(f"{house.config.web.url}/console{place}")
            assert await fact(page) == "Nothing here"
        assert (await house.copy(number, KIM)).state is State.HELD
