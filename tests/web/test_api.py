"""The REST API: the desk's powers and ticks, for programs."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mailguard import tokens
from mailguard.audit import Walk, lines
from mailguard.desk import Programs
from mailguard.records import Actor, Login, Role, State, Token
from mailguard.rules.rule import RuleSet
from mailguard.web.api import Parts
from tests.web import house as building
from tests.web.house import ANN, BOB, LEX, PAT, House

ADMIN = Actor("root uid=0", "cli")
OTHER = "bert@corp.example"


async def _health() -> dict[str, Any]:
    return {
        "ready": True, "paused": "", "rules": "h1", "queue": {state.value: 0 for state in State},
        "notices_undelivered": 0, "listeners": ["127.0.0.1:25"],
    }  # fmt: skip


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    built = await building.build(
        tmp_path, api=lambda desk, store, clock: Parts(Programs(desk, store, clock), store, RuleSet, _health)
    )
    yield built
    await building.stop(built)


class Program:
    """One that has a token."""

    def __init__(self, house: House, token: str = "") -> None:
        self._base, self.token = f"{house.url}/api/v1", token

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(base_url=self._base, headers=headers, trust_env=False) as client:
            return await client.request(method, path, **more)

    async def get(self, path: str, status: int = 200, **asked: Any) -> Any:
        answer = await self.ask("GET", path, params=asked)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def text(self, path: str, **asked: Any) -> str:
        answer = await self.ask("GET", path, params=asked)
        assert answer.status_code == 200
        return answer.text

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.ask("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


async def program(house: House, role: Role, person: str = "", name: str = "", **lasts: float) -> Program:
    secret, now = tokens.new(), house.clock.now()
    lifetime = timedelta(**lasts) if lasts else timedelta(days=1)
    token = Token(name or f"{role}-{person or 'x'}", role, person, str(ADMIN), now, now + lifetime)
    assert await house.store.add_token(token, tokens.digest(secret), by=ADMIN, now=now)
    return Program(house, secret)


async def test_a_sender_sees_their_own_mail_and_no_other(house: House) -> None:
    mine, other = await house.held(), await house.put([building.waiting(PAT, house.clock, held=False)], answers=OTHER)
    ann = await program(house, Role.SENDER, ANN)
    page = await ann.get("/mails")
    assert [mail["queue_id"] for mail in page["mails"]] == [mine]
    assert page["next"] is None
    assert (await ann.get(f"/mails/{mine.lower()}"))["subject"] == building.SUBJECT
    foreign = await ann.get(f"/mails/{other}", 404)
    assert foreign == await ann.get("/mails/NOSUCHMAIL", 404)
    assert await ann.get(f"/mails/{other}/events", 404) == foreign
    assert await ann.post(f"/mails/{other}/stop", 404) == foreign
    assert await house.states(other) == {PAT: State.QUEUED}


async def test_pages_go_on_by_key_and_miss_nothing(house: House) -> None:
    numbers = [await house.delayed() for _ in range(7)]
    auditor = await program(house, Role.AUDITOR)
    seen, after = list[str](), ""
    while True:
        page = await auditor.get("/mails", limit=3, after=after)
        seen += [mail["queue_id"] for mail in page["mails"]]
        if page["next"] is None:
            break
        after = page["next"]
        await house.delayed()  # what comes meanwhile moves no page
    assert seen == numbers[::-1]


async def test_sending_needs_every_tick_and_the_look_that_was_had(house: House) -> None:
    number = await house.held()
    ann = await program(house, Role.SENDER, ANN)
    shown = await ann.get(f"/mails/{number}")
    assert shown["allowed"] == ["cancel", "drop", "send", "stop"]
    refused = await ann.post(f"/mails/{number}/send", 422, seen=shown["seen"], confirm=shown["confirm"][:1])
    assert refused["error"] == "not_confirmed"
    assert (await ann.post(f"/mails/{number}/send", 422, seen="x", confirm=shown["confirm"]))[
        "error"
    ] == "not_confirmed"
    assert not await house.let_go(number)
    done = await ann.post(f"/mails/{number}/send", seen=shown["seen"], confirm=shown["confirm"])
    assert done["ending"] == "done"
    assert await house.let_go(number)
    events = (await ann.get(f"/mails/{number}/events"))["events"]
    (sent,) = [event for event in events if event["event"] == "message.sent_now"]
    assert sent["actor"] == f"{ANN} (token sender-{ANN})"


async def test_drop_and_cancel_are_the_senders_and_the_losers_hear_the_truth(house: House) -> None:
    number = await house.held()
    ann, helper = await program(house, Role.SENDER, ANN), await program(house, Role.HELPDESK)
    shown = await ann.get(f"/mails/{number}")
    assert (await helper.get(f"/mails/{number}"))["allowed"] == ["stop"]
    await helper.post(f"/mails/{number}/cancel", 403, seen=shown["seen"], confirm=[number])
    dropped = await ann.post(f"/mails/{number}/drop", seen=shown["seen"], recipients=[PAT])
    assert dropped["changed"] == 1
    shown = await ann.get(f"/mails/{number}")
    await ann.post(f"/mails/{number}/cancel", 422, seen=shown["seen"])
    await ann.post(f"/mails/{number}/cancel", seen=shown["seen"], confirm=[number])
    assert set((await house.states(number)).values()) == {State.CANCELLED}
    assert (await ann.post(f"/mails/{number}/stop", 409))["ending"] == "too_late"


async def test_an_approver_approves_with_the_code_that_was_mailed(house: House) -> None:
    number, other = await house.for_approval(), await house.held()
    lex = await program(house, Role.APPROVER, LEX)
    assert [mail["queue_id"] for mail in (await lex.get("/mails"))["mails"]] == [number]
    await lex.get(f"/mails/{other}", 404)
    shown = await lex.get(f"/mails/{number}")
    asked = {"seen": shown["seen"], "confirm": shown["confirm"]}
    assert (await lex.post(f"/mails/{number}/send", 422, **asked))["error"] == "code_needed"
    assert (await lex.post(f"/mails/{number}/send", 422, code="000000x", **asked))["error"] == "code_wrong"
    assert (await lex.post(f"/mails/{number}/send", code=await house.code(), **asked))["ending"] == "done"
    assert await house.let_go(number)


async def test_an_admin_acts_for_all_but_not_in_an_approvers_place(house: House) -> None:
    number, asked = await house.delayed(), await house.for_approval()
    admin = await program(house, Role.ADMIN, name="ops")
    shown = await admin.get(f"/mails/{number}")
    assert (await admin.post(f"/mails/{number}/stop"))["ending"] == "done"
    late = await admin.post(f"/mails/{number}/send", 422, seen=shown["seen"], confirm=shown["confirm"])
    assert "changed since" in late["detail"]
    assert "send" not in (await admin.get(f"/mails/{asked}"))["allowed"]


async def test_a_token_that_is_none_opens_nothing_and_ends_at_its_time(house: House) -> None:
    assert (await Program(house).get("/mails", 401))["error"] == "unauthorized"
    assert (await Program(house, "x" * 43).get("/health", 401))["error"] == "unauthorized"
    brief = await program(house, Role.AUDITOR, hours=1)
    await brief.get("/health")
    await house.clock.advance(3600)
    await brief.get("/health", 401)
    revoked = await program(house, Role.AUDITOR, name="gone")
    assert await house.store.revoke_token("gone", by=ADMIN, now=house.clock.now())
    await revoked.get("/health", 401)


async def test_each_role_has_its_own_doors(house: House) -> None:
    editor, sender = await program(house, Role.EDITOR), await program(house, Role.SENDER, BOB)
    await editor.get("/mails", 403)
    assert await editor.get("/rules") == {"hash": "", "rules": []}
    await sender.get("/rules", 403)
    await sender.get("/audit", 403)
    assert set(await sender.get("/health")) == {"ready", "paused", "rules", "queue", "notices_undelivered"}


async def test_guessing_and_flooding_are_slowed_down(house: House) -> None:
    guesser = Program(house, "guess")
    for _ in range(30):
        await guesser.get("/health", 401)
    assert (await guesser.get("/health", 429))["error"] == "too_often"
    known = await program(house, Role.AUDITOR)
    headers = {"Authorization": f"Bearer {known.token}"}
    async with httpx.AsyncClient(base_url=f"{house.url}/api/v1", headers=headers, trust_env=False) as client:
        assert {(await client.get("/health")).status_code for _ in range(600)} == {200}
    await known.get("/health", 429)
    await house.clock.advance(61)
    await known.get("/health")


async def test_the_exported_audit_proves_itself_and_says_who_took_it(house: House) -> None:
    number = await house.held()
    await house.store.seal(house.clock.now())
    auditor = await program(house, Role.AUDITOR, name="revision")
    text = await auditor.text("/audit")
    walk = Walk()
    assert [finding for span in lines.read(text.splitlines()) for finding in walk.see(span)] == []
    assert number in text
    last = json.loads(text.splitlines()[-1])
    assert (last["event"], last["actor"]) == ("audit.exported", "revision (token)")
    assert auditor.token not in text
    assert (await auditor.text("/audit", format="csv")).startswith("id,at,event")
    await auditor.get("/audit", 422, since="yesterday")
    await auditor.get("/audit", 422, since="2026-11-23T09:00:00")


async def test_a_browsers_session_is_good_for_ones_own_mail_from_our_own_pages_only(house: House) -> None:
    number = await house.held()
    cookie = tokens.new()
    await house.store.open_login(tokens.digest(cookie), Login(ANN, house.clock.now() + timedelta(hours=1)))
    headers = {"Cookie": f"mailguard-session={cookie}"}
    async with httpx.AsyncClient(base_url=f"{house.url}/api/v1", headers=headers, trust_env=False) as browser:
        assert [mail["queue_id"] for mail in (await browser.get("/mails")).json()["mails"]] == [number]
        assert (await browser.get("/audit")).status_code == 403
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await browser.post(f"/mails/{number}/stop", json={}, headers=foreign)).status_code == 403
        assert (await browser.post(f"/mails/{number}/stop", content="{}")).status_code == 415
        assert (await browser.post(f"/mails/{number}/stop", json={})).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b'{"seen": "\\ud800"}', 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
        (b'{"seen": 1}', 422, "invalid"),
        (b'{"seen": "x", "more": 1}', 422, "invalid"),
        (b'{"seen": "' + b"x" * 600_000 + b'"}', 413, "too_large"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_by_name(
    house: House, body: bytes, status: int, error: str
) -> None:
    number = await house.held()
    ann = await program(house, Role.SENDER, ANN)
    headers = {"Content-Type": "application/json"}
    answer = await ann.ask("POST", f"/mails/{number}/cancel", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
