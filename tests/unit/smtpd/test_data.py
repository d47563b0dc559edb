"""The body: its real end, its line ends, its dots, its size, its hash; however it is cut into packets."""

import hashlib
import tracemalloc

import pytest

from mailguard.errors import PermanentFailure
from mailguard.records import Spool
from mailguard.smtpd.data import LINE, Scanner

HEAD = b"From: ann@corp.example\r\n\r\n"


def scan(wire: bytes, step: int = 1 << 18, limit: int = 1 << 26) -> tuple[Spool, bytes]:
    """Feed `wire` in pieces of `step` octets; the message, and what followed its end."""
    scanner, kept = Scanner(limit), bytearray(b"\r\n")
    for at in range(0, len(wire), step):
        kept = scanner.feed(kept + wire[at : at + step])
        if scanner.done:
            return scanner.spool(), bytes(kept) + wire[at + step :]
    raise AssertionError("the end was not found")


def refusal(wire: bytes, step: int = 1 << 18, limit: int = 1 << 26) -> str:
    with pytest.raises(PermanentFailure) as caught:
        scan(wire, step, limit)
    return caught.value.line


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7, 64, 1 << 18])
@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"..x\r\n...\r\n.\r\n", b".x\r\n..\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"a\r\n..\r\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
        (b"\r\n\r\n..\r\n\r\n.\r\n", b"\r\n\r\n.\r\n\r\n"),
    ],
)
def test_dots_are_unstuffed_and_the_end_is_found_however_it_is_cut(sent: bytes, received: bytes, step: int) -> None:
    spool, rest = scan(sent + b"QUIT\r\n", step)
    assert bytes(spool.raw) == received
    assert rest == b"QUIT\r\n"
    assert spool.digest == hashlib.sha256(received).digest()


@pytest.mark.parametrize("step", [1, 3, 5, 1 << 18])
@pytest.mark.parametrize(
    "body",
    [
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\r\r\nb\r\n",
        b"a\n\r\nb\r\n",
        b"\n.\n\r\n",
        b"a\r\n.\rb\r\n",
        b"x\r\n.\nMAIL\r\n",
        b"a\0\r\n",
    ],
)
def test_sloppy_line_ends_and_nul_are_refused_and_read_to_the_real_end(body: bytes, step: int) -> None:
    scanner, kept = Scanner(1 << 20), bytearray(b"\r\n")
    wire = HEAD + body + b".\r\nNOOP\r\n"
    for at in range(0, len(wire), step):
        kept = scanner.feed(kept + wire[at : at + step])
        if scanner.done:
            assert bytes(kept) + wire[at + step :] == b"NOOP\r\n"
            break
    with pytest.raises(PermanentFailure) as caught:
        scanner.spool()
    assert caught.value.line.startswith("554 5.6.0 ")


@pytest.mark.parametrize("step", [1000, 65536, 65537, 100_000, 1 << 18])
def test_a_line_of_64_kib_is_accepted_and_one_octet_more_is_not(step: int) -> None:
    fits = HEAD + b"short\r\n" + b"x" * LINE + b"\r\nshort\r\n"
    assert bytes(scan(fits + b".\r\n", step)[0].raw) == fits
    assert refusal(fits[:-9] + b"y\r\nshort\r\n.\r\n", step).startswith("554 5.6.0 ")
    assert refusal(HEAD + b"x" * (LINE * 5) + b"\r\n.\r\n", step).startswith("554 5.6.0 ")


def test_the_limit_counts_the_message_without_its_stuffing() -> None:
    message = HEAD + b".\r\n" * 100
    stuffed = HEAD + b"..\r\n" * 100 + b".\r\n"
    assert bytes(scan(stuffed, limit=len(message))[0].raw) == message
    assert refusal(stuffed, limit=len(message) - 1).startswith("552 5.3.4 ")


def test_what_is_too_big_is_not_kept() -> None:
    scanner = Scanner(1000)
    for _ in range(100):
        scanner.feed(bytearray(b"x" * 60 + b"\r\n") * 1000)
    assert len(scanner._raw) == 0


def test_memory_is_at_most_the_mail_and_a_little() -> None:
    line, size = b"0123456789" * 7 + b"\r\n", 16 << 20
    chunk = line * (65536 // len(line))
    tracemalloc.start()
    try:
        scanner, kept = Scanner(1 << 26), bytearray(b"\r\n")
        for _ in range(size // len(chunk)):
            kept = scanner.feed(kept + chunk)
        scanner.feed(kept + b".\r\n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A bytearray is over-allocated by an eighth; those pages are not touched.
    assert peak < size * 1.125 + (1 << 20)
    assert len(scanner.spool().raw) == size // len(chunk) * len(chunk)


@pytest.mark.timeout(20)  # a quadratic step would take minutes
@pytest.mark.parametrize("line", [b"0123456789" * 7 + b"\r\n", b"\r\n", b"..\r\n"])
def test_time_does_not_depend_on_how_many_lines_there_are(line: bytes) -> None:
    """5 MB in a few hundredths of a second, 2 MiB of empty lines too (aiosmtpd: 2.7 s)."""
    wire = line * ((5 << 20) // len(line)) + b".\r\n"
    scan(wire)
