"""What a client sends: the body of a mail, parameters, the login dialogue."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

from mailguard.errors import PermanentFailure
from mailguard.smtpd.commands import mail_parameters, rcpt_parameters
from mailguard.smtpd.data import LINE, receive
from mailguard.smtpd.login import PASSWORDS, TOKENS, credentials
from mailguard.smtpd.wire import GoneError, Wire
from tests.fuzz.target import target

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_LOOP = asyncio.Runner()


@target(
    "data",
    "a mail ends at CR LF . CR LF and nowhere else, however it is cut",
    [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"..", b"\0", b"x", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\r\n\0.\r\n",
     b"\r\n.\r", b".\r\n", b"QUIT\r\n"],
)  # fmt: skip
def data(data: bytes) -> None:
    """The first two bytes say how large a mail may be and how the rest is cut."""
    limit, cut = (data[0] * 8 if data else 0), 1 + (data[1] % 9 if len(data) > 1 else 0)
    body = data[2:]
    wire = Wire(_LOOP.get_loop())
    for at in range(0, len(body), cut):
        wire.feed(body[at : at + cut])
    wire.end()
    expected = _byte_by_byte(body, limit)
    try:
        spool = _LOOP.run(receive(wire, limit))
        found: tuple[bytes | str, bytes] | None = (bytes(spool.raw), bytes(wire.discard()))
    except PermanentFailure as refusal:
        found = (refusal.line[:9], bytes(wire.discard()))
    except GoneError:
        found = None
    assert found == expected


def _byte_by_byte(wire: bytes, limit: int) -> tuple[bytes | str, bytes] | None:
    """(the mail or the refusal, what follows it) as a machine with one state a byte says; None: it never ends."""
    mail, state, column, sloppy = bytearray(), "line", 0, False
    for at, byte in enumerate(wire):
        char = bytes([byte])
        if state == "dot cr" and char == b"\n":
            return _judged(mail, limit, sloppy), wire[at + 1 :]
        if state == "dot cr":  # a dot that was stuffed, and then a lone CR
            mail, sloppy, state = mail + b"\r", True, "text"
        if state == "dot" and char == b"\r":
            state = "dot cr"
            continue
        if state == "line" and char == b".":
            state = "dot"
            continue
        if state == "cr" and char != b"\n":
            sloppy = True
        sloppy = sloppy or char == b"\0" or (char == b"\n" and state != "cr")
        mail += char
        column = 0 if char == b"\n" and state == "cr" else column + 1
        sloppy = sloppy or column > LINE + 1
        state = "line" if char == b"\n" and state == "cr" else "cr" if char == b"\r" else "text"
    return None


def _judged(mail: bytearray, limit: int, sloppy: bool) -> bytes | str:
    if len(mail) > limit:
        return "552 5.3.4"
    return "554 5.6.0" if sloppy else bytes(mail)


@target(
    "commands",
    "parameters of MAIL and RCPT are kept as written, or refused",
    [b"SIZE=", b"BODY=", b"8BITMIME", b"SMTPUTF8", b"RET=", b"FULL", b"HDRS", b"ENVID=", b"AUTH=", b"<>", b"HOLDFOR=",
     b"HOLDUNTIL=", b"2026-11-24T00:00:00Z", b"NOTIFY=", b"NEVER", b"SUCCESS", b",", b"ORCPT=", b"rfc822;", b"utf-8;",
     b"+0D", b"+41", b" ", b"=", b"999999999", b"\xc2\x85", b"9999-12-31T23:59:59-23:59"],
)  # fmt: skip
def commands(data: bytes) -> None:
    text = data.decode(errors="ignore")
    try:
        given = mail_parameters(text, lambda: NOW, timedelta(days=30))
        assert 0 <= given.size < 10**20
        assert given.ret in (None, "FULL", "HDRS")
        assert given.envid is None or (given.envid in text and given.envid.isascii() and given.envid.isprintable())
        assert given.hold_until is None or NOW < given.hold_until <= NOW + timedelta(days=30)
    except PermanentFailure as refusal:
        assert refusal.code in (501, 555)
    try:
        asked = rcpt_parameters(text)
        assert set(asked.notify) <= {"NEVER", "SUCCESS", "FAILURE", "DELAY"}
        assert asked.orcpt is None or (asked.orcpt in text and not re.search(r"[\x00-\x20\x7f-\x9f]", asked.orcpt))
    except PermanentFailure as refusal:
        assert refusal.code in (501, 555)


@target(
    "login",
    "a login is a name and a password, or refused with words that give nothing away",
    [b"PLAIN ", b"LOGIN ", b"plain", b"=", b"*", b"AGFubgBzZWNyZXQ=", b"YW5u", b"c2VjcmV0", b"\n", b"AAAA", b"/+",
     b" ",
     b"//8=", b"CRAM-MD5", b"XOAUTH2 ", b"OAUTHBEARER ", b"dXNlcj1hAWF1dGg9QmVhcmVyIHgBAQ==",
     b"bixhPWEsAWF1dGg9QmVhcmVyIHgBAQ=="],
)  # fmt: skip
def login(data: bytes) -> None:
    """Lines: what follows AUTH, then the client's answers."""
    argument, *answers = data.split(b"\n")

    async def ask(_: bytes) -> bytes:
        if not answers:
            raise GoneError
        return answers.pop(0)

    try:
        shown = _LOOP.run(credentials(argument.decode("latin-1"), ask, (*PASSWORDS, *TOKENS)))
    except GoneError:
        return
    except PermanentFailure as refusal:
        assert refusal.code in (501, 504, 535)
        assert refusal.line.isprintable()
        return
    assert "\0" not in shown.name + shown.secret
    assert len(shown.name.encode()) <= 1024
    assert shown.secret.isascii() if shown.mechanism in TOKENS else len(shown.secret.encode()) <= 1024
