"""Verifiers that are not ours: dkimpy, and OpenDKIM as Debian has it."""

import logging
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import dkim

from mailguard.dkim import keys
from mailguard.dkim.keys import Key

Lookup = Callable[..., bytes | None]
RSA, ED25519 = keys.fresh("rsa"), keys.fresh("ed25519")
OF_CORP = (keys.read("corp.example", "rsa1", RSA), keys.read("corp.example", "ed1", ED25519))


def of(known: Sequence[Key]) -> Lookup:
    """DNS, as far as these keys' records go."""
    records = {f"{key.place}.": key.record.encode() for key in known}
    return lambda name, timeout=5: records.get(name.decode())


OUR_DNS = of(OF_CORP)


def verdicts(mail: bytes, dns: Lookup = OUR_DNS) -> list[bool]:
    """What dkimpy says of each signature, from the top, whenever it was made: the clock of a flow test is its own."""
    count = len(re.findall(rb"^DKIM-Signature:", mail, re.MULTILINE | re.IGNORECASE))
    quiet = logging.getLogger("dkim.test")
    quiet.disabled = True

    def verify(at: int) -> bool:
        try:
            return bool(dkim.DKIM(mail, logger=quiet).verify(at, dnsfunc=dns))
        except dkim.ValidationError:  # how it says that the body is another
            return False

    with patch.object(dkim, "time", SimpleNamespace(time=lambda: 1 << 40)):
        return [verify(at) for at in range(count)]


def opendkim(program: str, folder: Path, mail: bytes, known: Sequence[Key] = OF_CORP) -> list[str]:
    """`pass` or `fail`, and the algorithm, for each signature."""
    (folder / "keys").write_text("".join(f"{key.place} {key.record}\n" for key in known))
    (folder / "mail.eml").write_bytes(mail)
    settings = f"Mode v\nSocket local:{folder}/socket\nTestPublicKeys {folder}/keys\nSyslog no\n"
    (folder / "opendkim.conf").write_text(settings)
    done = subprocess.run(
        [program, "-x", str(folder / "opendkim.conf"), "-t", str(folder / "mail.eml"), "-vvv"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    found = re.findall(r"dkim=(\w+)[^;]*?header\.a=([\w-]+)", done.stdout + done.stderr)
    return [f"{verdict} {algorithm}" for verdict, algorithm in found]
