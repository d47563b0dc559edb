"""Real mail clients through a listener with TLS and a login: what arrives is what was sent, but for our headers."""

import asyncio
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mailguard.demo.site import free_port
from mailguard.demo.world import Caught, OutsideWorld
from mailguard.testing import eventually
from tests.installed import PASSWORD, Installed, install

# dots at line starts, 8 bit, a long line, trailing blanks: what relays get wrong
_BODY = b"Dear Bob,\r\n\r\n.one dot\r\n..two\r\n.\xc5\x82\xc3\xb3d\xc5\xba \r\n" + b"x" * 900 + b"\r\n\r\nend\r\n"
_HEAD = (
    b"From: Ann <ann@corp.example>\r\nTo: bob@corp.example\r\nSubject: Fidelity\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <fidelity@corp.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
)
_MAIL = _HEAD + b"\r\n" + _BODY
_RECEIVED = re.compile(rb"\AReceived: from [^\r]+\r\n(?:[ \t][^\r]+\r\n)+")

Tool = Callable[[str], str]


def _without_our_headers(caught: Caught) -> bytes:
    """Received is all that mailguard adds to a complete mail."""
    stripped, count = _RECEIVED.subn(b"", caught.raw)
    assert count == 1, caught.raw[:300]
    return stripped


@pytest.mark.clients("swaks")
async def test_swaks_over_starttls(installed: Installed, sink: OutsideWorld, tool: Tool, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(_MAIL.replace(b"\r\n", b"\n"))
    await _client(
        installed, tool("swaks"), "--server", "127.0.0.1", "--port", str(installed.ports["starttls"]), "--tls",
        "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", PASSWORD, "--from", "ann@corp.example",
        "--to", "bob@corp.example", "--data", f"@{mail}",
    )  # fmt: skip
    arrived = await sink.wait_for(lambda caught: caught.subject == "Fidelity")
    assert _without_our_headers(arrived).rstrip(b"\r\n") == _MAIL.rstrip(b"\r\n")  # swaks adds an empty line


@pytest.mark.clients("curl")
async def test_curl_over_implicit_tls(installed: Installed, sink: OutsideWorld, tool: Tool, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(_MAIL)
    await _client(
        installed, tool("curl"), "--silent", "--show-error", f"smtps://127.0.0.1:{installed.ports['implicit']}",
        "--cacert", str(installed.folder / "ca.pem"), "--user", f"ann:{PASSWORD}", "--mail-from", "ann@corp.example",
        "--mail-rcpt", "bob@corp.example", "--upload-file", str(mail),
    )  # fmt: skip
    arrived = await sink.wait_for(lambda caught: caught.subject == "Fidelity")
    assert _without_our_headers(arrived) == _MAIL


@pytest.mark.clients("msmtp")
async def test_msmtp_over_starttls(installed: Installed, sink: OutsideWorld, tool: Tool, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    await _client(
        installed, tool("msmtp"), "--host=127.0.0.1", f"--port={installed.ports['starttls']}", "--tls=on",
        f"--tls-trust-file={installed.folder / 'ca.pem'}", "--auth=plain", "--user=ann",
        f"--passwordeval=cat {secret}", "--from=ann@corp.example", "--domain=laptop.corp.example",
        "bob@corp.example", stdin=_MAIL,
    )  # fmt: skip
    arrived = await sink.wait_for(lambda caught: caught.subject == "Fidelity")
    assert _without_our_headers(arrived) == _MAIL


@pytest.mark.clients("swaks")
async def test_a_user_cannot_send_as_somebody_else(installed: Installed, tool: Tool) -> None:
    for sender, header in (("boss@corp.example", "boss@corp.example"), ("ann@corp.example", "boss@corp.example")):
        said = await _client(
            installed, tool("swaks"), "--server", "127.0.0.1", "--port", str(installed.ports["starttls"]), "--tls",
            "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", PASSWORD, "--from", sender,
            "--header", f"From: {header}", "--to", "bob@corp.example", ok=False,
        )  # fmt: skip
        assert "550 5.7.1" in said


@pytest.mark.clients("smtp-sink", "curl")
async def test_through_to_a_real_smtp_sink(tmp_path: Path, tool: Tool) -> None:
    port, dump = free_port(), tmp_path / "dump"
    dump.mkdir()
    installed = await asyncio.to_thread(install, _made(tmp_path / "site"), port)
    mail = tmp_path / "mail.eml"
    mail.write_bytes(_MAIL)
    dump.chmod(0o777)  # it gives up root before it writes
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [tool("smtp-sink"), *user, "-d", "%M.", f"127.0.0.1:{port}", "10"]
    with subprocess.Popen(command, cwd=dump) as sink:  # noqa: ASYNC220 - starting it takes no time
        try:
            await _client(
                installed, tool("curl"), "--silent", f"smtps://127.0.0.1:{installed.ports['implicit']}",
                "--cacert", str(installed.folder / "ca.pem"), "--user", f"ann:{PASSWORD}", "--mail-from",
                "ann@corp.example", "--mail-rcpt", "bob@corp.example", "--upload-file", str(mail),
            )  # fmt: skip
            content = await _dumped(dump)
        finally:
            sink.terminate()
            if installed.process:
                await asyncio.to_thread(installed.end)
    assert content.rstrip().endswith(_MAIL.replace(b"\r\n", b"\n").rstrip())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _dumped(folder: Path) -> bytes:
    def complete() -> bytes:
        files = list(folder.iterdir())
        content = files[0].read_bytes() if files else b""
        return content if content.rstrip().endswith(b"end") else b""

    content: bytes = await eventually(complete)
    return content


async def _client(installed: Installed, *command: str, stdin: bytes | None = None, ok: bool = True) -> str:
    """Run a client against the service; what it said."""

    def run() -> str:
        if installed.process is None:
            installed.start()
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert (done.returncode == 0) is ok, said
        return said

    return await asyncio.to_thread(run)
