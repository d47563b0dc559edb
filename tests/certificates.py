"""Certificates of servers that tests run, and of who signed them."""

from pathlib import Path

import trustme


def certify(folder: Path, name: str) -> None:
    """Writes `server.pem` and `server.key` for this name, and `ca.pem`, which signed it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert(name)
    own.private_key_pem.write_to_path(folder / "server.key")
    for blob in own.cert_chain_pems:
        blob.write_to_path(folder / "server.pem", append=True)
