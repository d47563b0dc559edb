"""Keys that can sign, and what is said of those that can't."""

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailguard.dkim.keys import fresh, read


def pem(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey, password: bytes = b"",
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> bytes:  # fmt: skip
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, form, how)


OLD = serialization.PrivateFormat.TraditionalOpenSSL
SMALL = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (pem(SMALL), "the RSA key has 1024 bits: 2048 to 4096"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
        (pem(SMALL, b"secret"), "the key is encrypted"),
        (b"", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "no private key in PEM"),
    ],
)
def test_what_can_not_sign_says_why(said: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read("corp.example", "s", said)


def test_what_openssl_genrsa_writes_is_a_key_too() -> None:
    key = read("corp.example", "s", pem(rsa.generate_private_key(65537, 2048), form=OLD))
    assert (key.algorithm, key.place) == ("rsa-sha256", "s._domainkey.corp.example")


def test_a_long_record_stands_in_strings_that_dns_takes() -> None:
    key = read("corp.example", "s", fresh("rsa"))
    place, _, strings = key.zone_line.partition(". IN TXT ( ")
    parts = strings.removesuffix(" )").split('" "')
    assert place == key.place
    assert "".join(parts).strip('"') == key.record
    assert all(len(part.strip('"')) <= 255 for part in parts)
    assert key.record.startswith("v=DKIM1; k=rsa; p=")


def test_an_ed25519_record_is_the_32_octets_of_rfc_8463() -> None:
    """The key of its appendix A."""
    secret = Ed25519PrivateKey.from_private_bytes(b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    key = read("football.example.com", "brisbane", pem(secret))
    assert key.record == "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
