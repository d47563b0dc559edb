"""A whole SMTP session over a socket, and a model of it: every reply as the model says, every mail as it was sent."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.settings import SmtpSettings
from mailguard.testing import FakeClock
from tests.fuzz.target import target
from tests.unit.smtpd.conftest import OPEN, internal
from tests.unit.smtpd.peer import Intake, Watch

ERRORS = 20  # not understood, and then 421
SENDERS = {
    b"MAIL FROM:<ann@corp.example>": 250, b"mail from: <ann@corp.example> SIZE=9 BODY=8BITMIME": 250,
    b"MAIL FROM:<>": 250,
    b"MAIL FROM:<x@evil.example>": 550, b"MAIL FROM:ann@corp.example": 501, b"MAIL FROM:<ann@corp.example> X=1": 555,
    b"MAIL FROM:<ann@corp.example> SIZE=99999999999": 552, b"MAIL FROM:<\xc5\xbc@corp.example>": 553,
    b"MAIL FROM:<\xff@corp.example>": 501, b"MAIL": 501,
}  # fmt: skip
RECIPIENTS = {
    b"RCPT TO:<bob@client.example>": 250, b"RCPT TO:<BOB@client.example> NOTIFY=NEVER": 250,
    b"rcpt to:<eve@client.example>": 250,
    b"RCPT TO:<>": 501, b"RCPT TO:<eve@client.example> NOTIFY=X": 501, b"RCPT TO:<eve@client.example> FOO": 555,
    b"RCPT TO:eve": 501,
    b"RCPT TO:<@a,@b:eve@client.example>": 250, b"RCPT TO:<\xc5\xbc@client.example>": 553,
}  # fmt: skip
ANY_TIME = {
    b"NOOP": 250, b"NOOP x": 250, b"HELP": 214, b"VRFY a": 252, b"VRFY": 501, b"EXPN a": 502, b"RSET x": 501,
    b"QUIT x": 501,
    b"STARTTLS": 503, b"AUTH PLAIN =": 502, b"XYZZY": 500, b"": 500, b"EHLO": 501, b"HELO ": 501, b"DATA x": 501,
    b"NOOP\n": 500, b"RSET\n": 500, b"x" * 5000: 500, b"\xff\xfe": 500, b"NO\rOP": 500,
}  # fmt: skip
LINES = (b"", b".", b"..", b".x", b"Subject: x", b"From: ann@corp.example", b"\xff\xfe", b"a\rb", b"a\nb", b"a\0b",
    b"\n.\n", b"\r.\r", b"x" * 999,
         b"MAIL FROM:<x@evil.example>", b"\n.\nQUIT", b"\0.")  # fmt: skip
COMMANDS: tuple[bytes, ...] = (
    b"EHLO a",
    b"HELO a",
    *SENDERS,
    *RECIPIENTS,
    b"DATA",
    b"RSET",
    b"QUIT",
    b"BDAT 3",
    b"GET / HTTP/1.1",
    *ANY_TIME,
)


@dataclass
class Talk:
    """What is sent, and what has to come of it."""

    wire: bytearray = field(default_factory=bytearray)
    turns: list[tuple[int, int]] = field(default_factory=list)  # octets after which so many replies are waited for
    codes: list[int] = field(default_factory=lambda: [220])
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    greeted: bool = False
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    errors: int = 0
    over: bool = False

    def say(self, command: bytes, body: Iterator[bytes]) -> None:
        self.wire += command if command.endswith(b"\n") else command + b"\r\n"
        code = self._code(command)
        self.codes.append(code)
        if command.startswith(b"DATA"):  # nothing may be sent behind it before its answer
            self.turns.append((len(self.wire), len(self.codes)))
        if code == 354:
            self._mail(body)
        elif command == b"BDAT 3":
            self.over = True
        elif 500 <= code <= 504:
            self.errors += 1
            self.codes += [421] if self.errors > ERRORS else []
        self.over = self.over or self.codes[-1] in (221, 421)

    def _code(self, command: bytes) -> int:
        if command in (b"EHLO a", b"HELO a"):
            self.greeted = True
            return self._forget()
        if command in SENDERS:
            return self._sender(command)
        if command in RECIPIENTS:
            return self._recipient(command)
        if command == b"RSET":
            return self._forget()
        if command == b"DATA":
            return self._data()
        return {b"QUIT": 221, b"BDAT 3": 502, b"GET / HTTP/1.1": 421}.get(command) or ANY_TIME[command]

    def _forget(self) -> int:
        self.sender = None
        return 250

    def _sender(self, command: bytes) -> int:
        if b"\xff" in command:  # not text: nobody looks any further
            return 501
        if not self.greeted or self.sender is not None:
            return 503
        if SENDERS[command] == 250:
            self.sender, self.recipients = ("" if b"<>" in command else "ann@corp.example"), []
        return SENDERS[command]

    def _recipient(self, command: bytes) -> int:
        if self.sender is None:
            return 503
        if RECIPIENTS[command] == 250:
            known = {one.lower() for one in self.recipients}
            address = command.decode().partition("<")[2].partition(">")[0].rpartition(":")[2]
            self.recipients += [] if address.lower() in known else [address]
        return RECIPIENTS[command]

    def _data(self) -> int:
        if self.sender is None or not self.recipients:
            self._forget()
            return 503
        return 354

    def _mail(self, body: Iterator[bytes]) -> None:
        lines = list(body)
        raw = b"".join(line + b"\r\n" for line in lines)
        self.wire += b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"
        sloppy = any(set(line) & set(b"\r\n\0") for line in lines)
        self.codes.append(554 if sloppy else self._policy(lines))
        if self.codes[-1] == 250 and self.sender is not None:
            self.mails.append((self.sender, self.recipients, raw))
        self.sender = None

    def _policy(self, lines: list[bytes]) -> int:
        """A mail of a person says in its header who it is from, and no mail says so behind a line that is no field."""
        head = list(takewhile(lambda line: line.startswith((b"From: ", b"Subject: ")), lines))
        torn = list(takewhile(bool, lines[len(head) :]))
        said = [line.startswith(b"From: ") for line in head]
        return 550 if b"From: ann@corp.example" in torn or (self.sender and not any(said)) else 250


def talk(data: bytes) -> Talk:
    """The session that these bytes mean: a byte a command, and behind a DATA a count and a byte a line."""
    made, rest = Talk(), iter(data)
    for byte in rest:
        body = (
            LINES[next(rest, 0) % len(LINES)]
            for _ in range(next(rest, 0) % 8 if COMMANDS[byte % len(COMMANDS)] == b"DATA" else 0)
        )
        made.say(COMMANDS[byte % len(COMMANDS)], body)
        if made.over:
            return made
    return made


_WHOLE = bytes(
    COMMANDS.index(command)
    for command in (b"EHLO a", b"MAIL FROM:<ann@corp.example>", b"RCPT TO:<bob@client.example>", b"DATA")
)


@target(
    "dialogue",
    "every reply is the one that is due, every mail acknowledged is kept as it was sent",
    [bytes([number]) for number in range(len(COMMANDS))] + [_WHOLE + bytes([count, 5, 4]) for count in (2, 3, 4)],
)
def dialogue(data: bytes) -> None:
    said = talk(data)
    codes, intake, watch = asyncio.run(_hold(said, 1 + len(data) % 7))
    assert codes == said.codes
    assert watch.failures == []
    assert [(e.sender, list(e.addresses), raw) for e, raw, _ in intake.mails] == said.mails


async def _hold(said: Talk, pieces: int) -> tuple[list[int], Intake, Watch]:
    """Send it, every turn in pieces; the codes of all replies."""
    intake, watch, codes = Intake(), Watch(), list[int]()
    server = SmtpServer(
        SmtpSettings.model_validate({"listeners": [OPEN]}), intake, FakeClock(), internal=internal,
        notices_sender="mailguard@corp.example", watcher=watch,
    )  # fmt: skip
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
    try:
        sent = 0
        for end, answers in said.turns:
            await _send(writer, bytes(said.wire[sent:end]), pieces)
            codes += [await _reply(reader) for _ in range(answers - len(codes))]
            sent = end
        await _send(writer, bytes(said.wire[sent:]), pieces)
        if not said.over:  # else the server ends it, perhaps before we could
            writer.write_eof()
        while code := await _reply(reader):
            codes.append(code)
    finally:
        writer.close()
        await server.stop(0)
    return codes, intake, watch


async def _send(writer: asyncio.StreamWriter, wire: bytes, pieces: int) -> None:
    for at in range(pieces):
        writer.write(wire[len(wire) * at // pieces : len(wire) * (at + 1) // pieces])
        await asyncio.sleep(0)


async def _reply(reader: asyncio.StreamReader) -> int:
    """The code of one reply, 0 when there is none any more."""
    line = b"   -"
    while line[3:4] == b"-":
        line = await asyncio.wait_for(reader.readline(), 10)
    return int(line[:3] or 0)
