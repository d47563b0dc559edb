"""Whatever bytes a body is and however they are cut: the end is the first CR LF . CR LF, and nothing gets past it."""

import hashlib
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailguard.errors import PermanentFailure
from mailguard.smtpd.data import LINE, Scanner

_PIECES = st.sampled_from(
    [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"..", b"\0", b"x", b"\r\n.\r\n", b"\n.\n", b"y" * LINE]
)
_BODIES = st.lists(st.one_of(_PIECES, st.binary(max_size=5)), max_size=30).map(b"".join)
_AFTER = st.sampled_from([b"", b"QUIT\r\n", b".\r\n", b"\r\n.\r\n", b"."])


def expected(wire: bytes, limit: int) -> tuple[bytes | str, bytes]:
    """The same, written the slow and obvious way."""
    end = (b"\r\n" + wire).index(b"\r\n.\r\n")
    raw, rest = wire[:end], wire[end + 3 :]
    message = re.sub(rb"(?:\A|(?<=\r\n))\.", b"", raw)
    if len(message) > limit:
        return "552 5.3.4", rest
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw) or max(map(len, raw.split(b"\r\n"))) > LINE:
        return "554 5.6.0", rest
    return message, rest


@settings(max_examples=600, deadline=None)
@given(_BODIES, _AFTER, st.lists(st.integers(1, 9), min_size=1), st.integers(0, 200_000))
@example(b"", b"", [1], 10)
@example(b"\r\n.\r", b"", [1], 10)
def test_the_scanner_agrees_with_the_slow_way(body: bytes, after: bytes, cuts: list[int], limit: int) -> None:
    wire = body + b"\r\n.\r\n" + after
    scanner, kept, at, turn = Scanner(limit), bytearray(b"\r\n"), 0, 0
    while not scanner.done:
        step = cuts[turn % len(cuts)] * (1 if len(wire) < 300 else 9973)
        kept = scanner.feed(kept + wire[at : at + step])
        at, turn = at + step, turn + 1
    found: bytes | str
    try:
        spool = scanner.spool()
        found = bytes(spool.raw)
        assert spool.digest == hashlib.sha256(found).digest()
    except PermanentFailure as refusal:
        found = refusal.line[:9]
    message, rest = expected(wire, limit)
    assert found == message
    assert bytes(kept) + wire[at:] == rest
