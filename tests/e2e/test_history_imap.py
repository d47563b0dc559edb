"""Sent folders of a real Dovecot are learnt from: resumed wherever it broke, changed by nothing, and never trusted."""

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli, history_import
from mailguard.cli.common import Context
from tests.dovecot import MASTER, MASTER_PASSWORD, PASSWORD, Dovecot
from tests.installed import COMMAND

pytestmark = pytest.mark.clients("dovecot")

ANN, LEE, KIM = "ann@corp.example", "lee@corp.example", "kim@client.example"
BEGUN = datetime.now(UTC) - timedelta(days=200)


def mail(number: int, *, sender: str = ANN, to: str = f"{LEE}, {KIM}") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, f"Plan {number}"
    message["Date"] = format_datetime(BEGUN + timedelta(hours=number))
    message["Message-ID"] = f"<{number}.{sender}>"
    message.set_content("Hi Kim,\n\nthe plan.\n")
    return message.as_bytes()


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    server = Dovecot()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert CliRunner().invoke(cli, ["init", str(tmp_path)], obj=Context()).exit_code == 0
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return tmp_path


def run(home: Path, *arguments: str, **environ: str) -> Result:
    call = ["--config", str(home / "mailguard.yaml"), "history", *arguments]
    return CliRunner().invoke(cli, call, obj=Context(), env={"MAILGUARD_CONFIG": "", **environ})


def learn(home: Path, dovecot: Dovecot, url: str = "", *more: str) -> Result:
    ways = ["--ca-file", str(dovecot.ca_file), "--password-file", str(home / "password")]
    done = run(home, "import", url or dovecot.url(ANN), *ways, *more)
    assert PASSWORD not in done.output
    return done


def learnt(home: Path, person: str = ANN) -> int:
    return sum(f'"from": "{person}"' in line for line in run(home, "show", person).output.splitlines())


def listing(dovecot: Dovecot) -> list[str]:
    found = sorted(path.name for path in dovecot.place(ANN, "Sent").glob("cur/*"))
    return found + sorted(path.name for path in dovecot.place(ANN, "Sent").glob("new/*"))


def test_the_folder_is_found_learnt_once_and_left_as_it_was(home: Path, dovecot: Dovecot) -> None:
    dovecot.put(ANN, map(mail, range(120)))
    dovecot.start()
    before = listing(dovecot)
    done = learn(home, dovecot)
    assert done.exit_code == 0, done.output
    assert "120 mails learnt" in done.output
    assert listing(dovecot) == before
    dovecot.put(ANN, [mail(500)])
    again = learn(home, dovecot, dovecot.url(ANN, tls=False))
    assert "121 mails learnt" not in again.output
    assert "120 that are known already" in again.output, "another server, for all that is known: its mails are not"
    third = learn(home, dovecot)
    assert "0 mails learnt" in third.output
    assert "known already" in third.output
    assert learnt(home) == 121
    fetched = [line for line in dovecot.log.splitlines() if "Disconnected" in line][-1]
    assert "hdr_count=1 " in fetched, "the third went on where the first was left"
    assert "known already" in learn(home, dovecot, "", "--again").output


def test_many_people_are_read_by_one_who_may(home: Path, dovecot: Dovecot) -> None:
    for who in (ANN, LEE):
        dovecot.put(who, [mail(number, sender=who) for number in range(10)])
    dovecot.start()
    (home / "users").write_text(f"# all of us\n{ANN}\n{LEE}\nnobody@corp.example\n")
    (home / "password").write_text(MASTER_PASSWORD)
    done = learn(home, dovecot, dovecot.url(), "--users", str(home / "users"), "--master", MASTER)
    assert done.exit_code == 0, done.output
    assert (learnt(home), learnt(home, LEE)) == (10, 10)
    assert MASTER_PASSWORD not in done.output


def test_a_wrong_password_is_one_persons_affair(home: Path, dovecot: Dovecot) -> None:
    dovecot.put(LEE, [mail(number, sender=LEE) for number in range(3)])
    dovecot.start()
    (home / "users").write_text(f"{ANN}:not-{PASSWORD[:3]}-this\n{LEE}\n")
    done = learn(home, dovecot, dovecot.url(), "--users", str(home / "users"))
    assert done.exit_code == 1
    assert f"{ANN}: the server does not let {ANN} in" in done.output
    assert "this" not in done.output.replace("on this", "")
    assert learnt(home, LEE) == 3


def test_only_what_is_looked_at_is_fetched_and_what_is_no_mail_is_named(home: Path, dovecot: Dovecot) -> None:
    large = mail(1).replace(b"\n\n", b"\n\n" + b"x" * 70 + b"\n", 1) + (b"y" * 70 + b"\n") * 740_000
    assert len(large) > 50 << 20
    attached = EmailMessage()
    attached["From"], attached["To"], attached["Subject"] = ANN, LEE, "Files"
    attached["Date"], attached["Message-ID"] = format_datetime(BEGUN), "<files@corp.example>"
    attached.set_content("Here they are")
    attached.add_attachment(b"z" * (2 << 20), maintype="application", subtype="octet-stream", filename="z")
    broken = mail(2).replace(b"Content-Type: text/plain", b"Content-Type: multipart/mixed; boundary=nowhere")
    bad = [
        b"To: lee@corp.example\n\nwithout From or Date\n",
        b"\xff\x00\n\n",
        b"From: ann@corp.example\nDate: soon\n\n",
    ]
    dovecot.put(ANN, [large, attached.as_bytes(), broken, *bad, mail(3, sender=KIM), mail(4)])
    dovecot.start()
    done = learn(home, dovecot)
    assert done.exit_code == 0, done.output
    assert "4 mails learnt" in done.output
    assert done.output.count("not read: ") == 3
    assert "passed over: 1 that nobody of" in done.output
    out = re.findall(r"out=(\d+)", dovecot.log)
    assert sum(map(int, out)) < 200_000


def test_a_folder_numbered_anew_is_read_again_and_nothing_learnt_twice(home: Path, dovecot: Dovecot) -> None:
    dovecot.put(ANN, map(mail, range(30)))
    dovecot.start()
    learn(home, dovecot)
    dovecot.number_anew(ANN)
    dovecot.put(ANN, [mail(100)])
    done = learn(home, dovecot)
    assert "Sent was numbered anew" in done.output
    assert "1 mails learnt" in done.output
    assert "30 that are known already" in done.output
    assert learnt(home) == 31


def test_a_folder_that_is_gone_is_said(home: Path, dovecot: Dovecot) -> None:
    dovecot.start()
    done = learn(home, dovecot, dovecot.url(ANN, "Gesendete%20Elemente%20Ü"))
    assert done.exit_code == 1
    assert "there is no folder 'Gesendete Elemente Ü'" in done.output


def test_a_server_that_is_another_one_never_gets_the_password(home: Path, dovecot: Dovecot) -> None:
    dovecot.start()
    other = dovecot.url(ANN).replace("localhost", "127.0.0.1")
    done = learn(home, dovecot, other)
    assert done.exit_code == 1
    assert "is not who it says it is" in done.output
    strange = run(home, "import", dovecot.url(ANN), IMAP_PASSWORD=PASSWORD)
    assert strange.exit_code == 1
    assert "is not who it says it is" in strange.output
    assert "auth" not in dovecot.log.replace("no auth attempts", "").replace("before auth was ready", "")


def test_no_password_is_sent_in_the_clear(home: Path) -> None:
    heard = bytearray()
    with _listening(lambda link: heard.extend(_plain_server(link))) as port:
        done = run(home, "import", f"imap://{ANN}@localhost:{port}", IMAP_PASSWORD=PASSWORD)
    assert done.exit_code == 1
    assert "offers no STARTTLS" in done.output
    assert b"LOGIN" not in heard.upper()
    assert b"AUTHENTICATE" not in heard.upper()


def test_a_password_on_the_command_line_is_refused_and_not_shown(home: Path) -> None:
    done = run(home, "import", "imaps://ann:hunter2@localhost/Sent")
    assert done.exit_code == 2
    assert "hunter2" not in done.output


def test_a_connection_that_breaks_is_made_again(home: Path, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_import, "_WAIT", 0.0)
    dovecot.put(ANN, map(mail, range(300)))
    dovecot.start()
    with Relay(dovecot.tls_port, after=(12_000, 40_000, 25_000), hang=False) as relay:
        done = learn(home, dovecot, f"imaps://{ANN}@localhost:{relay.port}")
    assert done.exit_code == 0, done.output
    assert "300 mails learnt" in done.output
    assert relay.connections == 4
    assert learnt(home) == 300


def test_a_server_that_hangs_is_left_and_asked_again(
    home: Path, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_import, "_WAIT", 0.0)
    dovecot.put(ANN, map(mail, range(60)))
    dovecot.start()
    with Relay(dovecot.tls_port, after=(12_000,), hang=True) as relay:
        done = learn(home, dovecot, f"imaps://{ANN}@localhost:{relay.port}", "--timeout", "2s")
    assert done.exit_code == 0, done.output
    assert "60 mails learnt" in done.output
    with Relay(dovecot.tls_port, after=(0,) * 99, hang=True) as relay:
        never = learn(home, dovecot, f"imaps://{ANN}@localhost:{relay.port}", "--timeout", "1s")
    assert never.exit_code == 1
    assert "1 mailbox. Begin again" in never.output
    assert relay.connections == 5


def test_an_import_that_is_killed_goes_on_where_it_was(home: Path, dovecot: Dovecot) -> None:
    dovecot.put(ANN, map(mail, range(300)))
    dovecot.start()
    with Relay(dovecot.tls_port, after=(60_000,), hang=True) as relay:
        url = f"imaps://{ANN}@localhost:{relay.port}"
        ways = ["--ca-file", str(dovecot.ca_file), "--password-file", str(home / "password")]
        command = [str(COMMAND), "--config", str(home / "mailguard.yaml"), "history", "import", url, *ways]
        process = subprocess.Popen(command)
        assert relay.silent.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        before = learnt(home)
        assert 0 < before < 300
        assert f"{300 - before} mails learnt" in learn(home, dovecot, url).output
        again = learn(home, dovecot, url).output
        assert "0 mails learnt" in again
        assert "known already" not in again, "nothing was read a second time"
    assert learnt(home) == 300


class Relay:
    """Between client and server. Its first connections end or fall silent after so many octets from the server."""

    def __init__(self, there: int, after: tuple[int, ...], *, hang: bool) -> None:
        self._there, self._after, self._hang = there, list(after), hang
        self.connections = 0
        self.silent = threading.Event()  # it stopped saying anything, and stays connected

    def __enter__(self) -> "Relay":
        self._door = _listening(self._carry, times=99)
        self.port = self._door.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.__exit__(None, None, None)

    def _carry(self, client: socket.socket) -> None:
        self.connections += 1
        left = self._after.pop(0) if self._after else None
        with socket.create_connection(("127.0.0.1", self._there)) as server:
            threading.Thread(target=_pour, args=(client, server), daemon=True).start()
            while left is None or left > 0:
                data = server.recv(4096 if left is None else min(left, 4096))
                if not data:
                    return
                client.sendall(data)
                left = None if left is None else left - len(data)
            if self._hang:
                self.silent.set()
                while server.recv(4096):  # until the client has gone, and then the server
                    pass
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def _listening(serve: Callable[[socket.socket], None], times: int = 1) -> Iterator[int]:
    """So many connections, one after the other; the port."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def run() -> None:
            for _ in range(times):
                try:
                    link, _ = door.accept()
                except OSError:
                    return
                with link, suppress(OSError):
                    serve(link)

        worker = threading.Thread(target=run)
        worker.start()
        yield int(door.getsockname()[1])
        door.shutdown(socket.SHUT_RDWR)
    worker.join(20)
    assert not worker.is_alive()


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Until the source has ended, or is gone: who is killed with something unread says RST and no FIN."""
    with suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _plain_server(link: socket.socket) -> bytes:
    """It speaks IMAP, and offers no TLS."""
    link.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
    heard = bytearray()
    while data := link.recv(4096):
        heard += data
        tag = data.split()[0]
        link.sendall(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK done\r\n")
    return bytes(heard)
