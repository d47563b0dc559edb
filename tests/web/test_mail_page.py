"""All that a mail's page can do beside sending, dropping and cancelling; on a phone, without JavaScript."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mailguard.mail.headers import Hide, Prepend, apply
from mailguard.records import Action, Hit, Hold, Mode, NoticeKind, Power, Requires, State
from mailguard.testing import eventually, make_message
from tests.web.house import ANN, BOSS, HELPER, HIDDEN, LEX, PAT, House, waiting
from tests.web.walking import click, fact, press, sign_in, tick, unfold

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OTHER_PAT = "pat@other.example"
LETTER = (
    b"From: Ann Archer <ann@corp.example>\r\nTo: Pat Poe <pat@client.example>, Pat Poe <pat@other.example>\r\n"
    b"Subject: Quote\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe price is Strictly\r\nConfidential <b>today</b>.\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p id=letter>The price is strictly confidential today.</p><img src=http://127.0.0.1:9/pixel.png>"
    b"<script>document.getElementById('letter').textContent = 'ran'</script>"
    b"<form action=/outbox><input name=x></form>\r\n"
    b"--a--\r\n--m\r\nContent-Type: text/html; name=page.html\r\n"
    b'Content-Disposition: attachment; filename="../page.html"\r\n\r\n<script>alert(1)</script>\r\n--m--\r\n'
)


async def letter(house: House, raw: bytes = LETTER, **more: Any) -> str:
    """Held for a word in it, to two people of one name."""
    hit = Hit(
        "confidential-outside", Mode.ENFORCE, Action.HOLD, "“strictly confidential” in the body",
        evidence=(("the body", "strictly confidential"),),
    )  # fmt: skip
    hold = Hold("confidential-outside", "", expires_at=house.clock.now() + timedelta(hours=8))
    to = [waiting(address, house.clock, held=True) for address in (PAT, OTHER_PAT)]
    return await house.put(to, hold=hold, hits=(hit,), raw=raw, **more)


async def said(house: House, number: str, kind: str) -> list[dict[str, str]]:
    return [dict(event.data) for event in await house.store.events(number) if event.kind == kind]


# --- who -----------------------------------------------------------------------------------------------------------


async def test_people_of_one_name_stay_two_people_with_their_addresses(house: House, page: Page) -> None:
    await page.goto(await house.link(await letter(house)))
    rows = page.locator(".people li")
    assert await rows.count() == 2
    for row, address in zip(await rows.all(), (PAT, OTHER_PAT), strict=True):
        await expect(row).to_contain_text(f"Pat Poe {address}")
        await expect(row).to_contain_text("somebody else here has the same name")
    await expect(page.locator("main")).to_contain_text("From Ann Archer ann@corp.example")


async def test_whom_the_connector_delivers_to_itself_is_named_as_out_of_reach(house: House, page: Page) -> None:
    number = await letter(house, inside=("lee@corp.example", PAT))
    await page.goto(await house.link(number))
    named = page.locator("#inside li")
    assert await named.count() == 1, "who came with a later fork did pass"
    await expect(named).to_contain_text("lee@corp.example")
    await expect(named).to_contain_text("already delivered inside; can't be stopped here")


async def test_who_was_written_to_before_is_no_first_contact(house: House, page: Page) -> None:
    sent = await house.put([waiting(PAT, house.clock, held=False, due_at=house.clock.now())])
    await house.leave(sent)
    await page.goto(await house.link(await house.held()))
    first = page.locator(".people li", has_text="the first mail to this address")
    await expect(first).to_have_count(1)
    await expect(first).to_contain_text(HIDDEN)


async def test_a_file_is_told_with_kind_and_size(house: House, page: Page) -> None:
    await page.goto(await house.link(await house.held()))
    await expect(page.locator("section", has_text="Attachments")).to_contain_text("quote.pdf PDF, 47 KB")


# --- acting --------------------------------------------------------------------------------------------------------


async def test_waiting_longer_is_chosen_by_hand_and_moves_the_end(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    await unfold(page, "extend")
    assert await page.locator("#extend input[type=radio]").count() == 2  # four hours are less than what is left
    await page.locator("#extend").evaluate("form => form.noValidate = true")
    await press(page, "extend")
    await expect(page.get_by_role("alert")).to_contain_text("Choose how long")
    await unfold(page, "extend")
    await tick(page, "extend", "24")
    await press(page, "extend")
    await expect(page.locator(".fact")).to_contain_text("on Tue 24 Nov at 10:00 CET")
    (hold,) = (await house.mail(number)).open_holds
    assert hold.expires_at == house.clock.now() + timedelta(hours=24)


async def test_to_bcc_hides_one_from_the_others_and_still_sends_to_them(house: House, page: Page) -> None:
    raw = make_message(to=f"{PAT}, {BOSS}")
    number = await house.put(
        [waiting(PAT, house.clock, held=True), waiting(BOSS, house.clock, held=True)],
        hold=Hold("unexpected-cc", ""), raw=raw,
    )  # fmt: skip
    await page.goto(await house.link(number))
    await unfold(page, "hide")
    await tick(page, "hide", PAT)
    await press(page, "hide")
    await expect(page.locator(".people li", has_text=PAT)).to_contain_text("Bcc: the others don't see it")
    await expect(page.locator("main")).to_contain_text("Moved to Bcc, so that the others do not see them: pat@")
    mail = await house.mail(number)
    head = apply(raw[: raw.index(b"\r\n\r\n") + 4], mail.edits)
    assert PAT.encode() not in head
    assert BOSS.encode() in head
    assert {d.state for d in mail.deliveries} == {State.HELD}
    assert await page.locator("#hide input[type=checkbox]").count() == 1


async def test_when_all_are_moved_to_bcc_nobody_is_named(house: House, page: Page) -> None:
    number = await house.put([waiting(PAT, house.clock, held=True)], hold=Hold("x", ""), raw=make_message(to=PAT))
    await page.goto(await house.link(number))
    await unfold(page, "hide")
    await tick(page, "hide", PAT)
    await press(page, "hide")
    assert (await house.mail(number)).edits == (Hide(PAT), Prepend("To", "undisclosed-recipients:;"))


async def test_a_signed_mail_says_that_nobody_can_be_moved(house: House, page: Page) -> None:
    signed = b"DKIM-Signature: v=1; h=from:to:cc; b=x\r\n" + make_message(to=PAT)
    number = await house.put([waiting(PAT, house.clock, held=True)], hold=Hold("x", ""), raw=signed)
    await page.goto(await house.link(number))
    await unfold(page, "hide")
    await tick(page, "hide", PAT)
    await press(page, "hide")
    await expect(page.get_by_role("alert")).to_contain_text("signed by its mail program")
    assert (await house.mail(number)).edits == ()


async def test_why_it_should_go_is_kept_with_the_decision_and_shown_to_the_approver(house: House, page: Page) -> None:
    number = await house.put(
        [waiting(PAT, house.clock, held=True)],
        hold=Hold("no-contact", "", approvers=(LEX,), requires=Requires.CODE, expires_at=house.clock.now()),
    )
    await page.goto(await house.link(number))
    await unfold(page, "ask")
    await page.locator("#ask textarea").fill("Agreed with legal.\nSee the <b>minutes</b>.")
    await tick(page, "ask", LEX)
    await press(page, "ask")
    (notice,) = [n.notice for claim in await house.notices() for n in claim.notices]
    assert (notice.kind, notice.person, notice.power) == (NoticeKind.APPROVAL, LEX, Power.APPROVER)
    assert notice.data["said"].startswith("Agreed with legal.")
    await page.goto(await house.link(number, LEX, Power.APPROVER))
    await expect(page.locator("blockquote")).to_have_text("Agreed with legal.\nSee the <b>minutes</b>.")
    await tick(page, "send", PAT)
    await page.locator("#send textarea").fill("It is the order's own lawyer.")
    await press(page, "send")
    await page.locator("input[name=code]").fill(await house.code())
    await press(page, "send")
    assert await house.let_go(number)
    (approved,) = await said(house, number, "hold.approved")
    assert approved["said"] == "It is the order's own lawyer."


async def test_asking_again_within_the_hour_is_refused(house: House, page: Page) -> None:
    number = await house.for_approval()
    for alert in ("", "less than an hour ago"):
        await page.goto(await house.link(number))
        await unfold(page, "ask")
        await page.locator("#ask textarea").fill("Please.")
        await tick(page, "ask", LEX)
        await press(page, "ask")
        await expect(page.get_by_role("alert")).to_have_count(int(bool(alert)))
    assert len(await said(house, number, "approval.asked")) == 1


async def test_a_wrong_rule_is_reported_once_a_person(house: House, page: Page) -> None:
    number = await house.held()
    for _ in range(2):
        await page.goto(await house.link(number))
        await unfold(page, "report")
        await tick(page, "report", "unexpected-cc")
        await page.locator("#report textarea").fill("Pat is on the team.")
        await press(page, "report")
        assert await fact(page) == "Held: not sent yet"
    (vote,) = await said(house, number, "rule.reported")
    assert (vote["rule"], vote["why"]) == ("unexpected-cc", "Pat is on the team.")


async def test_what_is_said_has_a_limit(house: House, page: Page) -> None:
    number = await house.held()
    await page.goto(await house.link(number))
    await tick(page, "send", PAT, HIDDEN)
    await page.locator("#send textarea").evaluate(
        "box => { box.removeAttribute('maxlength'); box.value = 'x'.repeat(501) }"
    )
    await press(page, "send")
    await expect(page.get_by_role("alert")).to_contain_text("at most 500 characters")
    assert not await house.let_go(number)


# --- reading -------------------------------------------------------------------------------------------------------


async def prove(house: House, page: Page) -> None:
    """Follow "Read the mail" and type the mailed code."""
    await click(page, page.get_by_role("link", name="Read the mail"))
    await page.get_by_role("checkbox").check()
    await click(page, page.get_by_role("button", name="Mail me a code"))
    await page.locator("input[name=code]").fill(await house.code())
    await click(page, page.get_by_role("button", name="Sign in"))


async def test_the_link_alone_shows_no_word_of_the_text(house: House, page: Page) -> None:
    link = await house.link(await letter(house))
    await page.goto(f"{link}/text")
    assert "price" not in await page.content()
    for path in ("html", "file/0"):
        answer = await page.goto(f"{link}/{path}")
        assert answer is not None
        assert answer.status == 404
    assert await house.notices() == []


async def test_with_a_mailed_code_the_text_is_read_with_the_matched_words_marked(house: House, page: Page) -> None:
    number = await letter(house)
    await page.goto(await house.link(number))
    await prove(house, page)
    await expect(page.locator("mark")).to_have_text("Strictly\nConfidential")
    await expect(page.locator(".text").first).to_contain_text("<b>today</b>")
    assert len(await said(house, number, "message.read")) == 1
    await click(page, page.get_by_role("link", name="Back to the mail"))
    assert await fact(page) == "Held: not sent yet"


async def test_being_signed_in_is_proof_and_somebody_else_signed_in_is_not(house: House, page: Page) -> None:
    number = await letter(house)
    await sign_in(house, page)
    await page.goto(f"{house.url}/outbox/{number}/text")
    await expect(page.locator("mark")).to_have_count(1)
    await page.context.clear_cookies()
    await sign_in(house, page, BOSS)
    answer = await page.goto(f"{await house.link(number)}/text")
    assert answer is not None
    assert answer.status == 403
    assert "price" not in await page.content()


async def test_an_assistant_without_a_copy_has_nothing_to_read(house: House, page: Page) -> None:
    link = await house.link(await letter(house), HELPER, Power.ASSISTANT)
    await page.goto(link)
    assert await page.get_by_role("link", name="Read the mail").count() == 0
    answer = await page.goto(f"{link}/text")
    assert answer is not None
    assert answer.status == 404


async def test_the_mails_own_html_runs_nothing_and_loads_nothing(house: House, scripted: Page) -> None:
    visitors: list[object] = []
    elsewhere = await asyncio.start_server(lambda _, writer: visitors.append(writer), "127.0.0.1", 0)
    port = elsewhere.sockets[0].getsockname()[1]
    number = await letter(house, LETTER.replace(b"127.0.0.1:9", f"127.0.0.1:{port}".encode()))
    await sign_in(house, scripted)
    await scripted.goto(f"{house.url}/outbox/{number}/text")
    await scripted.get_by_text("As its sender laid it out").click()
    frame = scripted.frame_locator("iframe")
    await expect(frame.locator("#letter")).to_have_text("The price is strictly confidential today.")
    await expect(frame.locator("img")).to_have_count(1)
    await scripted.wait_for_load_state("networkidle")
    elsewhere.close()
    assert visitors == []


async def test_a_file_comes_as_a_download_under_a_harmless_name(house: House, page: Page) -> None:
    number = await letter(house)
    await sign_in(house, page)
    await page.goto(f"{house.url}/outbox/{number}/text")
    async with page.expect_download() as waited:
        await page.get_by_role("link", name="page.html").click()
    download = await waited.value
    assert download.suggested_filename == "page.html"


# --- several at once -----------------------------------------------------------------------------------------------


async def test_two_people_at_once_one_wins_and_the_other_hears_the_truth(
    house: House, page: Page, scripted: Page
) -> None:
    number = await house.for_approval()
    await page.goto(await house.link(number, LEX, Power.APPROVER))
    await scripted.goto(await house.link(number))
    await unfold(scripted, "cancel")
    await tick(scripted, "cancel", number)
    await press(scripted, "cancel")
    assert await fact(scripted) == "Cancelled at 10:00:00"
    await tick(page, "send", PAT)
    await press(page, "send")
    assert await fact(page) == "Cancelled at 10:00:00"
    assert set((await house.states(number)).values()) == {State.CANCELLED}


async def test_a_page_follows_its_mail_by_itself(house: House, scripted: Page) -> None:
    number = await house.delayed()
    await scripted.goto(await house.link(number))
    await expect(scripted.locator(".clock")).to_have_text(re.compile(r"4:5\d"))
    view = await house.desk.own(ANN, number)
    assert view is not None
    await house.desk.stop(view)
    await following(house)
    await expect(scripted.locator("h1")).to_have_text("Held: not sent yet")
    await expect(scripted.get_by_role("button", name="Stop it")).to_have_count(0)


async def test_whoever_is_ticking_keeps_the_page_and_is_told(house: House, scripted: Page) -> None:
    number = await house.held()
    await scripted.goto(await house.link(number))
    await tick(scripted, "send", PAT)
    view = await house.desk.own(ANN, number)
    assert view is not None
    await house.desk.cancel(view, [number], view.seen)
    await following(house)
    await expect(scripted.locator("h1")).to_have_text("Cancelled at 10:00:00")
    await expect(scripted.locator("#changed")).to_be_visible()
    await expect(scripted.locator(f"#send input[value='{PAT}']")).to_be_checked()
    await click(scripted, scripted.get_by_role("link", name="Look again"))
    assert await scripted.locator("#send").count() == 0


async def following(house: House) -> None:
    """Time passes, until the open page has looked."""
    await eventually(lambda: any(not waiter.done() for _, _, waiter in house.clock._sleepers))
    await house.clock.advance(3)
