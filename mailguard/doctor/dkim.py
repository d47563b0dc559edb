"""Whether the key that signs our mail is the one that DNS tells the world about (RFC 6376, RFC 8463)."""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from mailguard.courier.lookup import Lookup
from mailguard.doctor.finding import Finding, fail, ok, unknown, warn
from mailguard.errors import PermanentFailure

Key = RSAPublicKey | Ed25519PublicKey

_SHORTEST, _SHORT = 1024, 2048  # bits: what receivers refuse below, and what RFC 8301 asks for


async def key(lookup: Lookup, selector: str, domain: str, file: Path | None) -> Finding:
    """`file` None: somebody else signs, so there is only the record to look at."""
    check, name = f"dkim {selector} {domain}", f"{selector}._domainkey.{domain}"
    own: Key | None = None
    if file is not None:
        try:
            own = _own(file)
        except OSError as error:
            how = "check the path, and who may read it"
            return unknown(check, f"{file} can't be read: {(error.strerror or '').lower()}", how)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            how = f"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {file}"
            return fail(check, f"{file} holds no RSA or Ed25519 key without a passphrase, as PEM", how)
    publish = f'publish {name}. TXT "{record_of(own)}"' if own else f"have its owner publish {name}. TXT"
    try:
        texts = await lookup.texts(name) or []
    except PermanentFailure as error:
        return fail(check, error.text, "correct selector and domain")
    if not texts:
        return fail(check, f"no TXT record {name}: every signature fails", publish)
    if len(texts) > 1:
        return fail(check, f"{len(texts)} TXT records at {name}", "keep one: which one counts is not defined")
    tags = _tags(texts[0])
    if tags.get("p") == "":
        return fail(check, "the record says that the key is revoked (p= is empty)", publish)
    try:
        told = _told(tags)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return fail(check, f"the record at {name} holds no key that can be read", publish)
    if own is not None and record_of(own) != record_of(told):
        return fail(check, f"{file} is not the key that {name} tells of: every signature fails", publish)
    return _sound(check, tags, told, "matches the key" if own else "a key is there")


def _sound(check: str, tags: dict[str, str], told: Key, said: str) -> Finding:
    kind = f"rsa {told.key_size} bits" if isinstance(told, RSAPublicKey) else "ed25519"
    longer = "make a key of 2048 bits under another selector"
    if isinstance(told, RSAPublicKey) and told.key_size < _SHORTEST:
        return fail(check, f"{said}, but {kind} are not accepted any more", longer)
    if "y" in tags.get("t", "").replace(" ", "").split(":"):
        return warn(check, f"{said} ({kind}), but it says t=y: only a test", "take t=y out of the record")
    if isinstance(told, RSAPublicKey) and told.key_size < _SHORT:
        return warn(check, f"{said}, but {kind} are few", longer)
    return ok(check, f"{said} ({kind})")


def record_of(public: Key) -> str:
    """The TXT record that tells of this key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(public, RSAPublicKey):
        data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(data).decode()}"
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(public.public_bytes_raw()).decode()}"


def _own(file: Path) -> Key:
    public = load_pem_private_key(file.read_bytes(), None).public_key()
    if not isinstance(public, RSAPublicKey | Ed25519PublicKey):
        raise ValueError  # noqa: TRY004 - as any other thing that is no such key
    return public


def _told(tags: dict[str, str]) -> Key:
    data = base64.b64decode("".join(tags.get("p", "!").split()), validate=True)
    if tags.get("k", "rsa").lower() == "ed25519":
        return Ed25519PublicKey.from_public_bytes(data)
    public = load_der_public_key(data)
    if not isinstance(public, RSAPublicKey):
        raise ValueError  # noqa: TRY004 - as any other thing that is no such key
    return public


def _tags(record: str) -> dict[str, str]:
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, equals, value in parts if equals}
