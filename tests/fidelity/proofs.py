"""The programs that sign and verify: openssl, gpg, tnef, and dkimpy asking a real name server."""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dkim
import dns.exception
import dns.resolver
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ANN = "ann@corp.example"


class Bench:
    """Keys and certificates of ann@corp.example in a folder, and what to do with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key, self._certificate, self._home = folder / "key.pem", folder / "certificate.pem", folder / "gpg"
        self._home.mkdir(mode=0o700)
        self._run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(self._key),
            "-out", str(self._certificate), "-days", "7", "-subj", f"/CN=Ann/emailAddress={ANN}",
        )  # fmt: skip
        self._gpg("--passphrase", "", "--quick-gen-key", f"Ann <{ANN}>", "future-default", "default", "never")
        self._dkim = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def end(self) -> None:
        """gpg keeps an agent; it goes with its folder."""
        self._run("gpgconf", "--homedir", str(self._home), "--kill", "all")

    # --- S/MIME ---
    def smime_signed(self, entity: bytes, *how: str) -> bytes:
        """`entity` (MIME, its own header first) with its signature: detached, or opaque with "-nodetach"."""
        return crlf(self._smime("-sign", "-signer", self._certificate, "-inkey", self._key, *how, said=entity))

    def smime_encrypted(self, entity: bytes) -> bytes:
        return crlf(self._smime("-encrypt", "-aes256", self._certificate, said=entity))

    def smime_verifies(self, mail: bytes, entity: bytes) -> bool:
        return self._gives(mail, entity, "-verify", "-CAfile", self._certificate, "-purpose", "any")

    def smime_decrypts(self, mail: bytes, entity: bytes) -> bool:
        return self._gives(mail, entity, "-decrypt", "-recip", self._certificate, "-inkey", self._key)

    def _smime(self, verb: str, *words: str | Path, said: bytes) -> bytes:
        return self._run("openssl", "smime", verb, "-crlfeol", *map(str, words), said=said)

    def _gives(self, mail: bytes, entity: bytes, verb: str, *words: str | Path) -> bool:
        try:
            return _lines(self._smime(verb, *words, said=mail)) == _lines(entity)
        except subprocess.CalledProcessError:
            return False

    # --- PGP/MIME (RFC 3156) ---
    def pgp_signature(self, entity: bytes) -> bytes:
        return self._gpg("--digest-algo", "SHA512", "--armor", "--detach-sign", said=entity)

    def pgp_clearsigned(self, text: bytes) -> bytes:
        return self._gpg("--clearsign", said=text)

    def pgp_clear(self, text: bytes) -> bool:
        """Whether a text verifies that holds its signature."""
        try:
            self._gpg("--verify", said=text)
        except subprocess.CalledProcessError:
            return False
        return True

    def pgp_encrypted(self, entity: bytes) -> bytes:
        return self._gpg("--armor", "--trust-model", "always", "--recipient", ANN, "--encrypt", said=entity)

    def pgp_verifies(self, entity: bytes, signature: bytes) -> bool:
        (file := self._folder / "signature.asc").write_bytes(signature)
        try:
            self._gpg("--verify", str(file), "-", said=entity)
        except subprocess.CalledProcessError:
            return False
        return True

    def pgp_decrypts(self, armored: bytes, entity: bytes) -> bool:
        try:
            return self._gpg("--decrypt", said=armored) == entity
        except subprocess.CalledProcessError:
            return False

    def _gpg(self, *words: str, said: bytes = b"") -> bytes:
        return self._run("gpg", "--batch", "--quiet", "--homedir", str(self._home), *words, said=said)

    # --- DKIM ---
    def dkim_signed(self, mail: bytes, covered: str) -> bytes:
        """Strictly: not one byte of what is covered may change."""
        pem = self._dkim.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        names = [name.encode() for name in covered.split(":")]
        line: bytes = dkim.sign(
            mail, b"client", b"corp.example", pem, include_headers=names, canonicalize=(b"simple", b"simple")
        )
        return line + mail

    @property
    def dkim_record(self) -> str:
        """What stands in DNS at client._domainkey.corp.example."""
        der = self._dkim.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"

    # --- TNEF ---
    def tnef_files(self, packed: bytes) -> dict[str, bytes]:
        """What Debian's tnef unpacks."""
        (folder := self._folder / "tnef").mkdir()
        try:
            self._run("tnef", "--directory", str(folder), "--save-body", said=packed)
            return {path.name: path.read_bytes() for path in folder.iterdir()}
        finally:
            shutil.rmtree(folder)

    def _run(self, program: str, *words: str, said: bytes = b"") -> bytes:
        done = subprocess.run(
            [program, *words], input=said, capture_output=True, check=True, cwd=self._folder,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        return done.stdout


@contextmanager
def bench() -> Iterator[Bench]:
    """In a folder with a short path: gpg's agent listens on a socket in it."""
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        made = Bench(Path(folder))
        try:
            yield made
        finally:
            made.end()


def dns_over(port: int) -> Callable[..., bytes | None]:
    """dkimpy's way to a TXT record: over UDP, from the server at this port of this machine."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], port, 5.0

    def text(name: bytes, timeout: int = 5) -> bytes | None:
        try:
            return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)
        except dns.exception.DNSException:
            return None

    return text


def zone_text(record: str) -> str:
    """As it stands in a zone: strings of at most 255 bytes."""
    return " ".join(f'"{record[at : at + 255]}"' for at in range(0, len(record), 255))


def crlf(data: bytes) -> bytes:
    """With the line ends that mail has: the programs write some of their own."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _lines(data: bytes) -> list[bytes]:
    return data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
