"""A system that is told by webhooks: a real HTTP server that hears, and answers as it is told to."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SECRET = "hook-secret-4711"


@dataclass(frozen=True, slots=True)
class Heard:
    """One call."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def signed(self) -> bool:
        stamp, (version, _, proof) = (
            self.headers["mailguard-timestamp"],
            self.headers["mailguard-signature"].partition("="),
        )
        wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + self.body, hashlib.sha256).hexdigest()
        return version == "v1" and hmac.compare_digest(proof, wanted)


@dataclass
class Listener:
    """`answers`: what comes next, the last one for ever: a status, `hang`, `drop` or a whole answer."""

    answers: list[str] = field(default_factory=lambda: ["200"])
    heard: list[Heard] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=sesame"

    def events(self) -> list[str]:
        return [one.said["event"] for one in self.heard]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.heard.append(Heard(head[0].split()[1], headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == "hang":
                await reader.read()  # until the other side has had enough
            elif answer != "drop":
                text = f"HTTP/1.1 {answer} x\r\nContent-Length: 0\r\n\r\n" if answer.isdigit() else answer
                writer.write(text.encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(*answers: str, port: int = 0) -> AsyncIterator[Listener]:
    listener = Listener(list(answers or ("200",)))
    server = await asyncio.start_server(listener.serve, "127.0.0.1", port)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener
