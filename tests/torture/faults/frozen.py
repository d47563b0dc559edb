"""kill -9 while a login is frozen that goes on at three times its quota."""

import asyncio
import json
import smtplib
import sqlite3
from collections.abc import Iterable

from mailguard.demo.world import OutsideWorld
from mailguard.smtpd.users import hash_password
from mailguard.testing import eventually
from tests.flow.house import POSTMASTER
from tests.installed import PASSWORD, Installed
from tests.torture.fault import Trial, fault
from tests.torture.faults.policy import WAIT, client, submit, together
from tests.torture.served import database, end, installation, rows, start, tell

_CONNECTIONS = 4
_POINTS = ("curbs.frozen", "curbs.freezing")  # after it was written down, and before


@fault(
    "kill -9 while a login is frozen: before it is written down, before what waits is held, after that",
    "once written down it is frozen after the start, else at its next three quotas; one alert; all that waits is held",
    short=1,
    full=40,
    seconds=120,
)
async def killed(trial: Trial) -> None:
    async with installation(trial, WAIT % "10m") as (site, sink):
        await asyncio.to_thread(_one_login, site, trial.dice.randint(4, 8))
        point, later = _POINTS[trial.number % 2], trial.dice.choice((0.0, trial.dice.uniform(0.001, 0.05)))
        await start(site, MAILGUARD_FAILPOINTS=f"{point}=kill@1" + (f"+{later:.3f}" if later else ""))
        accepted = await _crowd(site)
        assert site.process is not None
        assert await asyncio.to_thread(site.process.wait, 20) == -9
        trial.kills += 1
        await start(site)
        frozen = (await tell(site, "health"))["frozen"] == ["login ann"]
        assert frozen or (point == "curbs.freezing" and not (await tell(site, "health"))["frozen"])
        again = await _crowd(site)
        assert not (frozen and again), "accepted of a frozen login"
        await _check(trial, site, sink, accepted | again)


async def _check(trial: Trial, site: Installed, sink: OutsideWorld, accepted: set[str]) -> None:
    await eventually(lambda: any("Frozen: login ann" in mail.subject for mail in sink.to(POSTMASTER)))
    assert (await tell(site, "health"))["frozen"] == ["login ann"]
    waiting = {row["queue_id"]: row for row in await rows(site)}
    trial.accepted += len(accepted)
    trial.lost += len(accepted - waiting.keys())
    states = {d["state"] for row in waiting.values() for d in row["deliveries"]}
    assert states == {"held"}, f"{states}: it would leave"
    assert all(mail.is_notice for mail in sink.caught), "it left"
    assert await end(site) == 0
    assert await asyncio.to_thread(_times, site) == (1, 1, 1)


def _times(site: Installed) -> tuple[int, int, int]:
    """How often it was frozen, how many alerts were made, and how often each mail was held for it, at most."""
    db = sqlite3.connect(database(site))
    frozen = db.execute("SELECT count(*) FROM event WHERE kind = 'identity.frozen'").fetchone()
    alerts = db.execute("SELECT count(*) FROM notice WHERE kind = 'alert'").fetchone()
    holds = db.execute("SELECT count(*) FROM hold WHERE rule LIKE 'frozen%' GROUP BY mail ORDER BY 1 DESC").fetchone()
    db.close()
    return frozen[0], alerts[0], holds[0]


def _one_login(site: Installed, allowed: int) -> None:
    entry = {"name": "ann", "password": hash_password(PASSWORD), "send_as": ["*@corp.example"]}
    (site.folder / "users.yaml").write_text(json.dumps({"users": [entry]}), "utf-8")
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace("next_hop:", f"  quota: {{mails: {allowed}/h}}\nnext_hop:"), "utf-8")


async def _crowd(site: Installed) -> set[str]:
    """Some connections of one login that go on until they are told it is frozen, or are cut; what was accepted."""

    def one() -> Iterable[str]:
        accepted = []
        try:
            with client(site.ports["implicit"]) as connection:
                for _ in range(100):
                    code, text = submit(connection)
                    if code == 250:
                        accepted.append(text.split(" as ")[1].split(":")[0])
                    elif "frozen" in text:
                        break
        except (OSError, smtplib.SMTPException):
            pass  # killed: what had no answer is unknown
        return accepted

    return {queue_id for found in await together([one] * _CONNECTIONS) for queue_id in found}
