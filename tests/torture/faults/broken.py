"""The disk fails or has rotted: nothing is accepted that can't be kept, nothing is sent that was not written."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import aiosmtplib

from mailguard.clock import SystemClock
from mailguard.demo.site import free_port
from mailguard.demo.world import OutsideWorld
from mailguard.errors import ConfigError, StoreBroken
from mailguard.records import Hold, HoldKind
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import eventually
from tests.installed import Installed, install
from tests.store.making import NOW, body, claim, mail, settle
from tests.torture.fault import Trial, fault
from tests.torture.served import start
from tests.torture.shim import journal, library

CALLS = ("sync:mail.db-wal", "write:mail.db-wal", "write:mail.db", "sync:mail.db")


@fault(
    "I/O error: a write or fsync of log or database fails under the running service",
    "no 250 after it, exit code 1, the file kept, the fsync not repeated, all is there at the next start",
    short=1,
    full=16,
    at_the_dot=True,  # the outcome of what was on the wire could not be written
    needs=("cc",),
    seconds=120,
)
async def io_error(trial: Trial) -> None:
    call = CALLS[trial.number % len(CALLS)]
    sink = OutsideWorld(SystemClock())
    await sink.start()
    made = await asyncio.to_thread(install, trial.folder, sink.port)
    try:
        acknowledged = await _until_it_breaks(trial, made, call)
        steps = await asyncio.to_thread(journal.read, trial.folder / "journal")
        failed = next(at for at, step in enumerate(steps) if step.op == "F")
        touched = {(s.op, s.name) for s in steps[failed + 1 :] if s.name in ("mail.db", "mail.db-wal") and s.op != "O"}
        assert not touched, "after the failure the file is left alone"
        _move(made)
        await start(made)
        await eventually(lambda: acknowledged <= {str(m.message["Message-ID"]) for m in sink.caught}, within=30)
        arrived = Counter(str(m.message["Message-ID"]) for m in sink.caught if not m.is_notice)
        trial.accepted, trial.lost = len(acknowledged), len(acknowledged - arrived.keys())
        trial.duplicated = sum(arrived.values()) - len(arrived)
    finally:
        if made.process is not None:
            await asyncio.to_thread(made.end)
        await sink.stop()


def _move(made: Installed) -> None:
    """Other ports for its next life: on a busy machine somebody has taken one of them meanwhile."""
    text = made.config.read_text()
    for name, port in made.ports.items():
        made.ports[name] = free_port()
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{made.ports[name]}")
    made.config.write_text(text)


async def _until_it_breaks(trial: Trial, made: Installed, call: str) -> set[str]:
    """Send until the service has ended; the Message-IDs that were answered 250."""
    armed = trial.folder / "armed"
    watched = {"LD_PRELOAD": library(), "SHIM_FOLDER": str(trial.folder), "SHIM_JOURNAL": str(trial.folder / "journal")}
    await asyncio.to_thread(made.start, **watched, SHIM_FAIL=call, SHIM_ARMED=str(armed))
    process = made.process
    assert process is not None
    acknowledged: set[str] = set()
    told: set[int] = set()
    clients = [asyncio.create_task(client(made.ports["plain"], n, acknowledged, told)) for n in range(4)]
    await asyncio.sleep(trial.dice.uniform(0.1, 0.4))
    armed.write_text(str(trial.dice.randint(1, 30) if call.endswith("wal") else 1))
    assert await asyncio.to_thread(process.wait, 60) == 1
    made.process = None
    await asyncio.gather(*clients)
    assert told <= {421, 451}, told
    return acknowledged


async def client(port: int, number: int, acknowledged: set[str], told: set[int]) -> None:
    """Large and small mail, one after the other, until nobody answers. What is refused is refused with a 4xx."""
    for count in range(100_000):
        name = f"<{number}.{count}@corp.example>"
        text = "x" * 78 + "\r\n"
        size = 10_000 if count % 3 == 0 else 10
        raw = f"From: ann@corp.example\r\nTo: bob@corp.example\r\nMessage-ID: {name}\r\n\r\n{text * size}"
        try:
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=20) as client:
                await client.sendmail("ann@corp.example", ["bob@corp.example"], raw.encode())
            acknowledged.add(name)
        except aiosmtplib.SMTPResponseException as error:
            told.add(error.code)
        except aiosmtplib.SMTPRecipientsRefused as error:
            told |= {one.code for one in error.recipients}
        except (aiosmtplib.SMTPException, OSError):
            return


@fault(
    "bits flipped in database or log, a log of garbage, a log without its database",
    "refused in clear words and left as it is, or every mail is sent as it was or set aside",
    short=12,
    full=300,
)
async def rotten(trial: Trial) -> None:
    place = trial.folder / "rotten"
    place.mkdir()
    mails = await _image(trial, place)
    await asyncio.to_thread(_rot, trial, place)
    files = {path: path.read_bytes() for path in place.iterdir()}
    told: list[BaseException] = []
    store = SqliteStore(place / "mail.db", on_broken=told.append)
    try:
        await store.open()
    except ConfigError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert "damaged" in refused, refused
        assert str(place) in refused
        assert {path: path.read_bytes() for path in files} == files, "it was changed"
        return
    trial.accepted = len(mails)
    try:
        trial.lost = len(mails) - await _careful(store, mails)
    except StoreBroken:
        pass  # it stopped: nothing more is sent, and the file is kept
    finally:
        await store.close()


async def _image(trial: Trial, place: Path) -> dict[str, bytes]:
    """Database and log as a killed process leaves them: half of the mails in each."""
    store = SqliteStore(trial.folder / "mail.db")
    await store.open()
    mails = {f"Q{number}": trial.dice.randbytes(trial.dice.choice((200, 9000, 300_000))) for number in range(24)}
    for number, (queue_id, raw) in enumerate(mails.items()):
        if number == len(mails) // 2 and store._writer is not None:
            await store._writer.truncate()
        await store.put(mail(queue_id, [f"{queue_id.lower()}@client.example"], raw=raw), NOW)
    for name in ("mail.db", "mail.db-wal", "mail.db.epoch"):
        await asyncio.to_thread(shutil.copy, trial.folder / name, place)
    await store.close()
    return mails


def _rot(trial: Trial, place: Path) -> None:
    way = ("database", "log", "database", "garbage", "log", "gone")[trial.number % 6]
    path = place / ("mail.db" if way in ("database", "gone") else "mail.db-wal")
    raw = bytearray(path.read_bytes())
    if way == "gone":
        raw.clear()
    elif way == "garbage":
        raw[:] = trial.dice.randbytes(len(raw))
    else:
        # The log's last commit can't be told from one that a crash broke off: there a flip is not noticed here.
        end = len(raw) if way == "database" else len(raw) * 2 // 3
        for _ in range(trial.dice.randint(1, 40)):
            raw[trial.dice.randrange(end)] ^= 1 << trial.dice.randrange(8)
    path.write_bytes(raw)


async def _careful(store: SqliteStore, mails: dict[str, bytes]) -> int:
    """Carry as the scheduler does: what is intact is sent, what is not is set aside; how many met such an end."""
    ended = 0
    while claims := await claim(store, NOW, limit=50):
        for one in claims:
            raw = one.raw if one.raw is not None else await body(store, one.mail.queue_id)
            if bytes(raw) != mails[one.mail.queue_id]:
                await store.quarantine(one, Hold("damaged", "", HoldKind.DAMAGED), NOW)
            else:
                to = [d.address for d in one.deliveries]
                assert to == [f"{one.mail.queue_id.lower()}@client.example"], "sent to somebody else"
                assert one.mail.envelope.sender == "ann@corp.example"
                await settle(store, one)
            ended += 1
    return ended
