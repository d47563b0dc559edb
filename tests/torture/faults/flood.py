"""Clients that want everything: connections, memory, time. The service is a process of its own, and is measured."""

import asyncio
import base64
import contextlib
import io
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from mailguard.testing import eventually
from tests.installed import PASSWORD
from tests.torture.crowd import PATIENCE, Crowd, crowd, sockets
from tests.torture.door import door
from tests.torture.fault import Trial, fault
from tests.unit.smtpd.peer import Client

GUESSED = {"535 ", "454 ", "421 ", ""}
JUMPED = 10  # wrong guesses that may be answered before the owner is: two were being checked, some were on their way
IDLE, CAP = 5000, 400  # connections; MB of memory at most (docs/security.md)


async def _stay(here: Crowd, source: str) -> str:
    """Connect, and say what the first line was; the connection stays open."""
    client = await here.client(source, greet=False)
    with contextlib.suppress(ConnectionError):
        return (await client.line())[:9]
    return ""


@fault(f"{IDLE} idle connections", f"at most {CAP} MB, others are served", short=0, full=3, seconds=120)
async def idle(trial: Trial) -> None:
    many = sockets(IDLE)
    trial.note = "" if many == IDLE else f"only {many} connections (ulimit -n); "
    async with crowd(trial, CAP, "{connections: 10000, per_client: 10000}") as here:
        for _ in range(0, many, 250):
            said = await asyncio.gather(*(_stay(here, "127.0.0.1") for _ in range(min(250, many))))
            assert {line[:4] for line in said} == {"220 "}, said
        await asyncio.sleep(1)


@fault("more connections than allowed, from one address and from many", "421 4.7.0, others are served", short=1, full=3)
async def crowded(trial: Trial) -> None:
    async with crowd(trial, CAP) as here:
        said = [await _stay(here, "127.0.0.2") for _ in range(150)]
        assert said == ["220 mail."] * 100 + ["421 4.7.0"] * 50
    (trial.folder / "door").mkdir()
    async with door(Trial(trial.folder / "door", trial.dice, 0), limits={"connections": 30}) as front:
        clients = [await Client.connect(front.server.ports[0]) for _ in range(40)]
        said = [(await client.line())[:9] for client in clients]
        assert said == ["220 mail."] * 30 + ["421 4.7.0"] * 10
        clients[0].send("QUIT\r\n")
        await eventually(lambda: front.server.connections < 30)
        late = await Client.connect(front.server.ports[0])
        assert (await late.line()).startswith("220 ")
        for client in (*clients, late):
            client.close()


async def _pour(client: Client, piece: bytes, octets: int, end: bytes) -> str:
    """A mail whose body is this piece again and again."""
    await client.envelope("ann@corp.example", "bob@corp.example")
    assert (await client.say("DATA")).startswith("354")
    for _ in range(octets // len(piece)):
        client.send(piece)
        await client.writer.drain()
    client.send(end)
    return await client.reply()


@fault(
    "DATA of 100 MB without a line end, of 2 and 34 MB of bare CR LF, of lines of 64 KiB and more",
    f"refused or kept, at most {CAP} MB", short=0, full=5,
)  # fmt: skip
async def endless(trial: Trial) -> None:
    head = b"From: ann@corp.example\r\n\r\n"
    async with crowd(trial, CAP) as here:
        client = await here.client()
        end = b"\r\n.\r\n"
        assert (await _pour(client, b"x" * 65536, 100 << 20, end)).startswith(("554 5.6.0", "552 5.3.4"))
        assert (await _pour(client, b"\r\n" * 32768, 2 << 20, end)).startswith("550 5.7.1 ")
        assert (await _pour(client, b"\r\n" * 32768, 34 << 20, end)).startswith("550 5.7.1 ")
        assert (await _pour(client, b"\r" * 65536, 34 << 20, end)).startswith("554 5.6.0 ")
        for octets, answer in ((65534, "250 "), (65536, "250 "), (65538, "554 5.6.0 ")):
            client.send("RSET\r\n")
            await client.reply()
            said = await _pour(client, head + b"y" * octets, len(head) + octets, end)
            assert said.startswith(answer), (octets, said)


@fault(
    "12 uploads of 34 MB at the same time, memory for four", f"kept or 452, at most {CAP} MB",
    short=0, full=3, seconds=180,
)  # fmt: skip
async def uploads(trial: Trial) -> None:
    head = b"From: ann@corp.example\r\nTo: bob@corp.example\r\n\r\n"
    piece = head + (b"z" * 998 + b"\r\n") * 65
    async with crowd(trial, CAP, "{in_flight: 140MB}") as here:
        clients = [await here.client(f"127.0.3.{n}") for n in range(12)]
        said = await asyncio.gather(*(_pour(client, piece, 34 << 20, b".\r\n") for client in clients))
        kinds = {line[:9] for line in said}
        assert kinds <= {"250 2.0.0", "452 4.3.1"}, kinds
        kept = sum(line.startswith("250") for line in said)
        assert 0 < kept < len(said)
        trial.note = f"{kept} kept; "


def _mail(header: str, body: bytes = b"Hello\r\n") -> bytes:
    lines = f"From: ann@corp.example\r\nTo: bob@corp.example\r\n{header}\r\n".encode()
    return lines + b"\r\n" + body


def _multipart(inner: bytes, kind: str = "mixed") -> bytes:
    return _mail(f'MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="b"', inner + b"\r\n--b--\r\n")


def _deep(depth: int) -> bytes:
    inner = b"Content-Type: text/plain\r\n\r\nhi\r\n"
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="n%d"\r\n\r\n--n%d\r\n' % (n, n) for n in range(depth))
    return b"From: ann@corp.example\r\nMIME-Version: 1.0\r\n" + opened + inner


def _nested_messages(depth: int) -> bytes:
    one = b"From: ann@corp.example\r\nContent-Type: message/rfc822\r\n\r\n"
    return one * depth + b"From: ann@corp.example\r\n\r\nhi\r\n"


def _bomb(levels: int = 4) -> bytes:
    data = b"\0" * (10 << 20)
    for _ in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(10):
                archive.writestr(f"x{n}.zip" if data[:2] == b"PK" else f"x{n}.txt", data)
        data = out.getvalue()
    coded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    part = b'--b\r\nContent-Type: application/zip; name="a.zip"\r\nContent-Transfer-Encoding: base64\r\n'
    return _multipart(part + b'Content-Disposition: attachment; filename="a.zip"\r\n\r\n' + coded)


def _html(body: bytes) -> bytes:
    return _mail("MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8", body)


def _lines(data: bytes) -> bytes:
    return b"\r\n".join(data[at : at + 900] for at in range(0, len(data), 900)) + b"\r\n"


BOMBS: dict[str, Callable[[], bytes]] = {
    "MIME 1,000 deep": lambda: _deep(1000),
    "messages 1,000 deep": lambda: _nested_messages(1000),
    "10,000 parts": lambda: _multipart(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 10_000),
    "8,000 addresses in To": lambda: _mail("To: " + ",\r\n ".join(f"u{n}@corp.example" for n in range(8000))),
    "2,000 commas a line in To": lambda: _mail("To: " + "\r\n ".join(["," * 2000] * 120)),
    "10,000 header lines": lambda: _mail("\r\n".join(f"X-{n}: y" for n in range(10_000))),
    "60,000 fields without a value": lambda: _mail("\r\n".join(["a:"] * 60_000)),
    "1,900 fields of Bcc": lambda: _mail("\r\n".join(["Bcc: x@y.example"] * 1900)),
    "a header of 900 KB in one field": lambda: _mail("X: " + "\r\n ".join(["y" * 900] * 1000)),
    "a subject of 10,000 encoded words": lambda: _mail("Subject: " + "\r\n ".join(["=?utf-8?q?=C4=85_?="] * 10_000)),
    "a From of 10,000 brackets": lambda: _mail("Sender: ann@corp.example (" + "\r\n ".join(["((<" * 20] * 500)),
    "unknown and wrong charsets": lambda: _mail(
        "Subject: =?utf-7?q?+2D0-?= =?idna?q?x?= =?hex?q?zz?=\r\nContent-Type: text/plain; charset=undefined",
        b"\xff\xfe\x00"[:2] + b"\r\n",
    ),
    "broken base64": lambda: _mail("Content-Transfer-Encoding: base64", b"====A\r\n!!!!\r\n" * 100_000),
    "broken quoted-printable": lambda: _mail(
        "Content-Transfer-Encoding: quoted-printable", b"=\r\n=Z=3=\r\n" * 200_000
    ),
    "a zip bomb of 100 GB": _bomb,
    "nested tables": lambda: _html(_lines(b"<table><tr><td>" * 100_000)),
    "10 MB of <b>": lambda: _html(_lines(b"<b>" * (10 << 20))[: 10 << 20]),
    "a million open quotes in HTML": lambda: _html(_lines(b"<a href='" * 300_000)),
    "a's for a pattern": lambda: _mail("Subject: " + "a" * 900, _lines(b"a" * (1 << 20)) + b"!\r\n"),
    "digits for an identifier": lambda: _mail("X: y", _lines(b"4111 1111-" * 100_000)),
    "@ and dots": lambda: _mail("X: y", _lines(b"a@b.c." * 150_000)),
    "blank after blank": lambda: _mail("X: y", _lines(b" \t" * 500_000)),
    "> after >": lambda: _mail("X: y", (b">" * 800 + b"\r\n") * 2000),
}


@fault(
    f"{len(BOMBS)} mails made to choke a reader, one by one and three of each at once: deep, wide, packed, broken",
    f"each is answered, at most {CAP} MB", short=0, full=3, seconds=300,
)  # fmt: skip
async def bombs(trial: Trial) -> None:
    made = {name: make() for name, make in BOMBS.items()}
    async with crowd(trial, CAP) as here:
        for name, raw in made.items():
            await _drop(here, name, raw, "bob@corp.example")
        await asyncio.gather(*(_drop(here, name, raw, "kim@client.example") for name, raw in [*made.items()] * 3))


async def _drop(here: Crowd, name: str, raw: bytes, to: str) -> None:
    """Of mail to the outside every word is read."""
    client = await here.client()
    await client.envelope("ann@corp.example", to)
    assert (await client.say("DATA")).startswith("354")
    client.send(raw.removesuffix(b"\r\n") + b"\r\n.\r\n")
    said = await asyncio.wait_for(client.reader.readline(), 40)
    assert said.startswith((b"250 ", b"552 ")), (name, said)


@dataclass
class Guesses:
    """What those who guess were told, by the first words: each 535 is a password that was checked before its answer."""

    said: Counter[str] = field(default_factory=Counter)

    async def guess(self, here: Crowd, source: str, names: list[str]) -> None:
        """Wrong passwords, three a connection, until it is cancelled."""
        for n in count():
            client = await Client.connect_from(source, here.installed.ports["implicit"], here.trust)
            here.clients.append(client)
            with contextlib.suppress(ConnectionError, TimeoutError):  # who failed often waits for longer than a client
                await client.greet()
                for m in range(3):
                    plain = m != 1
                    client.send(_attempt(names[(n * 3 + m) % len(names)], f"wrong {n} {m}", plain=plain))
                    answer = await client.reply()
                    while answer.startswith("334"):
                        answer = await client.reply()
                    self.said[answer[:4]] += 1
            client.close()


def _attempt(name: str, password: str, *, plain: bool) -> bytes:
    code = base64.b64encode
    if plain:
        return b"AUTH PLAIN " + code(f"\0{name}\0{password}".encode()) + b"\r\n"
    return b"AUTH LOGIN\r\n" + code(name.encode()) + b"\r\n" + code(password.encode()) + b"\r\n"


@fault(
    "passwords guessed: many names, one name from 60 addresses, PLAIN and LOGIN",
    f"535 or 454; the owner elsewhere is checked before {JUMPED} more of them", short=1, full=3, seconds=120,
)  # fmt: skip
async def guessing(trial: Trial) -> None:
    async with crowd(trial, CAP) as here:
        names, guesses = ["ann", *(f"user{n}" for n in range(50))], Guesses()
        lists = [["ann"] if n % 2 else names for n in range(60)]
        attack = [asyncio.create_task(guesses.guess(here, f"127.0.4.{n}", known)) for n, known in enumerate(lists)]
        await asyncio.sleep(2)
        assert not any(task.done() for task in attack)
        owner = await Client.connect_from("127.0.5.1", here.installed.ports["implicit"], here.trust)
        await owner.greet()
        began, before = time.monotonic(), guesses.said["535 "]
        owner.send(_attempt("ann", PASSWORD, plain=True))
        assert (await owner.reply()).startswith("235 ")
        wait, jumped = time.monotonic() - began, guesses.said["535 "] - before
        trial.note = f"the owner was in after {wait * 1000:.0f} ms and {jumped} wrong guesses; "
        owner.close()
        for task in attack:
            task.cancel()
        ended = await asyncio.gather(*attack, return_exceptions=True)
        assert {type(error) for error in ended} == {asyncio.CancelledError}, ended
        assert guesses.said.keys() <= GUESSED, guesses.said
        assert wait < PATIENCE, trial.note
        assert jumped < JUMPED, trial.note
