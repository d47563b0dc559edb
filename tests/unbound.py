"""A real validating resolver: unbound, with zones of one's own, signed or not."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.exception
import dns.message
import dns.query
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from mailguard.demo.site import free_port
from tests.conftest import need

_CONF = """
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-not-query-localhost: no
  module-config: "validator iterator"
{anchors}
{zones}
remote-control:
  control-enable: no
"""
_ZONE = """
auth-zone:
  name: "{name}"
  zonefile: "{folder}/{name}.zone"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
"""
_HEAD = "@ 60 IN SOA ns hostmaster 1 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 127.0.0.1\n"
_STARTED = 20  # seconds


def signed(name: str, records: str) -> tuple[str, str]:
    """The zone as a file, and its trust anchor."""
    zone = dns.zone.from_text(_HEAD + records, name, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257)
    with zone.writer() as writer:
        dns.dnssec.sign_zone(zone, writer, keys=[(private, key)], lifetime=int(timedelta(days=1).total_seconds()))
    return zone.to_text(relativize=False), f"{name}. IN DNSKEY {key}"


def unsigned(name: str, records: str) -> tuple[str, str]:
    return dns.zone.from_text(_HEAD + records, name, relativize=False).to_text(relativize=False), ""


@contextmanager
def resolving(folder: Path, zones: dict[str, tuple[str, str]]) -> Iterator[int]:
    """Its port on 127.0.0.1. `zones` are files and trust anchors."""
    port = free_port()
    for name, (text, _) in zones.items():
        (folder / f"{name}.zone").write_text(text)
    anchors = "\n".join(f'  trust-anchor: "{anchor}"' for _, anchor in zones.values() if anchor)
    own = "".join(_ZONE.format(name=name, folder=folder) for name in zones)
    (folder / "unbound.conf").write_text(_CONF.format(port=port, folder=folder, anchors=anchors, zones=own))
    process = subprocess.Popen([need("unbound"), "-c", str(folder / "unbound.conf")])
    try:
        _wait(port, next(iter(zones)), folder)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, name: str, folder: Path) -> None:
    end = time.monotonic() + _STARTED
    while time.monotonic() < end:
        try:
            dns.query.udp(dns.message.make_query(name, "SOA"), "127.0.0.1", timeout=0.5, port=port)
        except (dns.exception.DNSException, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError((folder / "unbound.log").read_text())
