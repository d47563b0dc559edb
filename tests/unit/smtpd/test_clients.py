"""Programs people really send with: the bytes that arrive are the bytes they sent."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from mailguard.mail.envelope import Proof
from mailguard.smtpd.server import SmtpServer
from tests import tools
from tests.unit.smtpd.conftest import OPEN, SUBMISSION, SUBMISSIONS, Serve
from tests.unit.smtpd.peer import Intake

MESSAGE = (
    "From: Ann <ann@corp.example>\r\nTo: bob@client.example\r\nSubject: Zażółć\r\n"
    "Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@corp.example>\r\n\r\n"
    "Hello Bob,\r\n.\r\n..\r\n.hidden\r\ntrailing \r\n\r\nAnn\r\n"
).encode()
Tool = Callable[[str], str]


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
async def server(serve: Serve) -> SmtpServer:
    return await serve(SUBMISSION, SUBMISSIONS, OPEN)


async def run(*command: str | Path, given: bytes = b"") -> str:
    """The program's output; AssertionError with it when the program fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(given), 30)
    assert process.returncode == 0, output.decode(errors="replace")
    return output.decode(errors="replace")


def arrived(intake: Intake, protocol: str = "ESMTPSA") -> None:
    envelope, raw, session = intake.mails[-1]
    assert envelope.sender == "ann@corp.example"
    assert envelope.addresses == ("bob@client.example",)
    assert raw == MESSAGE
    assert session.protocol == protocol
    assert session.identity.address == "ann@corp.example"
    assert session.identity.proof is (Proof.LOGIN if protocol == "ESMTPSA" else Proof.NETWORK)


@pytest.mark.clients("swaks")
@pytest.mark.parametrize(("at", "tls", "auth"), [(0, "--tls", "PLAIN"), (1, "--tls-on-connect", "LOGIN")])
async def test_swaks(
    server: SmtpServer, intake: Intake, tool: Tool, ca_file: Path, at: int, tls: str, auth: str, tmp_path: Path
) -> None:
    if "TLS not available" in await run(tool("swaks"), "--support"):
        assert not tools.required(), "swaks has no TLS: tests/install-tools installs it"
        pytest.skip("swaks has no TLS: tests/install-tools installs it")
    letter = tmp_path / "letter"
    letter.write_bytes(MESSAGE)
    await run(
        tool("swaks"), "--server", "localhost", "--port", str(server.ports[at]), tls, "--tls-verify",
        "--tls-ca-path", ca_file, "--auth", auth, "--auth-user", "ann", "--auth-password", "secret",
        "--from", "ann@corp.example", "--to", "bob@client.example", "--data", f"@{letter}", "--suppress-data",
    )  # fmt: skip
    envelope, raw, session = intake.mails[-1]
    assert raw.removesuffix(b"\r\n") in (MESSAGE, MESSAGE.removesuffix(b"\r\n"))  # swaks ends a file once more
    assert (envelope.sender, session.protocol, session.identity.login) == ("ann@corp.example", "ESMTPSA", "ann")


@pytest.mark.clients("curl")
@pytest.mark.parametrize("at", [0, 1])
async def test_curl(server: SmtpServer, intake: Intake, tool: Tool, ca_file: Path, at: int) -> None:
    url = f"{('smtp', 'smtps')[at]}://localhost:{server.ports[at]}/client.example"
    await run(
        tool("curl"), "--silent", "--show-error", "--noproxy", "*", "--ipv4", "--url", url, "--ssl-reqd",
        "--cacert", ca_file, "--user", "ann:secret", "--mail-from", "ann@corp.example",
        "--mail-rcpt", "bob@client.example", "--upload-file", "-", given=MESSAGE,
    )  # fmt: skip
    arrived(intake)


@pytest.mark.clients("msmtp")
@pytest.mark.parametrize("at", [0, 1])
async def test_msmtp(server: SmtpServer, intake: Intake, tool: Tool, ca_file: Path, at: int, tmp_path: Path) -> None:
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost localhost\nport {server.ports[at]}\ntls on\ntls_starttls {('on', 'off')[at]}\n"
        f"tls_trust_file {ca_file}\nauth on\nuser ann\npassword secret\nfrom ann@corp.example\nset_date_header off\n"
    )
    settings.chmod(0o600)
    # msmtp reads a local file: lines end in LF, and it makes them CR LF.
    await run(
        tool("msmtp"), f"--file={settings}", "--", "bob@client.example", given=MESSAGE.replace(b"\r\n", b"\n")
    )  # fmt: skip
    arrived(intake)


@pytest.mark.clients("curl")
async def test_a_refusal_reaches_whoever_sends(server: SmtpServer, intake: Intake, tool: Tool) -> None:
    with pytest.raises(AssertionError, match="550"):
        await run(
            tool("curl"), "--silent", "--show-error", "--verbose", "--noproxy", "*", "--url", f"smtp://127.0.0.1:{server.ports[2]}",
            "--mail-from", "eve@evil.example", "--mail-rcpt", "bob@client.example", "--upload-file", "-", given=MESSAGE,
        )  # fmt: skip
    assert intake.mails == []


@pytest.mark.clients("smtp-source")
async def test_many_sessions_at_once(server: SmtpServer, intake: Intake, tool: Tool) -> None:
    await run(
        tool("smtp-source"), "-s", "20", "-m", "200", "-l", "4096", "-f", "ann@corp.example",
        "-t", "bob@client.example", f"127.0.0.1:{server.ports[2]}",
    )  # fmt: skip
    assert len(intake.mails) == 200
    assert len({session.id for _, _, session in intake.mails}) == 200
    assert min(len(raw) for _, raw, _ in intake.mails) > 4000
