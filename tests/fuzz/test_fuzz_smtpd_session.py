"""Whatever a client sends: every reply is ASCII with a code, nothing fails inside, nothing sloppy is accepted."""

import asyncio
import contextlib
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.settings import SmtpSettings
from mailguard.testing import FakeClock
from tests.unit.smtpd.conftest import OPEN, internal
from tests.unit.smtpd.peer import Intake, Watch

REPLY = re.compile(rb"[2-5][0-9]{2}[ -][ -~]*\r\n")
_LINES = st.sampled_from(
    [
        b"EHLO a\r\n", b"HELO \xff\r\n", b"MAIL FROM:<a@corp.example>\r\n", b"MAIL FROM:<> SIZE=9\r\n",
        b"RCPT TO:<b@c.example>\r\n", b"RCPT TO:<\xc3\xa9@c.example>\r\n", b"DATA\r\n",
        b"From: a@corp.example\r\n\r\nx\r\n.\r\n", b".\r\n", b"\n.\n", b"\r.\r", b"RSET\r\n", b"NOOP\n", b"\r\n",
        b"AUTH PLAIN =\r\n", b"STARTTLS\r\n", b"VRFY \xfe\r\n", b"BDAT 3\r\n", b"QUIT\r\n",
        b"mail from:<a@corp.example> ENVID=\r\n",
    ]
)  # fmt: skip
_SESSIONS = st.lists(st.one_of(_LINES, st.binary(max_size=20)), max_size=25)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_SESSIONS)
def test_any_session(pieces: list[bytes]) -> None:
    said, intake, watch = asyncio.run(_talk(b"".join(pieces)))
    assert re.fullmatch(rb"(?:%s)*" % REPLY.pattern, said), said
    assert watch.failures == []
    for envelope, raw, _ in intake.mails:
        assert envelope.recipients
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw)
        for address in (envelope.sender, *envelope.addresses):
            address.encode()
            assert address.isprintable()


async def _talk(sent: bytes) -> tuple[bytes, Intake, Watch]:
    intake, watch = Intake(), Watch()
    server = SmtpServer(
        SmtpSettings.model_validate({"listeners": [OPEN]}), intake, FakeClock(), internal=internal,
        notices_sender="mailguard@corp.example", watcher=watch,
    )  # fmt: skip
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
    said = bytearray()
    with contextlib.suppress(ConnectionError):
        writer.write(sent)
        writer.write_eof()
        while data := await asyncio.wait_for(reader.read(65536), 10):
            said += data
    writer.close()
    await server.stop(0)
    return bytes(said), intake, watch
