"""The pages as a program meets them: every status, every header, and what is never said."""

import asyncio
import json
import re
from urllib.parse import urlencode

import httpx
import pytest

from mailguard.records import Action, Hit, Mode, Power, State
from mailguard.rules.echoes import WAITING
from mailguard.web.forms import BODY_LIMIT
from tests.web.house import ANN, BOB, BOSS, HELPER, HIDDEN, LEX, PAT, House, waiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUR_SCRIPT = '<script src="/static/mailguard.js" defer></script>'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def seen(client: httpx.AsyncClient, link: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', (await client.get(link)).text)
    assert found
    return found[1]


async def post(client: httpx.AsyncClient, link: str, verb: str, **fields: object) -> httpx.Response:
    return await client.post(f"{link}/{verb}", content=urlencode(fields, doseq=True), headers=FORM)


async def held(house: House) -> bool:
    return {s for mail in await house.desk.outbox(ANN) for s in (await house.states(mail.queue_id)).values()} == {
        State.HELD
    }


async def test_looking_never_acts(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    link = await house.link(number)
    before = await house.mail(number)
    for method in ("GET", "HEAD"):
        for path in ("", "/send", "/stop", "/cancel", "/drop", f"?confirm={number}&seen=x"):
            answer = await client.request(method, link + path)
            assert answer.status_code in (200, 303)
    assert await house.mail(number) == before
    assert house.bell.rung == 0


async def test_opening_an_actions_address_leads_back_to_the_page(house: House, client: httpx.AsyncClient) -> None:
    link = await house.link(await house.held())
    answer = await client.get(f"{link}/send")
    assert (answer.status_code, house.url + answer.headers["location"]) == (303, link)


async def test_done_is_a_303_to_the_page(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    link = await house.link(number)
    answer = await post(client, link, "send", confirm=[PAT, HIDDEN], seen=await seen(client, link))
    assert (answer.status_code, house.url + answer.headers["location"]) == (303, link)
    assert await house.let_go(number)


async def test_addresses_are_compared_as_addresses(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    link = await house.link(number)
    ticks = [PAT.upper(), "silent@PARTNER.example"]
    assert (await post(client, link, "send", confirm=ticks, seen=await seen(client, link))).status_code == 303


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("send", {}),
        ("send", {"confirm": [PAT]}),
        ("send", {"confirm": [PAT, HIDDEN], "seen": ""}),
        ("send", {"confirm": [PAT, HIDDEN], "seen": "a.b"}),
        ("send", {"confirm": [PAT, HIDDEN], "seen": "ż\udc00"}),
        ("send", {"confirm": "on"}),
        ("drop", {}),
        ("drop", {"recipient": "nobody@else.example"}),
        ("drop", {"recipient": ""}),
        ("cancel", {}),
        ("cancel", {"confirm": "4F7K999"}),
        ("cancel", {"confirm": PAT}),
    ],
)
async def test_a_tick_or_nonce_missing_is_a_422_with_the_page(
    house: House, client: httpx.AsyncClient, verb: str, fields: dict[str, object]
) -> None:
    link = await house.link(await house.held())
    fields = {"seen": await seen(client, link), **fields}
    answer = await client.post(
        f"{link}/{verb}", content=urlencode(fields, doseq=True, errors="surrogatepass"), headers=FORM
    )
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Held: not sent yet" in answer.text
    assert " checked" not in answer.text
    assert await held(house)


async def test_a_nonce_of_another_mail_or_another_person_is_refused(house: House, client: httpx.AsyncClient) -> None:
    link, other = await house.link(await house.held()), await house.link(await house.held())
    answer = await post(client, link, "send", confirm=[PAT, HIDDEN], seen=await seen(client, other))
    assert answer.status_code == 422
    assert await held(house)


@pytest.mark.parametrize(("person", "power"), [(LEX, Power.APPROVER), (HELPER, Power.ASSISTANT)])
@pytest.mark.parametrize("verb", ["cancel", "drop"])
async def test_a_power_not_held_is_a_403(
    house: House, client: httpx.AsyncClient, person: str, power: Power, verb: str
) -> None:
    number = await house.to_boss()
    link = await house.link(number, person, power)
    answer = await post(client, link, verb, confirm=number, recipient=BOSS, seen="x")
    assert answer.status_code == 403
    assert State.CANCELLED not in (await house.states(number)).values()


async def test_the_assistant_can_not_send_before_the_time(house: House, client: httpx.AsyncClient) -> None:
    number = await house.to_boss()
    link = await house.link(number, HELPER, Power.ASSISTANT)
    assert (await post(client, link, "send", confirm=[BOSS, number], seen="x")).status_code == 403
    assert not await house.let_go(number)


async def test_the_sender_can_not_release_what_only_an_approver_may(house: House, client: httpx.AsyncClient) -> None:
    link = await house.link(await house.for_approval())
    assert (await post(client, link, "send", confirm=[PAT], seen=await seen(client, link))).status_code == 403
    assert "leaves when approved by: lex@corp.example" in (await client.get(link)).text
    assert await held(house)


async def test_what_is_done_already_or_too_late_leads_to_the_page_which_says_so(
    house: House, client: httpx.AsyncClient
) -> None:
    number = await house.delayed()
    link = await house.link(number)
    assert (await post(client, link, "stop")).status_code == 303
    assert (await post(client, link, "stop")).status_code == 303
    nonce = await seen(client, link)
    assert (await post(client, link, "send", confirm=[BOB], seen=nonce)).status_code == 303
    await house.leave(number)
    for verb in ("send", "stop", "drop", "cancel"):
        answer = await post(client, link, verb, confirm=[BOB, number], recipient=BOB, seen=nonce)
        assert answer.status_code == 303
        page = await client.get(answer.headers["location"])
        assert "Left at 10:00:00" in page.text
        assert "Too late to stop or change it" in page.text


async def test_an_approval_given_twice_is_told_as_given(house: House, client: httpx.AsyncClient) -> None:
    number = await house.for_approval()
    link = await house.link(number, LEX, Power.APPROVER)
    fields = {"confirm": [PAT], "seen": await seen(client, link)}
    assert (await post(client, link, "send", **fields)).status_code == 422
    code = await house.code()
    assert (await post(client, link, "send", code=code, **fields)).status_code == 303
    assert (await post(client, link, "send", code=code, **fields)).status_code == 303


async def test_dropping_everybody_is_cancelling(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    link = await house.link(number)
    await post(client, link, "drop", recipient=[PAT, BOSS, HIDDEN], seen=await seen(client, link))
    page = await client.get(link)
    assert "Cancelled at 10:00:00" in page.text
    assert "came back to you" in page.text


async def test_foreign_absent_and_malformed_are_the_same_404(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    answers = [
        await client.get(path)
        for path in ("/m/none", f"/m/{number}", "/m/" + "x" * 43, "/m/%00", "/m/..%2f", "/nothing", "/outbox/none")
    ]
    answers += [await post(client, "/m/none", verb) for verb in ("stop", "send", "drop", "cancel", "explode")]
    answers += [await post(client, f"/outbox/{number}", "stop"), await client.get(f"/outbox/{number}")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}


async def test_every_answer_is_guarded(house: House, client: httpx.AsyncClient) -> None:
    link = await house.link(await house.held())
    for answer in (
        await client.get(link),
        await client.get("/m/none"),
        await post(client, link, "send"),
        await client.get("/outbox"),
        await client.get("/livez"),
        await client.request("DELETE", link),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; ")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "server" not in answer.headers


async def test_pages_need_no_script_and_no_inline_style(house: House, client: httpx.AsyncClient) -> None:
    for link in (await house.link(await house.held()), await house.link(await house.delayed()), "/outbox", "/m/none"):
        page = (await client.get(link)).text
        page = page.replace(OUR_SCRIPT, "", 1)  # which they do without: most tests of tests/web run without JavaScript
        assert not re.search(r"<script|<style| style=| on\w+=|javascript:|https?://", page)
        assert "<title>mailguard</title>" in page


async def test_what_others_wrote_is_only_text(house: House, client: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script>\r\n\x1b[31m\u202e"
    number = await house.put([house.copy(PAT, held=False)], why='"><img src=x>', subject=evil)
    page = (await client.get(await house.link(number))).text
    assert "<script" not in page.replace(OUR_SCRIPT, "", 1)
    assert "<img src=x" not in page
    assert not set("\x1b\u202e") & set(page)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    ],
)
async def test_posts_from_other_sites_are_refused(
    house: House, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    number = await house.delayed()
    link = await house.link(number)
    answer = await client.post(f"{link}/stop", headers=headers)
    assert answer.status_code == 403
    assert State.QUEUED in (await house.states(number)).values()
    for path in ("/outbox/sign-in", "/outbox/code", "/outbox/sign-out"):
        assert (await client.post(path, headers=headers)).status_code == 403


async def test_the_host_header_makes_no_link(house: House, client: httpx.AsyncClient) -> None:
    link = await house.link(await house.delayed())
    page = await client.get(link, headers={"Host": "evil.example"})
    moved = await client.post(f"{link}/stop", headers={"Host": "evil.example"})
    slash = await client.get(f"{link}/", headers={"Host": "evil.example"})
    assert "evil.example" not in page.text + moved.headers["location"] + str(slash.headers)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (BODY_LIMIT + 1), FORM, 413),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"seen=\xff", FORM, 400),
        (b"&".join([b"confirm=a"] * 3000), FORM, 400),
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_refused(
    house: House, client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    link = await house.link(await house.held())
    answer = await client.post(f"{link}/send", content=body, headers=headers)
    assert answer.status_code == status
    assert await held(house)


async def test_a_thousand_recipients_fit_into_the_form(house: House, client: httpx.AsyncClient) -> None:
    many = [f"{'x' * 60}{n:04}@client.example" for n in range(1000)]
    number = await house.put([house.copy(address, held=False) for address in many])
    link = await house.link(number)
    answer = await post(client, link, "send", confirm=many, seen=await seen(client, link))
    assert answer.status_code == 303
    assert await house.let_go(number)


async def test_the_assistant_is_never_shown_bcc(house: House, client: httpx.AsyncClient) -> None:
    number = await house.to_boss()
    link = await house.link(number, HELPER, Power.ASSISTANT)
    pages = [await client.get(link), await post(client, link, "send"), await post(client, link, "cancel")]
    await post(client, link, "stop")
    pages.append(await client.get(link))
    assert all(HIDDEN not in page.text and "partner.example" not in page.text for page in pages)


async def test_an_assistant_without_a_copy_sees_no_content(house: House, client: httpx.AsyncClient) -> None:
    number = await house.put([house.copy(BOSS, held=False), house.copy(BOB, held=False)], why="“poufne” in the text")
    page = (await client.get(await house.link(number, HELPER, Power.ASSISTANT))).text
    assert BOSS in page
    assert "Quote for ACME" in page
    for content in ("quote.pdf", "poufne", BOB):
        assert content not in page


async def test_liveness_and_readiness(house: House, client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).text == "ok\n"
    assert (await client.get("/readyz")).status_code == 200


async def test_the_stylesheet_and_icon_are_kept_by_browsers(house: House, client: httpx.AsyncClient) -> None:
    for name, kind in (("mailguard.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml")):
        answer = await client.get(f"/static/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["cache-control"] == "public, max-age=3600"
    assert (await client.get("/static/../app.py")).status_code == 404
    assert (await client.get("/static/app.py")).status_code == 404


async def repeated(house: House, *, mode: Mode = Mode.ENFORCE, answers: str = ANN) -> tuple[str, str]:
    """Queue ids of a mail that waits, and of a second one that a rule finds to be nearly the same."""
    first, copies = await house.delayed(), (waiting(BOB, house.clock, held=False),)
    hit = Hit("again", mode, Action.DELAY, "nearly the same", evidence=((WAITING, first),))
    return first, await house.put(copies, hits=(hit,), answers=answers)


async def test_the_earlier_of_two_alike_is_cancelled_by_a_tick_and_nothing_else(
    house: House, client: httpx.AsyncClient
) -> None:
    first, second = await repeated(house)
    link = await house.link(second)
    nonce = await seen(client, link)
    refused: list[dict[str, str]] = [{}, {"confirm": first}, {"confirm": second, "seen": nonce}, {"seen": nonce}]
    for fields in refused:
        assert (await post(client, link, "cancel-earlier", **fields)).status_code == 422
    assert (await client.get(f"{link}/cancel-earlier")).status_code == 303
    assert set((await house.states(first)).values()) == {State.QUEUED}
    assert (await post(client, link, "cancel-earlier", confirm=first, seen=nonce)).status_code == 303
    assert set((await house.states(first)).values()) == {State.CANCELLED}
    assert set((await house.states(second)).values()) == {State.QUEUED}


async def test_only_its_sender_is_offered_to_cancel_their_own_earlier_mail(
    house: House, client: httpx.AsyncClient
) -> None:
    first, second = await repeated(house)
    _, audited = await repeated(house, mode=Mode.AUDIT)
    _, foreign = await repeated(house, answers=LEX)
    links = [
        (await house.link(second, LEX, Power.APPROVER), 403),
        (await house.link(second, HELPER, Power.ASSISTANT), 403),
        (await house.link(audited), 303),
        (await house.link(foreign, LEX), 303),
    ]
    for link, status in links:
        assert "cancel-earlier" not in (await client.get(link)).text
        assert (await post(client, link, "cancel-earlier", confirm=first, seen="x")).status_code == status
    assert set((await house.states(first)).values()) == {State.QUEUED}


async def test_the_stream_tells_the_fact_at_once_and_ends_with_the_server(
    house: House, client: httpx.AsyncClient
) -> None:
    number = await house.held()
    async with client.stream("GET", f"{await house.link(number)}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        told = await anext(line async for line in lines if line.startswith("data: "))
        assert json.loads(told.removeprefix("data: "))["headline"] == "Held: not sent yet"
        stopping = asyncio.create_task(house.server.stop())
        assert [line async for line in lines if line.startswith("data:")] == []
        await stopping


async def test_a_stream_of_nobodys_link_is_not_found_and_head_opens_none(
    house: House, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/m/none/events")).status_code == 404
    assert (await client.head(f"{await house.link(await house.held())}/events")).status_code == 200


async def test_what_the_pulse_says_tells_an_assistant_nothing_of_hidden_copies(
    house: House, client: httpx.AsyncClient
) -> None:
    page = (await client.get(await house.link(await house.to_boss(), HELPER, Power.ASSISTANT))).text
    found = re.search(r'data-pulse="([^"]*)"', page)
    assert found
    assert re.fullmatch(r"[0-9a-f]{16}", found[1])
