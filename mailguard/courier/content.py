"""A message on its way into a DATA command: cut into pieces, dots doubled (RFC 5321 §4.5.2)."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from mailguard.courier.parcel import Body, Parcel

PIECE = 1 << 17  # bytes: large enough to be cheap, small enough to be held twice


class Stuffer:
    """Doubles the dot at the start of a line, across the borders of pieces as well."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the message begins at the start of a line

    def feed(self, piece: bytes) -> bytes:
        """The piece as it goes on the wire."""
        tail, self._tail = self._tail, (self._tail + piece[-2:])[-2:]
        if b"." not in piece:  # one memchr: most large bodies are base64, which has no dots
            return piece
        border = (tail + piece[:2]).find(b"\r\n.")
        if border < 0:
            return piece.replace(b"\r\n.", b"\r\n..")
        dot = border + 2 - len(tail)
        return piece[:dot] + b"." + piece[dot:].replace(b"\r\n.", b"\r\n..")

    def end(self) -> bytes:
        """The final dot, after a line end that is added only where the message has none."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


def whole(parcel: Parcel) -> bytes | None:
    """The stuffed message with its final dot in one piece when it is small; None: send it in pieces."""
    if callable(parcel.body) or parcel.octets > PIECE:
        return None
    stuffer = Stuffer()
    return stuffer.feed(b"".join((parcel.head, parcel.body))) + stuffer.end()


async def pieces(parcel: Parcel) -> AsyncGenerator[bytes, None]:
    """The message, not stuffed, in pieces of at most `PIECE` bytes."""
    for piece in _cut(parcel.head):
        yield piece
    async with aclosing(body_pieces(parcel)) as rest:
        async for piece in rest:
            yield piece


async def body_pieces(parcel: Parcel) -> AsyncGenerator[bytes, None]:
    """The same without the header."""
    if callable(parcel.body):
        async for chunk in parcel.body():
            for piece in _cut(chunk):
                yield piece
    else:
        for piece in _cut(parcel.body):
            yield piece


def _cut(data: bytes | memoryview) -> Iterable[bytes]:
    if isinstance(data, bytes) and len(data) <= PIECE:
        return [data]
    view = memoryview(data)
    return map(bytes, (view[at : at + PIECE] for at in range(0, len(view), PIECE)))


async def is_ascii(head: bytes, body: Body) -> bool:
    """Whether seven bits are enough. Reads a streamed body to its end: ask only when the answer matters."""
    if not head.isascii():
        return False
    if callable(body):
        async for chunk in body():
            if not chunk.isascii():
                return False
        return True
    return all(piece.isascii() for piece in _cut(body))
