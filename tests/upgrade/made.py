"""A store as the version of a commit leaves it: `python -m tests.upgrade.made COMMIT [--keep | --downgrade]`.

The code of that commit runs with the libraries of today: it takes mail, lets some go, holds, cancels, drops and
imports, and is stopped while the rest waits. `--keep` writes what it left to tests/upgrade/stores; `--downgrade` goes
the whole way up and back and tells what that version says of each step.
"""

import argparse
import asyncio
import contextlib
import io
import json
import shutil
import smtplib
import sqlite3
import subprocess
import sysconfig
import tarfile
import tempfile
import time
import venv
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from mailguard.clock import SystemClock
from mailguard.demo.world import OutsideWorld
from tests.installed import COMMAND, ROOT, Installed, install
from tests.postgres import USER, Postgres, running

STORES = Path(__file__).parent / "stores"
KEY = "c3RvcmVkIGluIHRlc3RzLCBub3Qgc2VjcmV0IDMyYiE="
WAITS, HELD, COPIED = "waits@client.example", "held@client.example", "copied@client.example"
RULES = """\
version: 1
rules:
  - {id: waits, when: {recipients: {any: {in: [waits@client.example, copied@client.example]}}}, then: [{delay: 366d}]}
  - id: held
    when: {recipients: {any: {in: [held@client.example]}}}
    then: [{hold: {until: sender_confirms, expires: 366d, on_expiry: send}}]
  - id: copied
    when: {recipients: {any: {in: [copied@client.example]}}}
    then: [{cc: {add: lee@corp.example, send: now}}]
"""
# An audit rule that acts never, but for which texts and files are remembered
ASKS = """\
  - id: asks
    mode: audit
    when:
      any: [{thread: {quotes_others: true}}, {thread: {repeats_waiting: true}}, {attachment: {known_elsewhere: true}}]
    then: [{delay: 1m}]
"""
# Whatever the day it is started again, nothing that waits may be given up
MORE = "retry: {give_up: 36500d}\nretention: {bodies: 36500d}\n"


def older(folder: Path, commit: str) -> Path:
    """The command of that commit, in an environment of its own: its code before ours, and the libraries of ours."""
    house, place = folder / "house", folder / "venv"
    house.mkdir()
    code = subprocess.run(
        ["git", "archive", commit, "mailguard", "rules"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(code)) as archive:
        archive.extractall(house, filter="data")
    venv.create(place, symlinks=True)
    packages = next((place / "lib").glob("python*")) / "site-packages"
    (packages / "older.pth").write_text(f"{house}\n{sysconfig.get_path('purelib')}\n")
    program = place / "bin" / "mailguard"
    program.write_text(f"#!{place}/bin/python\nfrom mailguard.cli import main\nmain()\n")
    program.chmod(0o755)
    return program


def prepared(folder: Path, sink: int, store: str, *, encrypted: bool) -> Installed:
    """An installation whose rules make mail wait for a year."""
    made = install(folder, sink)
    (folder / "rules" / "waiting.yaml").write_text(RULES + ASKS)
    config = made.config.read_text().replace("sqlite:mail.db", store) + MORE
    if encrypted:
        (folder / "store.key").write_text(KEY)
        (folder / "store.key").chmod(0o600)
        config += "encryption: {key_file: store.key}\n"
    made.config.write_text(config)
    return made


def body(number: int) -> str:
    """What mail `number` says: its own, so that nobody's arrives as another's."""
    lines = (
        f"in line {line} letter {number} says grapefruit {number * 7919 + line} and no other one" for line in range(6)
    )
    return "\n".join(lines) + "\n"


def letter(number: int, *to: str, answers: int | None = None, file: bool = False) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "ann@corp.example", ", ".join(to)
    message["Subject"], message["Message-ID"] = f"Letter {number}", f"<{number}@corp.example>"
    if answers is not None:
        message["In-Reply-To"] = message["References"] = f"<{answers}@corp.example>"
    message.set_content(body(number))
    if file:
        message.add_attachment(
            b"name,amount\n" + b"quince,%d\n" % number * 40, maintype="text", subtype="csv", filename="list.csv"
        )
    return message


def send(installed: Installed, message: EmailMessage, *to: str) -> str:
    """Its queue id."""
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=30) as session:
        session.ehlo()
        session.mail("ann@corp.example")
        for address in to:
            session.rcpt(address)
        _, reply = session.data(message.as_bytes(policy=SMTP))
    return reply.decode().split(" as ")[1].split(":")[0].split()[0]


def listed(installed: Installed) -> list[dict[str, Any]]:
    """Every mail there is, as programs are told."""
    mails = {}
    for state in ("waiting", "sent", "cancelled"):
        said = installed.command("queue", "list", "--json", "--limit", "1000", "--state", state)
        mails.update({mail["queue_id"]: mail for mail in map(json.loads, said.splitlines())})
    return sorted(mails.values(), key=lambda mail: str(mail["queue_id"]))


def fill(installed: Installed, sink: int) -> dict[str, Any]:
    """Mail in every state; what is known of it when the service has ended."""
    sent = installed.folder / "sent.mbox"
    past = [letter(1000 + number, f"friend{number % 5}@client.example", file=number % 4 == 0) for number in range(60)]
    for number, message in enumerate(past):
        message["Date"] = f"{1 + number % 28:02} {('Sep', 'Oct')[number % 2]} 2026 10:{number:02}:00 +0000"
    sent.write_bytes(b"".join(b"From ann Mon Oct  5 10:00:00 2026\n" + bytes(message) + b"\n" for message in past))
    installed.command("history", "import", str(sent), code=None)  # 8ef42b4 could not, into PostgreSQL
    installed.start()
    installed.command("token", "add", "robot", "--role", "auditor")
    ids = {
        "waits": send(installed, letter(1, WAITS, file=True), WAITS),
        "held": send(installed, letter(2, HELD), HELD),
        "answer": send(installed, letter(3, WAITS, answers=1), WAITS),
        "copied": send(installed, letter(4, COPIED, "lee@corp.example"), COPIED),
        "dropped": send(installed, letter(5, HELD, WAITS), HELD, WAITS),
        "stopped": send(installed, letter(6, WAITS), WAITS),
        "cancelled": send(installed, letter(7, WAITS), WAITS),
        "sent": send(installed, letter(8, "lee@corp.example", file=True), "lee@corp.example"),
    }
    ids["left"] = send(installed, letter(11, "gone@client.example", file=True), "gone@client.example")
    installed.command("queue", "send", ids["left"])
    installed.command("queue", "drop", ids["dropped"], "--recipient", HELD)
    installed.command("queue", "stop", ids["stopped"])
    installed.command("queue", "cancel", ids["cancelled"], "--yes")
    _until(lambda: [_shown(installed, ids[name])["state"] for name in ("sent", "left")] == ["sent", "sent"])
    assert installed.end() == 0
    installed.config.write_text(installed.config.read_text().replace(f"127.0.0.1:{sink}", "127.0.0.1:9"))
    installed.start()  # and now the next hop is away: mail is deferred, and notices wait
    ids["deferred"] = send(installed, letter(9, "lee@corp.example"), "lee@corp.example")
    _until(lambda: _shown(installed, ids["deferred"])["deliveries"][0]["attempts"])
    ids["unheard"] = send(installed, letter(10, HELD), HELD)
    mails = listed(installed)
    assert installed.end() == 0
    return {"ids": ids, "mails": mails}


def _shown(installed: Installed, queue_id: str) -> Any:
    return json.loads(installed.command("queue", "show", queue_id, "--json"))


def _until(told: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def made(folder: Path, program: Path, store: str, *, encrypted: bool) -> tuple[Installed, dict[str, Any]]:
    """Filled by that program, and stopped."""
    world = OutsideWorld(SystemClock())
    await world.start()
    installed = prepared(folder, world.port, store, encrypted=encrypted)
    installed.program = program
    shutil.copytree(program.parents[2] / "house" / "rules", folder / "rules", dirs_exist_ok=True)  # that version's
    try:
        return installed, await asyncio.to_thread(fill, installed, world.port)
    finally:
        if installed.process is not None:
            installed.end()
        await world.stop()


def dump(server: Postgres, name: str) -> bytes:
    """One database as SQL."""
    told = ["pg_dump", "-h", str(server.folder), "-U", USER, "--no-owner", "--inserts", name]
    said = subprocess.run(told, capture_output=True, check=True).stdout
    # known to the newest psql only
    return b"".join(
        line for line in said.splitlines(keepends=True) if not line.startswith((b"\\restrict", b"\\unrestrict"))
    )


def keep(name: str, files: dict[str, bytes]) -> None:
    STORES.mkdir(exist_ok=True)
    with tarfile.open(STORES / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for file, content in files.items():
            entry = tarfile.TarInfo(file)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    print(f"{name}.tar.xz: {(STORES / f'{name}.tar.xz').stat().st_size:,} bytes")


async def kept(folder: Path, program: Path, *, encrypted: bool) -> None:
    """Both stores of that version."""
    (folder / "file").mkdir()
    installed, told = await made(folder / "file", program, "sqlite:mail.db", encrypted=encrypted)
    await asyncio.to_thread(installed.command, "db", "backup", str(folder / "backup.db"))
    store = folder / "file" / "mail.db"
    files = {name: (store.parent / name).read_bytes() for name in ("mail.db", "mail.db.epoch")}
    with contextlib.closing(sqlite3.connect(store)) as db:
        schema = db.execute("PRAGMA user_version").fetchone()[0]
    files["backup.db"], files["told.json"] = (folder / "backup.db").read_bytes(), json.dumps(told).encode()
    keep(f"sqlite-{schema}", files)
    with running() as server:
        server.say("CREATE DATABASE older")
        (folder / "base").mkdir()
        url = f"postgresql://{USER}@/older?host={server.folder}"
        _, told = await made(folder / "base", program, url, encrypted=encrypted)
        schema = server.say("SELECT number FROM schema_version", "older")
        keep(f"postgresql-{schema}", {"dump.sql": dump(server, "older"), "told.json": json.dumps(told).encode()})


async def downgraded(folder: Path, program: Path) -> None:
    """Up, and back by the backup that was made before."""
    (folder / "file").mkdir()
    installed, told = await made(folder / "file", program, "sqlite:mail.db", encrypted=False)

    async def run(*verb: str) -> str:
        return await asyncio.to_thread(installed.command, *verb)

    await run("db", "backup", str(folder / "backup.db"))
    installed.program = COMMAND
    await run("db", "migrate")
    print("up: the new version's `db check`:", await run("db", "check") or "all is well")
    installed.program = program
    installed.launch()
    assert installed.process is not None
    print("the old version on the new store: exit", installed.process.wait(60), installed.log.splitlines()[-2:])
    store = installed.folder / "mail.db"
    for file in installed.folder.glob("mail.db*"):
        file.unlink()
    (folder / "backup.db").rename(store)
    await asyncio.to_thread(installed.start)
    print("the old version on the backup:", (await run("healthcheck")).strip())
    assert await asyncio.to_thread(listed, installed) == told["mails"]
    print(f"the same {len(told['mails'])} mails wait, and nothing is sent before `queue resume`")
    await asyncio.to_thread(installed.end)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.made")
    parser.add_argument("commit")
    parser.add_argument("--encrypted", action="store_true", help="bodies, where that version can")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--downgrade", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = older(folder, asked.commit)
        if asked.keep:
            asyncio.run(kept(folder, program, encrypted=asked.encrypted))
        if asked.downgrade:
            (folder / "down").mkdir()
            asyncio.run(downgraded(folder / "down", program))


if __name__ == "__main__":
    main()
