"""Stricter policy reaches what already waits: orders, logins, quotas. Nothing that is held is let go by it."""

import asyncio
import json
import smtplib
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailguard.config import load as load_config
from mailguard.records import Accepted, Actor, HoldKind, State, Way
from mailguard.smtpd.floor import Commits
from mailguard.smtpd.users import hash_password
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, CEO, DELAY, HOLD, KIM, POSTMASTER, Answer, House, letter
from tests.unit.smtpd.conftest import write_certificate

LEX = "lex@corp.example"
ADMIN = Actor("root uid=0", "cli")
PASSWORD = "correct horse"


def order(address: str = "*@client.example", **more: Any) -> dict[str, Any]:
    return {"no_contact": [{"address": address, "reason": "legal hold", "approver": LEX, **more}]}


def write_people(house: House, **more: Any) -> None:
    path = house.config.path.parent / "people.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **more}), "utf-8")


async def order_is_given(house: House, **more: Any) -> None:
    write_people(house, **order(**more))
    await house.reload()


# --- orders -------------------------------------------------------------------------------------------------------
async def test_a_new_order_holds_what_waits_for_its_approver_and_tells_both(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send([KIM, "mo@rival.example"])
    await order_is_given(house)
    assert await house.states(queue_id) == {KIM: State.HELD, "mo@rival.example": State.QUEUED}
    await house.notice(ANN, "Held: Quote")
    await house.wait(minutes=10)
    assert len(house.arrived("mo@rival.example")) == 1
    assert house.arrived(KIM) == []
    (hold,) = (await house.mail(queue_id)).open_holds
    assert (hold.kind, hold.approvers, hold.reason) == (HoldKind.POLICY, (LEX,), "legal hold")
    assert "legal hold" in (await house.page(await house.link(LEX, "Quote"))).words
    await house.service.store.approve(queue_id, by=ADMIN, person=LEX, now=house.clock.now())
    house.service.scheduler.wake()
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_the_sender_cannot_let_go_what_an_order_holds(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    queue_id = await house.send()
    await order_is_given(house)
    await house.press(await house.link(ANN, "Held: Quote"), "send", confirm=KIM)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.HELD


async def test_reloading_again_adds_nothing_and_a_restart_neither(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    await order_is_given(house)
    await house.reload()
    await house.restart()
    assert len((await house.mail(queue_id)).holds) == 1
    await house.service.store.approve(queue_id, by=ADMIN, person=LEX, now=house.clock.now())
    await house.reload()
    await house.restart()
    await house.quiet()
    assert len(house.arrived(KIM)) == 1


async def test_an_order_that_came_while_the_process_was_down_holds_before_anything_leaves(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    await house.stop()
    write_people(house, **order())
    house.clock.jump(3600)
    await house.restart()
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert house.arrived(KIM) == []


async def test_exceptions_and_the_last_day_are_respected(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    excepted, over = await house.send(sender=CEO), await house.send(["x@rival.example"])
    write_people(house, no_contact=[
        {"address": "*@client.example", "except": [CEO]}, {"address": "*@rival.example", "until": "2026-11-22"},
    ])  # fmt: skip
    await house.reload()
    assert (await house.copy(excepted, KIM)).state is State.QUEUED
    assert (await house.copy(over, "x@rival.example")).state is State.QUEUED


async def test_an_order_without_an_approver_asks_the_fallback_person(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    write_people(house, no_contact=[{"address": KIM}])
    await house.reload()
    (hold,) = (await house.mail(queue_id)).open_holds
    assert hold.approvers == (POSTMASTER,)


async def test_a_lifted_order_leaves_what_it_held(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    queue_id = await house.send()
    await order_is_given(house)
    write_people(house, no_contact=[])
    await house.reload()
    await house.wait(minutes=10)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert await house.service.store.recall("order/*") == {}


# --- logins -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


OpenGuarded = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_guarded(open_house: OpenHouse, tmp_path: Path, hashed: str) -> OpenGuarded:
    """Builds houses where ann and bob log in; keywords are their quota."""
    files = {name: str(path) for name, path in write_certificate(trustme.CA(), tmp_path).items()}
    users = tmp_path / "users.yaml"
    _write_users(users, hashed)

    async def build(**quota: Any) -> House:
        smtp = {
            "tls": files, "users": {"file": str(users)}, "quota": quota,
            "listeners": [{"bind": "127.0.0.1:0", "tls": "starttls", "auth": "required"}],
        }  # fmt: skip
        return await open_house(rules=DELAY, config={"smtp": smtp})

    return build


@pytest.fixture
async def guarded(open_guarded: OpenGuarded) -> House:
    """Three mails an hour."""
    return await open_guarded(mails="3/h")


def _write_users(path: Path, hashed: str, **disabled: bool) -> None:
    users = [
        {
            "name": name,
            "password": hashed,
            "send_as": [f"{name}@corp.example"],
            "disabled": disabled.get(name, False),
        }
        for name in ("ann", "bob")
    ]
    path.write_text(json.dumps({"users": users}), "utf-8")


def client(house: House, name: str = "ann") -> smtplib.SMTP:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = smtplib.SMTP("127.0.0.1", house.service.smtp.ports[0], timeout=30)
    made.starttls(context=context)
    made.ehlo()
    made.login(name, PASSWORD)
    return made


def submit_on(connection: smtplib.SMTP, name: str = "ann", to: str = KIM) -> Answer:
    sender = f"{name}@corp.example"
    for code, text in (connection.mail(sender), connection.rcpt(to)):
        if code != 250:
            connection.rset()
            return Answer(code, text.decode())
    code, text = connection.data(letter(sender, to))
    return Answer(code, text.decode())


async def submit(house: House, name: str = "ann", to: str = KIM) -> Answer:
    def work() -> Answer:
        with client(house, name) as connection:
            return submit_on(connection, name, to)

    return await asyncio.to_thread(work)


async def test_a_disabled_login_is_out_at_once_and_its_waiting_mail_is_held(guarded: House, hashed: str) -> None:
    mine, bobs = (await submit(guarded)).queue_id, (await submit(guarded, "bob")).queue_id
    connection = await asyncio.to_thread(client, guarded)
    assert guarded.config.users_path is not None
    _write_users(guarded.config.users_path, hashed, ann=True)
    await guarded.service.smtp.look_at_users()
    code, text = await asyncio.to_thread(connection.mail, ANN)
    assert (code, text) == (421, b"4.7.0 this login is not valid any more")
    connection.close()
    (hold,) = (await guarded.mail(mine)).open_holds
    assert (hold.rule, hold.approvers) == ("disabled login ann", (POSTMASTER,))
    await guarded.wait(minutes=10)
    assert (await guarded.copy(mine, KIM)).state is State.HELD
    assert (await guarded.copy(bobs, KIM)).state is State.SENT
    await guarded.link(POSTMASTER, "Quote")
    _write_users(guarded.config.users_path, hashed)
    await guarded.service.smtp.look_at_users()
    await guarded.wait(minutes=10)
    assert (await guarded.copy(mine, KIM)).state is State.HELD, "enabling lets nothing go"


async def test_a_login_that_is_not_there_any_more_is_signed_out_of_the_pages(guarded: House, hashed: str) -> None:
    sign_in = guarded.service.desk
    anns = await sign_in.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    bobs = await sign_in.vouched(BOB, Way.PASSWORD, second=True, name="bob")
    assert anns
    assert bobs
    assert guarded.config.users_path is not None
    _write_users(guarded.config.users_path, hashed, ann=True)
    await guarded.service.smtp.look_at_users()
    assert await sign_in.login(anns) is None
    assert await sign_in.login(bobs)


async def test_and_one_that_went_while_nobody_was_there(guarded: House) -> None:
    cookie = await guarded.service.desk.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    assert cookie
    path = guarded.config.users_path
    assert path is not None
    said = json.loads(path.read_text("utf-8"))
    await guarded.stop()
    path.write_text(json.dumps(said | {"users": [one for one in said["users"] if one["name"] != "ann"]}), "utf-8")
    await guarded.restart()
    assert await guarded.service.desk.login(cookie) is None


async def test_where_logins_are_other_ones_after_a_reload_those_who_logged_in_start_anew(guarded: House) -> None:
    connection = await asyncio.to_thread(client, guarded)
    cookie = await guarded.service.desk.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    assert cookie
    said = json.loads(guarded.config.path.read_text("utf-8"))
    said["smtp"]["users"] = {"upstream": "127.0.0.1:1"}
    guarded.config.path.write_text(json.dumps(said), "utf-8")
    await guarded.reload()
    code, text = await asyncio.to_thread(connection.getreply)
    assert (code, text.split()[0]) == (421, b"4.3.2")
    connection.close()
    assert await guarded.service.desk.login(cookie) is None


async def test_and_after_a_restart(guarded: House) -> None:
    sign_in = guarded.service.desk
    anns = await sign_in.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    bobs = await sign_in.vouched(BOB, Way.CODE, second=False)
    assert anns
    assert bobs
    await guarded.restart()  # with the same logins nobody is signed out
    assert await guarded.service.desk.login(anns)
    said = json.loads(guarded.config.path.read_text("utf-8"))
    said["smtp"]["users"] = {"upstream": "127.0.0.1:1"}
    guarded.config.path.write_text(json.dumps(said), "utf-8")
    guarded.config = load_config(guarded.config.path, {})
    await guarded.restart()
    assert await guarded.service.desk.login(anns) is None
    assert await guarded.service.desk.login(bobs)
    again = await guarded.service.desk.vouched(ANN, Way.PASSWORD, second=True, name="ann")
    assert again
    await guarded.restart()
    assert await guarded.service.desk.login(again)


async def test_an_address_that_is_a_machine_s_from_now_on_is_signed_out(open_house: OpenHouse) -> None:
    house = await open_house()
    sign_in = house.service.desk
    cookie = await sign_in.vouched(BOB, Way.CODE, second=False)
    assert cookie
    assert await sign_in.login(cookie)
    write_people(house, people=[{"address": BOB, "service": True, "owner": ANN}])
    await house.reload()
    assert await sign_in.login(cookie) is None


async def test_an_edited_file_is_noticed_without_anybody_logging_in(guarded: House, hashed: str) -> None:
    queue_id = (await submit(guarded)).queue_id
    assert guarded.config.users_path is not None
    _write_users(guarded.config.users_path, hashed, ann=True)
    await guarded.clock.advance(3)

    async def held() -> bool:
        return (await guarded.copy(queue_id, KIM)).state is State.HELD

    await eventually(held)


async def test_a_login_disabled_while_the_process_was_down_sends_nothing_after_the_start(
    guarded: House, hashed: str
) -> None:
    queue_id = (await submit(guarded)).queue_id
    await guarded.stop()
    assert guarded.config.users_path is not None
    _write_users(guarded.config.users_path, hashed, ann=True)
    guarded.clock.jump(3600)
    await guarded.restart()
    await guarded.quiet()
    assert (await guarded.copy(queue_id, KIM)).state is State.HELD


async def test_what_is_being_judged_when_its_login_is_disabled_is_held_with_its_commit(
    guarded: House, hashed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail is past every check of its session, and not yet in the store that the change goes over."""
    intake = guarded.service.intake
    put, here, go = intake._put, asyncio.Event(), asyncio.Event()

    async def hesitant(*asked: Any) -> Any:
        here.set()
        await go.wait()
        return await put(*asked)

    monkeypatch.setattr(intake, "_put", hesitant)
    sending = asyncio.create_task(submit(guarded))
    await here.wait()
    assert guarded.config.users_path is not None
    _write_users(guarded.config.users_path, hashed, ann=True)
    await guarded.service.smtp.look_at_users()
    go.set()
    answer = await sending
    assert "held as" in answer.text
    assert (await guarded.copy(answer.queue_id, KIM)).state is State.HELD


async def test_what_passed_its_session_s_last_check_right_before_a_freeze_is_held(
    guarded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own task, which judges and stores it, has its first turn only after the login was frozen."""
    run = Commits.run

    async def late(self: Commits, work: Coroutine[Any, Any, Accepted]) -> Accepted:
        guarded.service.curbs.freeze("login ann", "ann", "too much")
        guarded.clock.jump(0.001)
        return await run(self, work)

    monkeypatch.setattr(Commits, "run", late)
    answer = await submit(guarded)
    assert (await guarded.copy(answer.queue_id, KIM)).state is State.HELD


# --- quotas -------------------------------------------------------------------------------------------------------
async def test_what_waits_has_a_quota_that_ends_when_it_left(open_guarded: OpenGuarded) -> None:
    guarded = await open_guarded(waiting=2)
    for _ in range(2):
        assert (await submit(guarded)).code == 250
    answer = await submit(guarded)
    assert (answer.code, answer.text) == (451, "4.7.1 quota used up (2 mails of yours wait already): try again later")
    await guarded.wait(minutes=6)
    assert (await submit(guarded)).code == 250


async def freeze(house: House) -> None:
    """Three times three mails an hour, most of them refused."""

    def work() -> None:
        with client(house) as connection:
            for _ in range(9):
                submit_on(connection, to=BOB)

    await asyncio.to_thread(work)
    await house.quiet()
    await eventually(lambda: not house.service.curbs._tasks)


async def test_three_times_the_quota_freezes_with_one_alert_and_holds_what_waits(guarded: House) -> None:
    waiting = (await submit(guarded)).queue_id
    await freeze(guarded)
    answer = await submit(guarded)
    assert answer == Answer(451, "4.7.1 frozen: too much was sent, ask your administrator")
    (hold,) = (await guarded.mail(waiting)).open_holds
    assert (hold.rule, hold.approvers) == ("frozen login ann", (POSTMASTER,))
    alert = await guarded.notice(POSTMASTER, "Frozen: login ann sent too much")
    assert "mailguard user thaw" in alert.text
    assert len([n for n in guarded.notices(POSTMASTER) if "Frozen" in n.subject]) == 1
    assert len(guarded.log_lines("identity.frozen")) == 1
    assert b"mailguard_identities_frozen 1.0" in await guarded.service.health.scrape()
    assert (await submit(guarded, "bob")).code == 250


async def test_frozen_survives_a_restart_and_thawing_lets_nothing_go(guarded: House) -> None:
    waiting = (await submit(guarded)).queue_id
    await freeze(guarded)
    await guarded.restart()
    assert (await submit(guarded)).text.startswith("4.7.1 frozen")
    assert [one.about for one in guarded.service.curbs.all_frozen] == ["login ann"]
    assert await guarded.service.curbs.thaw("login ann", ADMIN)
    guarded.service.smtp.meter.forgive("login ann")
    assert (await submit(guarded, to=BOB)).code == 250
    await guarded.wait(hours=1)
    assert (await guarded.copy(waiting, KIM)).state is State.HELD
    await guarded.restart()
    assert (await submit(guarded, to=BOB)).code == 250


def _say_users(house: House, users: dict[str, Any]) -> None:
    """Other `smtp.users` in mailguard.yaml, as an administrator would write them before a reload."""
    said = json.loads(house.config.path.read_text("utf-8"))
    said["smtp"]["users"] = users
    house.config.path.write_text(json.dumps(said), "utf-8")


async def test_another_users_file_counts_from_the_reload_on(guarded: House, hashed: str) -> None:
    assert guarded.config.users_path is not None
    other = guarded.config.users_path.with_name("others.yaml")
    entry = {"name": "lee", "password": hashed, "send_as": ["lee@corp.example"]}
    other.write_text(json.dumps({"users": [entry]}), "utf-8")
    guarded.config.users_path.unlink()
    _say_users(guarded, {"file": str(other)})
    await guarded.reload()
    assert (await submit(guarded, "lee")).code == 250


async def test_logins_that_no_file_lists_any_more_may_send_after_the_reload(guarded: House) -> None:
    assert not guarded.service.curbs.may_send("lee@corp.example")
    _say_users(guarded, {"upstream": "localhost:1"})
    await guarded.reload()
    assert guarded.service.curbs.may_send("lee@corp.example")
