"""A real OpenLDAP server of one's own: schema, data and certificates in a folder that goes away."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailguard.demo.site import free_port
from tests.certificates import certify
from tests.conftest import need

BASE = "dc=corp,dc=example"
READER, PASSWORD = f"cn=mailguard,{BASE}", "s3cret"  # may read all
ROOT = f"cn=root,{BASE}"
CURBED = f"cn=curbed,{BASE}"  # may read, five entries in all

_SCHEMA = """
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses'
    EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.55555.1 NAME 'mailbox' SUP top AUXILIARY MAY ( mail $ proxyAddresses ) )
"""

_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {folder}/mailbox.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit 500
{extra}
database mdb
suffix "{base}"
directory {folder}/db
rootdn "{root}"
rootpw {password}
maxsize 268435456
access to * by dn.exact="{reader}" read by dn.exact="{curbed}" read {own}by anonymous auth by * none
limits dn.exact="{reader}" size=unlimited size.prtotal=unlimited
limits dn.exact="{curbed}" size=5 size.prtotal=5
overlay memberof
"""

_FIRST = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: corp
o: Corp Example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: mailguard
userPassword: {PASSWORD}

dn: {CURBED}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: curbed
userPassword: {PASSWORD}

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups
"""


def person(name: str, mail: str = "", *lines: str) -> str:
    """An inetOrgPerson; more lines of LDIF after it."""
    own = [f"dn: cn={name},ou=people,{BASE}", "objectClass: inetOrgPerson", "objectClass: mailbox"]
    return "\n".join([*own, f"cn: {name}", f"sn: {name}", *([f"mail: {mail}"] if mail else []), *lines, ""])


def group(name: str, *members: str, mail: str = "") -> str:
    """A groupOfNames, a list if it has an address; members are DNs, or the cn of people."""
    dns = [one if "=" in one else f"cn={one},ou=people,{BASE}" for one in members]
    own = [f"dn: cn={name},ou=groups,{BASE}", "objectClass: groupOfNames", "objectClass: mailbox", f"cn: {name}"]
    return "\n".join([*own, *(f"member: {dn}" for dn in dns), *([f"mail: {mail}"] if mail else []), ""])


@dataclass
class Slapd:
    """One server on 127.0.0.1: `port` without TLS and with STARTTLS, `tls_port` with. It may be stopped and started."""

    folder: Path
    name: str = "localhost"  # whom its certificate is for
    extra: str = ""  # more lines of slapd.conf, before the database
    self_read: bool = False  # whether people may read their own entry
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        certify(self.folder, self.name)
        # A copy: where AppArmor knows slapd by its path, it may not read what lies here.
        self.program = self.folder / "slapd"
        shutil.copy(need("slapd"), self.program)
        (self.folder / "mailbox.schema").write_text(_SCHEMA)
        words = {
            "folder": self.folder,
            "base": BASE,
            "reader": READER,
            "curbed": CURBED,
            "root": ROOT,
            "password": PASSWORD,
            "extra": self.extra,
            "own": "by self read " if self.self_read else "",
        }
        (self.folder / "slapd.conf").write_text(_CONF.format(**words))

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def load(self, *ldif: str) -> None:
        """Only this is in it from now on."""
        running = self._process is not None
        self.stop()
        shutil.rmtree(self.folder / "db", ignore_errors=True)
        (self.folder / "db").mkdir()
        text = "\n".join([_FIRST, *ldif])
        made = subprocess.run(
            [self.program, "-T", "add", "-f", self.folder / "slapd.conf"], input=text.encode(), capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr.decode()
        if running:
            self.start()

    def change(self, ldif: str) -> None:
        """While it runs, by LDIF: entries to add, or with `changetype`."""
        command = [need("ldapmodify"), "-a", "-x", "-H", self.url, "-D", ROOT, "-w", PASSWORD]
        subprocess.run(command, input=ldif.encode(), check=True, timeout=30, capture_output=True)

    def start(self) -> None:
        places = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self.program, "-f", self.folder / "slapd.conf", "-h", places, "-d", "0"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while not _answers(self.port):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "slapd does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(folder: Path, *entries: str) -> Iterator[Slapd]:
    """One that has these entries."""
    server = Slapd(folder)
    server.load(*entries)
    server.start()
    try:
        yield server
    finally:
        server.stop()
