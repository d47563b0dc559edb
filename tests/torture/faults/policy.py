"""Policy that changes under load: quotas, frozen identities, broken rules, disabled logins, new orders, a bypass."""

import asyncio
import json
import random
import smtplib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trustme

from mailguard.demo.world import OutsideWorld
from mailguard.records import State
from mailguard.smtpd.users import hash_password
from mailguard.testing import eventually
from tests.flow.house import ANN, KIM, POSTMASTER, House, letter, lived_in
from tests.installed import PASSWORD, Installed
from tests.torture.fault import Trial, fault
from tests.torture.served import command, installation, kill, rows, start, tell
from tests.unit.smtpd.conftest import write_certificate

WAIT = "version: 1\nrules:\n  - {id: wait, when: {recipients: {any: external}}, then: [{delay: %s}]}\n"
SICK = "  - {id: sick, when: {words: {any: [quote], in: [subject]}}, then: [{delay: 1m}]}\n"
CONNECTIONS = 20
DELAY = 1  # seconds that mail waits where the clock is the real one


# --- in this process ----------------------------------------------------------------------------------------------
@asynccontextmanager
async def open_house(folder: Path, rules: str, **quota: Any) -> AsyncIterator[House]:
    """A mailguard where people log in, with this quota, and a clock that stands still."""
    files = {name: str(path) for name, path in write_certificate(trustme.CA(), folder).items()}
    users = folder / "users.yaml"
    entry = {"name": "ann", "password": await asyncio.to_thread(hash_password, PASSWORD), "send_as": ["*@corp.example"]}
    users.write_text(json.dumps({"users": [entry]}), "utf-8")
    smtp = {
        "tls": files, "users": {"file": str(users)}, "quota": quota,
        "listeners": [{"bind": "127.0.0.1:0", "tls": "implicit", "auth": "required"}],
    }  # fmt: skip
    async with lived_in(folder / "house", rules=rules, config={"smtp": smtp}) as house:
        yield house


def client(port: int) -> smtplib.SMTP_SSL:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = smtplib.SMTP_SSL("127.0.0.1", port, context=context, timeout=30)
    try:
        made.ehlo()
        made.login("ann", PASSWORD)
    except BaseException:
        made.close()
        raise
    return made


def submit(connection: smtplib.SMTP, sender: str = ANN, to: str = KIM) -> tuple[int, str]:
    """One mail, as far as it gets; the answer."""
    for code, text in (connection.mail(sender), connection.rcpt(to)):
        if code != 250:
            connection.rset()
            return code, text.decode()
    try:
        code, text = connection.data(letter(sender, to))
    except smtplib.SMTPDataError as refused:  # before the 354
        said = refused.smtp_error
        return refused.smtp_code, said.decode() if isinstance(said, bytes) else said
    return code, text.decode()


T = TypeVar("T")


async def together(work: Sequence[Callable[[], T]]) -> list[T]:
    """Each in a thread of its own: the loop's few are the service's, which would wait for its clients."""
    with ThreadPoolExecutor(len(work)) as threads:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(threads, one) for one in work))


async def crowd(house: House, each: int, to: str = KIM) -> Counter[str]:
    """Twenty connections of one login at once, some mails each: the answers, without queue ids."""

    def one() -> list[str]:
        with client(house.service.smtp.ports[0]) as connection:
            return [f"{code} {text}" for code, text in (submit(connection, to=to) for _ in range(each))]

    said = await together([one] * CONNECTIONS)
    return Counter("250" if line.startswith("250") else line for answers in said for line in answers)


@fault("20 connections of one login at its quota", "exactly what its quota allows is accepted", full=30)
async def crowded(trial: Trial) -> None:
    allowed = trial.dice.randint(21, 40)  # sixty are tried: fewer than three times as many, which would freeze
    name = ("mails", "waiting", "recipients")[trial.number % 3]
    quota: dict[str, Any] = {"mails": "60/h", name: allowed if name == "waiting" else f"{allowed}/h"}
    async with open_house(trial.folder, WAIT % "5m", **quota) as house:
        answers = await crowd(house, 3)
        trial.accepted += answers["250"]
        assert answers["250"] == allowed, answers
        assert all(line.startswith(("250", "451 4.7.1 ")) for line in answers), answers
        await house.wait(minutes=6)
        trial.lost += allowed - len(house.arrived(KIM))


@fault("a login that goes on at three times its quota", "it is frozen once, over restarts; what waits is held", full=20)
async def frozen(trial: Trial) -> None:
    allowed = trial.dice.randint(5, 15)
    async with open_house(trial.folder, WAIT % "5m", mails=f"{allowed}/h") as house:
        answers = await crowd(house, 4)
        trial.accepted += answers["250"]
        assert answers["250"] <= allowed, answers  # what was under way when it froze is refused, too
        assert any("frozen" in line for line in answers), answers
        if trial.dice.random() < 0.5:
            await eventually(lambda: not house.service.curbs._tasks)
            await house.restart()
        await house.notice(POSTMASTER, "Frozen: login ann")
        assert len([n for n in house.notices(POSTMASTER) if "Frozen" in n.subject]) == 1, "one alert"
        assert set(await crowd(house, 1)) == {"451 4.7.1 frozen: too much was sent, ask your administrator"}
        await house.wait(minutes=30)
        counts = (await house.service.store.counts(house.clock.now())).deliveries
        trial.lost += trial.accepted - counts[State.HELD]
        assert house.arrived(KIM) == [], "it left although it was frozen"


@fault("a rule that fails on every mail after a reload", "every mail is held, with one alert", full=20)
async def broken_rule(trial: Trial) -> None:
    async with open_house(trial.folder, WAIT % "1m", mails="1000/h") as house:
        trial.accepted += (await crowd(house, trial.dice.randint(1, 2), to="mo@rival.example"))["250"]
        house.write_rules(WAIT % "1m" + SICK)
        await house.reload()
        condition = type(house.service.rules.rules[1].when.leaves()[0])
        healthy = condition.match
        condition.match = _fail  # type: ignore[method-assign, assignment]
        try:
            held = await _everybody(house, trial.dice.randint(3, 5))
            await house.quiet()
        finally:
            condition.match = healthy  # type: ignore[method-assign]
        trial.accepted += held
        alerts = [notice for notice in house.notices(POSTMASTER) if "may be broken: sick" in notice.subject]
        assert len(alerts) == 1, f"{len(alerts)} alerts"
        told = sum("held" in notice.subject.lower() for notice in house.world.caught if notice.is_notice)
        trial.note = f"{told} notices about {held} mails"
        assert told < held / 2, trial.note
        await house.wait(minutes=5)
        counts = (await house.service.store.counts(house.clock.now())).deliveries
        trial.lost += held - counts[State.HELD]
        assert house.arrived(KIM) == [], "unknown is held, and it left"


def _fail(*_: object) -> None:
    raise ZeroDivisionError


async def _everybody(house: House, each: int) -> int:
    """Mail of twenty people; how many were accepted, all of them as held."""

    def one(number: int) -> int:
        with client(house.service.smtp.ports[0]) as connection:
            said = [submit(connection, f"p{number}@corp.example") for _ in range(each)]
        assert all(code == 250 and "held as" in text for code, text in said), said
        return len(said)

    return sum(await together([partial(one, number) for number in range(CONNECTIONS)]))


# --- a real process, killed ---------------------------------------------------------------------------------------
@dataclass
class Site:
    """An installation with a short delay, a sink, and a client that goes on sending until it is told not to."""

    trial: Trial
    installed: Installed
    sink: OutsideWorld
    acknowledged: set[str] = field(default_factory=set)
    enough: bool = False

    async def start(self) -> None:
        await start(self.installed)

    async def kill(self) -> None:
        await kill(self.trial, self.installed)

    async def rows(self) -> list[dict[str, Any]]:
        return await rows(self.installed, "")

    async def load(self) -> None:
        """Send until told to stop, or until the service is gone or shuts ann out."""

        def work() -> None:
            try:
                with client(self.installed.ports["implicit"]) as connection:
                    while not self.enough:
                        code, text = submit(connection)
                        if code != 250:
                            return
                        self.acknowledged.add(text.split(" as ")[1].split(":")[0])
            except (OSError, smtplib.SMTPException):
                pass  # killed, or logged out: what had no 250 is unknown

        await asyncio.to_thread(work)

    async def killed_while(self, change: Callable[[], Awaitable[str]], dice: random.Random) -> None:
        """Make the change under load, with a kill at a random moment of it; acknowledged when this returns."""
        sending = asyncio.create_task(self.load())
        await eventually(lambda: len(self.acknowledged) > 5 or sending.done(), within=20)
        changing = asyncio.ensure_future(change())
        if dice.random() < 0.75:
            await asyncio.sleep(dice.uniform(0.0, 0.3))  # a fork that reads the configuration and asks the service
            await self.kill()
            await changing
            await self.start()
        await changing
        self.enough = True
        await sending

    async def settle(self) -> None:
        """Whatever was to leave by itself has had its time; nothing is queued or on its way any more."""
        await asyncio.sleep(DELAY + 0.3)

        async def still() -> bool:
            moving = ("queued", "sending")
            return not any(d["state"] in moving for row in await self.rows() for d in row["deliveries"])

        await eventually(still, within=20)

    async def account(self) -> None:
        rows = await self.rows()
        self.trial.accepted += len(self.acknowledged)
        self.trial.lost += len(self.acknowledged - {row["queue_id"] for row in rows})
        sent = {row["message_id"] for row in rows for d in row["deliveries"] if d["state"] == "sent"}
        arrived = Counter(str(mail.message["Message-ID"]) for mail in self.sink.to(KIM) if not mail.is_notice)
        self.trial.lost += len(sent - arrived.keys())
        self.trial.duplicated += sum(times - 1 for times in arrived.values())


@asynccontextmanager
async def site(trial: Trial, delay: str) -> AsyncIterator[Site]:
    async with installation(trial, WAIT % delay) as (installed, sink):
        config = installed.config.read_text("utf-8")
        quota = "  quota: {mails: 100000/h, recipients: 100000/h}\n"
        installed.config.write_text(config.replace("next_hop:", quota + "next_hop:"), "utf-8")
        made = Site(trial, installed, sink)
        await made.start()
        yield made
        await made.account()


def _states(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["queue_id"]: row["state"] for row in rows}


def _stopped(before: dict[str, str], after: dict[str, str]) -> None:
    """Of what was there when the change was acknowledged nothing begins to leave."""
    assert not [one for one, state in before.items() if state == "queued"], "it would have left"
    left = [one for one, state in before.items() if state == "held" and after[one] != "held"]
    assert left == [], "held when it was acknowledged, and it left"


@fault(
    "a login disabled under load x kill -9", "nothing of it leaves once that was acknowledged", full=60,
    at_the_dot=True, seconds=120,
)  # fmt: skip
async def disabled(trial: Trial) -> None:
    async with site(trial, f"{DELAY}s") as there:
        await there.killed_while(lambda: command(there.installed, "user", "disable", "ann", code=None), trial.dice)
        before = _states(await there.rows())
        await there.settle()
        _stopped(before, _states(await there.rows()))
        try:
            await asyncio.to_thread(lambda: client(there.installed.ports["implicit"]).quit())
        except smtplib.SMTPAuthenticationError:
            return
        raise AssertionError("a disabled login may log in")


@fault(
    "a no-contact order under load x reload x kill -9", "what waits is held for its approver, once", full=60,
    at_the_dot=True, seconds=120,
)  # fmt: skip
async def ordered(trial: Trial) -> None:
    async with site(trial, f"{DELAY}s") as there:
        given = datetime.now(UTC)

        async def order() -> str:
            nonlocal given
            people = there.installed.folder / "people.yaml"
            orders = [{"address": KIM, "reason": "legal hold", "approver": "lex@corp.example"}]
            people.write_text(json.dumps({"version": 1, "no_contact": orders}), "utf-8")
            given = datetime.now(UTC)
            return await command(there.installed, "reload", code=None)

        await there.killed_while(order, trial.dice)
        before = _states([row for row in await there.rows() if datetime.fromisoformat(row["created_at"]) < given])
        held = {one for one, state in before.items() if state == "held"}
        await command(there.installed, "reload")
        await there.settle()
        rows = await there.rows()
        _stopped(before, _states(rows))
        approvers = {tuple(row["hold"]["until"]) for row in rows if row["queue_id"] in held}
        assert approvers <= {("lex@corp.example",)}, approvers


@fault(
    "a bypass x restart x kill -9", "it passes mail until its end and none after", full=40, at_the_dot=True,
    seconds=120,
)  # fmt: skip
async def bypassed(trial: Trial) -> None:
    async with site(trial, "10m") as there:
        span = trial.dice.randint(1, 3)
        answer = await tell(there.installed, "bypass", span=f"{span}s", reason="a drill")
        until = datetime.fromisoformat(answer["bypass"]["until"])
        sending = asyncio.create_task(there.load())
        await asyncio.sleep(trial.dice.uniform(0.1, span))
        await there.kill()
        await sending
        await there.start()
        sending = asyncio.create_task(there.load())
        await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.3)
        there.enough = True
        await sending
        await eventually(lambda: _no_bypass(there), within=10)
        there.enough = False
        await asyncio.to_thread(_one_more, there)
        rows = await there.rows()
        late = [row for row in rows if datetime.fromisoformat(row["created_at"]) >= until]
        assert late, "nothing came after it"
        assert {row["state"] for row in late} == {"queued"}, "it passed after the end"
        early = [row for row in rows if datetime.fromisoformat(row["created_at"]) < until]
        assert {row["state"] for row in early} <= {"sent", "sending", "queued"}
        assert all(d["due_at"] is None or _soon(row, d) for row in early for d in row["deliveries"]), "it was delayed"


async def _no_bypass(there: Site) -> bool:
    return (await tell(there.installed, "bypass"))["bypass"] is None


def _one_more(there: Site) -> None:
    with client(there.installed.ports["implicit"]) as connection:
        code, text = submit(connection)
    assert code == 250, text
    there.acknowledged.add(text.split(" as ")[1].split(":")[0])


def _soon(row: dict[str, Any], delivery: dict[str, Any]) -> bool:
    """Due when it came, not ten minutes later."""
    due, came = (datetime.fromisoformat(one) for one in (delivery["due_at"], row["created_at"]))
    return (due - came).total_seconds() < 300
