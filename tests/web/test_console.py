"""The console: who may open it, finding mail, one mail, and doing something to many."""

import re
from typing import Any

import httpx
import pytest

from mailguard.people import Directory, Organization, People
from mailguard.records import Action, Decision, Fate, Hit, Hold, HoldKind, Kept, Mode, RuleHold, State
from mailguard.testing import MONDAY
from mailguard.web.console.figures import disturbed
from tests.web.house import ADA, ANN, BOB, BOSS, HANS, HIDDEN, PAT, House

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sign_in(house: House, client: httpx.AsyncClient, person: str = ADA) -> None:
    await client.get("/outbox")
    await client.post("/outbox/sign-in", data={"address": person})
    answer = await client.post("/outbox/code", data={"address": person, "code": await house.code()})
    assert answer.status_code == 303


def hidden(page: str) -> dict[str, list[str]]:
    """The form's hidden fields."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page):
        found.setdefault(name, []).append(value)
    return found


async def found(client: httpx.AsyncClient, **asked: str) -> set[str]:
    answer = await client.get("/console", params=asked)
    assert answer.status_code == 200, answer.text
    return set(re.findall(r"/console/mail/(\w+)", answer.text))


PAGES = ("/console", "/console/mails.csv", "/console/preview?do=stop", "/console/sending", "/console/mail/{number}")


# --- who may ------------------------------------------------------------------------------------------------


async def test_to_who_has_no_role_there_is_no_console(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    await sign_in(house, client, ANN)
    absent = await client.get("/console/nothing")
    for page in PAGES:
        answer = await client.get(page.format(number=number))
        assert (answer.status_code, answer.text) == (404, absent.text)
    for act in ("/console/do", "/console/sending/pause", f"/console/mail/{number}/read"):
        assert (await client.post(act)).status_code == 404


async def test_who_is_not_signed_in_is_asked_to_sign_in(client: httpx.AsyncClient) -> None:
    for page in PAGES:
        assert "Mail me a code" in (await client.get(page.format(number="4F7K001"))).text


async def test_the_helpdesk_sees_and_stops_and_no_more(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    await sign_in(house, client, HANS)
    page = (await client.get(f"/console/mail/{number}")).text
    assert "Stop …" in page
    assert "Let go …" not in page
    assert "Why do you need to read it?" not in page
    assert (await client.get("/console/preview", params={"do": "stop", "mail": number})).status_code == 200
    for verb in ("send", "cancel", "drop"):
        assert (await client.get("/console/preview", params={"do": verb, "mail": number})).status_code == 404
        assert (await client.post("/console/do", data={"do": verb, "mail": f"{number}.0"})).status_code == 404
    assert (await client.post(f"/console/mail/{number}/read", data={"why": "x"})).status_code == 404
    assert (await client.get("/console/sending")).status_code == 404


async def test_a_page_of_another_site_can_not_post(house: House, client: httpx.AsyncClient) -> None:
    await sign_in(house, client)
    for act in ("/console/do", "/console/sending/pause", "/console/sending/resume"):
        assert (await client.post(act, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403


# --- finding ------------------------------------------------------------------------------------------------


async def test_mail_is_found_by_everything_that_is_known_of_it(house: House, client: httpx.AsyncClient) -> None:
    held = await house.held(subject="Żółta umowa for ACME")
    await house.clock.advance(3600)
    late = await house.delayed(subject="Minutes of Monday")
    await sign_in(house, client)
    assert await found(client) == {held, late}
    assert await found(client, to="pat@client") == {held}
    assert await found(client, to=HIDDEN) == {held}
    assert await found(client, domain="client.example") == {held, late}
    assert await found(client, domain="example") == set()
    assert await found(client, to="client.ex") == {held, late}
    assert await found(client, subject="UMOWA żółta") == {held}
    assert await found(client, subject="minut") == {late}
    assert await found(client, rule="unexpected-cc") == {held}
    assert await found(client, file="quote.pdf", state="held") == {held}
    assert await found(client, state="waiting", **{"from": ANN}) == {held, late}
    assert await found(client, state="queued") == {late}
    assert await found(client, state="sent") == set()
    assert await found(client, newer="30m") == {late}
    assert await found(client, older="30m") == {held}
    assert await found(client, id=held.lower()) == {held}
    assert await found(client, **{"message-id": f"<{late}@corp.example>"}) == {late}
    assert await found(client, **{"message-id": f"{late}@corp.example"}) == {late}
    assert await found(client, to=PAT, state="queued") == set()


@pytest.mark.parametrize("text", ['"', "*", "a OR b", "subject : x", "NEAR(a b)", "\x00", "^", "{", "😀", "-"])
async def test_nothing_that_is_typed_is_an_operator(house: House, client: httpx.AsyncClient, text: str) -> None:
    await house.held()
    await sign_in(house, client)
    for name in ("from", "to", "domain", "subject", "file", "rule", "message-id", "id", "after"):
        assert await found(client, **{name: text}) == set() or not text.strip("\x00")


async def test_what_is_no_time_or_state_is_said(house: House, client: httpx.AsyncClient) -> None:
    await sign_in(house, client)
    answer = await client.get("/console", params={"newer": "yesterday", "state": "lost"})
    assert answer.status_code == 422
    assert "yesterday is no time" in answer.text
    assert "lost is no state" in answer.text


async def test_a_long_list_is_paged_by_the_last_mail_shown(house: House, client: httpx.AsyncClient) -> None:
    numbers = [await house.delayed(subject=f"Number {n}") for n in range(53)]
    await sign_in(house, client)
    first = (await client.get("/console", params={"from": ANN})).text
    link = re.search(r'href="(/console\?[^"]*after=[^"]*)"', first)
    assert link
    second = (await client.get(link[1].replace("&amp;", "&"))).text
    shown = [re.findall(r'value="(4F7K\w+)"', page) for page in (first, second)]
    assert [len(page) for page in shown] == [50, 3]
    assert shown[0] + shown[1] == numbers[::-1]


async def test_a_cell_of_the_csv_is_no_formula_and_a_subject_no_markup(house: House, client: httpx.AsyncClient) -> None:
    await house.held(subject="=HYPERLINK(1)")
    await house.held(subject="<script>alert(1)</script>")
    await sign_in(house, client)
    answer = await client.get("/console/mails.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert ",'=HYPERLINK(1)," in answer.text
    assert "&lt;script&gt;alert(1)" in (await client.get("/console")).text


# --- one mail -----------------------------------------------------------------------------------------------


async def test_a_mails_page_says_who_gets_it_why_it_waits_and_what_happened(
    house: House, client: httpx.AsyncClient
) -> None:
    number = await house.held()
    await sign_in(house, client)
    page = (await client.get(f"/console/mail/{number}")).text
    for said in ("Held: not sent yet", PAT, BOSS, HIDDEN, "unexpected-cc", "smtp.accepted", "waits for its sender"):
        assert said in page
    nothing = await client.get("/console/mail/NOTHING")
    assert (nothing.status_code, "There is no mail NOTHING" in nothing.text) == (404, True)
    assert 'href="/console"' in nothing.text, "a way on"


async def test_who_may_not_read_is_not_told_the_words_a_rule_matched(house: House, client: httpx.AsyncClient) -> None:
    why = "“Projekt Orion” in the text, going to client.example"
    hit = Hit("confidential-outside", Mode.ENFORCE, Action.HOLD, why, evidence=(("text", "Projekt Orion"),))
    number = await house.put((house.copy(PAT),), hold=Hold("confidential-outside", ""), hits=(hit,), why=why)
    await sign_in(house, client, HANS)
    page = (await client.get(f"/console/mail/{number}")).text
    assert "“•••” in the text, going to client.example" in page
    assert "Orion" not in page
    await sign_in(house, client, ADA)
    assert "Projekt Orion" in (await client.get(f"/console/mail/{number}")).text


async def test_reading_needs_a_reason_and_leaves_a_record(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    await sign_in(house, client)
    assert (await client.get(f"/console/mail/{number}/read")).status_code == 303
    refused = await client.post(f"/console/mail/{number}/read", data={"why": " "})
    assert refused.status_code == 422
    assert "message.read" not in [event.kind for event in await house.store.events(number)]
    page = await client.post(f"/console/mail/{number}/read", data={"why": "asked by ann"})
    assert page.status_code == 200
    assert "here is the quote." in page.text
    read = [event for event in await house.store.events(number) if event.kind == "message.read"]
    assert [(event.actor, event.data["why"]) for event in read] == [(f"{ADA} (console)", "asked by ann")]


# --- doing something to many --------------------------------------------------------------------------------


async def preview(client: httpx.AsyncClient, *mails: str, **asked: str) -> tuple[str, dict[str, list[str]]]:
    answer = await client.get("/console/preview", params=[*asked.items(), *(("mail", mail) for mail in mails)])
    assert answer.status_code == 200, answer.text
    return answer.text, hidden(answer.text)


async def test_a_preview_counts_and_changes_nothing_and_the_tick_does_it(
    house: House, client: httpx.AsyncClient
) -> None:
    mails = [await house.delayed(), await house.delayed()]
    await sign_in(house, client)
    page, form = await preview(client, *mails, do="stop")
    assert "Stop 2 mails?" in page
    assert await house.states(mails[0]) == {BOB: State.QUEUED, BOSS: State.QUEUED}
    unticked = await client.post("/console/do", data=form)
    assert unticked.status_code == 422
    done = await client.post("/console/do", data=form | {"confirm": "stop 2"})
    assert "Done with 2 mails" in done.text
    for number in mails:
        assert [hold.kind for hold in (await house.mail(number)).open_holds] == [HoldKind.STOPPED]
        assert f"{ADA} (console)" in [event.actor for event in await house.store.events(number)]


async def test_a_sweep_takes_all_that_waits_of_a_search_and_nothing_else(
    house: House, client: httpx.AsyncClient
) -> None:
    leak, other, gone = (
        await house.delayed(subject="Payroll"),
        await house.delayed(),
        await house.held(subject="Payroll"),
    )
    await sign_in(house, client)
    _, form = await preview(client, gone, do="cancel")
    await client.post("/console/do", data=form | {"confirm": "cancel 1"})
    page, form = await preview(client, do="cancel", all="1", subject="payroll")
    assert "Cancel 1 mail?" in page
    await client.post("/console/do", data=form | {"confirm": "cancel 1"})
    assert set((await house.states(leak)).values()) == {State.CANCELLED}
    assert State.CANCELLED not in (await house.states(other)).values()


async def test_one_address_is_taken_off_and_the_others_go_on(house: House, client: httpx.AsyncClient) -> None:
    number = await house.delayed()
    await sign_in(house, client)
    page, form = await preview(client, number, do="drop", recipient="BOB@client.example")
    assert "off 1 mail?" in page
    await client.post("/console/do", data=form | {"confirm": "drop 1"})
    assert await house.states(number) == {BOB: State.CANCELLED, BOSS: State.QUEUED}


async def test_what_changed_since_the_preview_is_left_alone(house: House, client: httpx.AsyncClient) -> None:
    number = await house.held()
    await sign_in(house, client)
    _, form = await preview(client, number, do="send")
    view = await house.desk.own(ANN, number)
    assert view
    await house.desk.drop(view, [PAT], view.seen)
    done = await client.post("/console/do", data=form | {"confirm": "send 1"})
    assert "changed since you looked" in done.text
    assert not await house.let_go(number)


async def test_a_stop_between_the_look_and_the_press_of_the_same_moment_stands(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that comes after the mail was read once more: the sending itself compares."""
    number = await house.delayed()
    await sign_in(house, client)
    _, form = await preview(client, number, do="send")
    send_now = house.store.send_now

    async def after_a_stop(*args: Any, **rest: Any) -> Decision:
        view = await house.desk.own(ANN, number)
        assert view
        await house.desk.stop(view)
        return await send_now(*args, **rest)

    monkeypatch.setattr(house.store, "send_now", after_a_stop)
    done = await client.post("/console/do", data=form | {"confirm": "send 1"})
    assert "changed since you looked" in done.text
    assert not await house.let_go(number)


@pytest.mark.parametrize("changed", [{"do": "send"}, {"recipient": PAT}, {"mail": ["4F7K002.0"]}, {"seen": "é.x"}])
async def test_a_form_that_was_altered_does_nothing(
    house: House, client: httpx.AsyncClient, changed: dict[str, str | list[str]]
) -> None:
    number = await house.held()
    await sign_in(house, client)
    _, form = await preview(client, number, do="stop")
    answer = await client.post("/console/do", data={**form, "confirm": f"{changed.get('do', 'stop')} 1", **changed})
    assert answer.status_code == 422
    assert [hold.kind for hold in (await house.mail(number)).open_holds] == [HoldKind.RULE]


async def test_an_approvers_hold_is_not_an_administrators_to_resolve(house: House, client: httpx.AsyncClient) -> None:
    number = await house.for_approval()
    await sign_in(house, client)
    _, form = await preview(client, number, do="send")
    await client.post("/console/do", data=form | {"confirm": "send 1"})
    assert [hold.rule for hold in (await house.mail(number)).open_holds] == ["no-contact"]


async def test_sending_is_paused_and_goes_on_with_a_reason_and_a_tick(house: House, client: httpx.AsyncClient) -> None:
    number = await house.delayed()
    await sign_in(house, client)
    for missing in ({"why": "leak"}, {"confirm": "pause"}):
        assert (await client.post("/console/sending/pause", data=missing)).status_code == 422
    await client.post("/console/sending/pause", data={"why": "leak", "confirm": "pause"})
    assert house.store.paused == f"{ADA}: leak"
    await house.clock.advance(600)
    assert not await house.claim()
    assert (await client.post("/console/sending/resume")).status_code == 422
    await client.post("/console/sending/resume", data={"confirm": "resume"})
    assert house.store.paused == ""
    assert [claim.mail.queue_id for claim in await house.claim()] == [number]


# --- rules, people, health -----------------------------------------------------------------------------------


DRAFT = """version: 1
rules:
  - id: nobody-writes-to-clients
    when: {recipients: {any: {domain: client.example}}}
    then: [{hold: {until: sender_confirms}}]
"""


async def test_rules_are_shown_with_what_became_of_their_holds(house: House, client: httpx.AsyncClient) -> None:
    hold = Hold("external-delay", "")
    for _ in range(3):
        await house.put((house.copy(PAT),), hold=hold, rule="external-delay", why="outside")
    for queue_id in ("4F7K001", "4F7K002"):
        view = await house.desk.own(ANN, queue_id)
        assert view
        await house.desk.cancel(view, [queue_id], view.seen)
    await sign_in(house, client)
    page = (await client.get("/console/rules")).text
    assert "100% (34%–100%)" in page
    assert "2 × changed what left" in page
    assert "1 × still waits" in page
    assert ANN not in page.replace(f">{ANN}<", "")
    other = (await client.get("/console/rules", params={"rule": "no-such-rule"})).text
    assert "2 × changed what left" not in other


@pytest.mark.parametrize("how", ["text", "file"])
async def test_a_draft_is_tried_on_past_mail_and_changes_nothing(
    house: House, client: httpx.AsyncClient, how: str
) -> None:
    number = await house.put((house.copy(PAT, held=False),), kept=Kept(to=(PAT,)))
    await house.clock.advance(60)
    await sign_in(house, client)
    form = {"since": "7d", "alone": "1"}
    if how == "file":
        answer = await client.post("/console/rules/draft", data=form, files={"file": ("draft.yaml", DRAFT.encode())})
    else:
        answer = await client.post("/console/rules/draft", data=form | {"text": DRAFT})
    assert "1 mail was tried. 1 verdict changes." in answer.text
    assert number in answer.text
    assert set((await house.states(number)).values()) == {State.QUEUED}


@pytest.mark.parametrize("text", ["", "rules: [", "version: 1\nrules: [{id: x, when: {nothing: 1}, then: []}]", "\x00"])
async def test_a_draft_that_is_wrong_is_told_where(house: House, client: httpx.AsyncClient, text: str) -> None:
    await sign_in(house, client)
    answer = await client.post("/console/rules/draft", data={"text": text, "since": "30d", "alone": "1"})
    assert answer.status_code == 422
    assert "error[MG" in answer.text
    assert f">{text}</textarea>" in answer.text, "to be mended where it is read"
    assert '<option value="30d" selected>' in answer.text


async def test_an_address_is_shown_as_rules_see_it(house: House, client: httpx.AsyncClient) -> None:
    await sign_in(house, client)
    assert "admin" in (await client.get("/console/people", params={"address": ADA})).text
    assert "outside the company" in (await client.get("/console/people", params={"address": PAT})).text
    assert "That is no address." in (await client.get("/console/people", params={"address": "nobody"})).text


async def test_health_says_what_waits_and_that_sending_is_paused(house: House, client: httpx.AsyncClient) -> None:
    await house.held()
    await sign_in(house, client)
    assert "Look:" not in (await client.get("/console/health")).text
    await client.post("/console/sending/pause", data={"why": "leak", "confirm": "pause"})
    page = (await client.get("/console/health")).text
    assert f"{ADA}: leak" in page
    assert re.search(r'<td class="number"[^>]*>3</td>', page)


async def test_groups_are_shown_only_when_nobody_can_be_told_from_them() -> None:
    ours = [f"p{n}@corp.example" for n in range(12)]
    groups = {"all": ours, "sales": ours[:6], "sales and one": ours[:7], "board": ours[:4]}
    people = People(Organization(name="Corp", domains=("corp.example",)), Directory(groups=groups))
    holds = [RuleHold("r", MONDAY, Fate.OPEN, ours[0])] * 6
    assert disturbed(holds, people, 5) == [("sales and one", 7, 6 / 7), ("all", 12, 0.5)]
    assert len(disturbed(holds, people, 1)) == 4
