"""A real Dovecot server of one's own: its settings, mail and certificate in a folder that goes away."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mailguard.demo.site import free_port
from tests.certificates import certify
from tests.conftest import need

PASSWORD = "s3cret-of-ann"  # everybody's
MASTER, MASTER_PASSWORD = "reader", "s3cret-of-reader"

_CONF = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
{users}
ssl = {ssl}
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:~/Maildir
service imap-login {{
  {chroot}
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  mailbox "Sent" {{
    special_use = \\Sent
    auto = create
  }}
}}
"""


@dataclass
class Dovecot:
    """One server on 127.0.0.1: `port` with STARTTLS, `tls_port` with TLS. Everybody in `people` has one password."""

    people: tuple[str, ...] = ("ann@corp.example", "lee@corp.example")
    name: str = "localhost"  # whom its certificate is for
    starttls: bool = True
    extra: str = ""  # more lines of its configuration, with FOLDER for its folder
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        # Not in pytest's folder: that is closed to the user whom mail belongs to.
        self.folder = Path(tempfile.mkdtemp(prefix="mailguard-dovecot-"))
        self.folder.chmod(0o755)
        self.program = need("dovecot")
        certify(self.folder, self.name)
        (self.folder / "passwords").write_text("".join(f"{one}:{PASSWORD}\n" for one in self.people))
        (self.folder / "masters").write_text(f"{MASTER}:{MASTER_PASSWORD}\n")
        self._owner = pwd.getpwnam("mail") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        (self.folder / "home").mkdir()
        os.chown(self.folder / "home", self._owner.pw_uid, self._owner.pw_gid)
        (self.folder / "dovecot.conf").write_text(self._settings())

    def _settings(self) -> str:
        me = self._owner.pw_name
        alone = "" if os.getuid() == 0 else f"default_internal_user = {me}\ndefault_login_user = {me}"
        return _CONF.format(
            folder=self.folder, users=alone, ssl="required" if self.starttls else "no",
            chroot="" if os.getuid() == 0 else "chroot =", port=self.port, tls_port=self.tls_port,
            uid=self._owner.pw_uid, gid=self._owner.pw_gid,
        ) + self.extra.replace("FOLDER", str(self.folder))  # fmt: skip

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def url(self, user: str = "", folder: str = "", *, tls: bool = True) -> str:
        who = f"{user}@" if user else ""
        where = f"imaps://{who}localhost:{self.tls_port}" if tls else f"imap://{who}localhost:{self.port}"
        return f"{where}/{folder}" if folder else where

    def put(self, user: str, mails: Iterable[bytes], folder: str = "Sent") -> None:
        """Into a folder, as if a mail client had done it; seen, and numbered by the server at the next look."""
        place = self.place(user, folder)
        for number, mail in enumerate(mails, len(list((place / "cur").iterdir()))):
            (place / "cur" / f"{1_700_000_000 + number}.M{number}P1.localhost:2,S").write_bytes(mail)
        for path in (self.folder / "home").rglob("*"):
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def place(self, user: str, folder: str) -> Path:
        place = self.folder / "home" / user / "Maildir" / f".{folder}"
        for part in ("cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        return place

    def number_anew(self, user: str, folder: str = "Sent") -> None:
        """Another UIDVALIDITY, and other UIDs."""
        place = self.place(user, folder)
        validity = int((place / "dovecot-uidlist").read_text().split()[1][1:])
        for path in place.glob("dovecot*"):
            path.unlink()
        (place / "dovecot-uidlist").write_text(f"3 V{validity + 1} N1001 G0123456789abcdef0123456789abcdef\n")
        os.chown(place / "dovecot-uidlist", self._owner.pw_uid, self._owner.pw_gid)

    def start(self) -> None:
        self._process = subprocess.Popen([self.program, "-F", "-c", self.folder / "dovecot.conf"])
        deadline = time.monotonic() + 20
        while not _answers(self.port):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, "dovecot does not answer"
            time.sleep(0.02)

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return connection.recv(4) == b"* OK"
    except OSError:
        return False
