"""Whether the key that signs our mail is the one that DNS tells the world about (RFC 6376, RFC 8463)."""

import base64
from pathlib import Path

from mailguard.courier.lookup import Lookup
from mailguard.dkim import keys
from mailguard.doctor.finding import Finding, aside, fail, ok, unknown, warn
from mailguard.errors import PermanentFailure

_SHORTEST = 1024  # bits: what receivers refuse below


async def key(lookup: Lookup, selector: str, domain: str, file: Path | None) -> Finding:
    """`file` None: somebody else signs, so there is only the record to look at."""
    check, name = f"dkim {selector} {domain}", f"{selector}._domainkey.{domain}"
    own: keys.Public | None = None
    if file is not None:
        try:
            own = keys.public_of(await aside(file.read_bytes))
        except OSError as error:
            how = "check the path, and who may read it"
            return unknown(check, f"{file} can't be read: {(error.strerror or '').lower()}", how)
        except ValueError as error:
            return fail(check, f"{file}: {error}", f"mailguard dkim new-key {domain} SELECTOR makes one that can sign")
    publish = f'publish {name}. TXT "{own.record}"' if own else f"have its owner publish {name}. TXT"
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
    except ValueError:
        return fail(check, f"the record at {name} holds no key that can be read", publish)
    if own is not None and own.record != told.record:
        return fail(check, f"{file} is not the key that {name} tells of: every signature fails", publish)
    return _sound(check, tags, told, "matches the key" if own else "a key is there")


def _sound(check: str, tags: dict[str, str], told: keys.Public, said: str) -> Finding:
    rsa = told.kind == "rsa"
    kind = f"rsa {told.bits} bits" if rsa else "ed25519"
    longer = f"make a key of {keys.FEWEST} bits under another selector"
    if rsa and told.bits < _SHORTEST:
        return fail(check, f"{said}, but {kind} are not accepted any more", longer)
    if "y" in tags.get("t", "").replace(" ", "").split(":"):
        return warn(check, f"{said} ({kind}), but it says t=y: only a test", "take t=y out of the record")
    if rsa and told.bits < keys.FEWEST:
        return warn(check, f"{said}, but {kind} are few", longer)
    return ok(check, f"{said} ({kind})")


def _told(tags: dict[str, str]) -> keys.Public:
    data = base64.b64decode("".join(tags.get("p", "!").split()), validate=True)
    return keys.public(tags.get("k", "rsa").lower(), data)


def _tags(record: str) -> dict[str, str]:
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, equals, value in parts if equals}
