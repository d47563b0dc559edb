"""A connector's lock: who opens it, who doesn't and what they are told, and what is not kept of a mail."""

import hashlib
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from mailguard.mail.message import Message
from mailguard.records import Spool
from mailguard.smtpd.lock import Lock, LockedOut, without_secrets
from mailguard.smtpd.settings import LockSettings
from tests.unit.smtpd.conftest import Serve, internal
from tests.unit.smtpd.peer import Intake, Watch

NEW, OLD = "n" * 64, "o" * 64
ID, FOREIGN = "6c1d5f0e-3b7a-4c58-9d2e-8f4b1a7c9e30", "11111111-2222-4333-8444-555555555555"
MICROSOFT = {"provider": "microsoft", "tenants": [ID, "corp.onmicrosoft.com"], "secret": NEW, "old_secret": OLD}
GOOGLE = {"provider": "google", "secret": NEW}
ANN, KIM = "ann@corp.example", "kim@client.example"
Connect = Callable[..., Any]


def mail(
    *more: str, author: str = ANN, tenant: str = ID, org: str = "corp.onmicrosoft.com", secret: str = NEW
) -> bytes:
    lines = [f"From: {author}", "Subject: Hello", *more]
    lines += [f"X-MS-Exchange-CrossTenant-Id: {tenant}"] if tenant else []
    lines += [f"X-OriginatorOrg: {org}"] if org else []
    lines += [f"X-Mailguard-Secret: {secret}"] if secret else []
    return "\r\n".join((*lines, "", "Hello\r\n")).encode()


def refused(raw: bytes, *, sender: str = ANN, secure: bool = True, settings: dict[str, Any] | None = None) -> str:
    """The reason, '' when it opens."""
    lock = Lock(LockSettings.model_validate(settings or MICROSOFT), internal)
    try:
        lock.check(Message(raw), sender, secure=secure)
    except LockedOut as error:
        told = error
    else:
        return ""
    assert (told.code, told.enhanced) == (550, "5.7.1")
    assert NEW not in told.line + told.tenant
    assert OLD not in told.line + told.tenant
    return told.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (mail(), ""),
        (mail(tenant=ID.upper(), org="Corp.onmicrosoft.com"), ""),
        (mail(secret=OLD), ""),
        (mail(tenant=FOREIGN), "tenant"),
        (mail(org="evil.example"), "tenant"),
        (mail(org="corp.onmicrosoft.com.evil.example"), "tenant"),
        (mail(tenant=""), "tenant"),
        (mail(org=""), "tenant"),
        (mail(f"X-MS-Exchange-CrossTenant-Id: {FOREIGN}"), "tenant"),  # ours was written by somebody else
        (mail("X-OriginatorOrg: evil.example"), "tenant"),
        (mail(tenant=f"{ID}, {FOREIGN}"), "tenant"),
        (mail(secret=""), "secret"),
        (mail(secret="x" * 64), "secret"),
        (mail(secret=NEW[:-1]), "secret"),
        (mail(secret=NEW + OLD), "secret"),
        (mail(secret=f"{NEW} {NEW}"), "secret"),
        (mail(secret=NEW.upper()), "secret"),
        (mail(secret="\u0142" * 64), "secret"),
        (mail("X-Mailguard-Secret: of the user"), ""),  # Google adds its field to the user's own
        (mail(author=KIM), "sender"),
        (mail(author="ann@corp.example.evil.example"), "sender"),
        (mail(author=f'"{ANN}" <{KIM}>'), "sender"),
        (mail(author=""), "sender"),
        (mail(f"Sender: {ANN}", author=KIM), ""),
        (mail(f"Resent-From: {ANN}", author=KIM), ""),
        (mail(f"Resent-From: {KIM}", author=KIM), "sender"),
    ],
)  # fmt: skip
def test_all_of_it_must_fit(raw: bytes, reason: str) -> None:
    assert refused(raw) == reason


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("bounces+SRS=44ldt=IX=client.example=kim@corp.example", ""),  # Microsoft forwards what came from outside
        ("ann+caf_=bob=client.example@corp.example", ""),  # Google does
        (ANN, "sender"),
        ("", "sender"),
        (KIM, "sender"),
        ("bounces+SRS=44ldt=IX=client.example=kim@evil.example", "sender"),
    ],
)
def test_what_came_from_outside_opens_it_only_as_forwarded_by_one_of_us(sender: str, reason: str) -> None:
    assert refused(mail(author=KIM), sender=sender) == reason


@pytest.mark.parametrize("sender", [ANN, "", KIM])
def test_the_null_sender_and_forks_change_nothing_for_our_own(sender: str) -> None:
    assert refused(mail(), sender=sender) == ""


def test_it_opens_over_tls_only() -> None:
    assert refused(mail(), secure=False) == "tls"


def test_a_tenant_may_be_listed_by_its_id_or_its_domain_alone() -> None:
    by_id = {**MICROSOFT, "tenants": [ID, FOREIGN]}
    assert [refused(mail(tenant=one, org="any.example"), settings=by_id) for one in (ID, FOREIGN, "")] == [
        "",
        "",
        "tenant",
    ]
    by_domain = {**MICROSOFT, "tenants": ["corp.onmicrosoft.com"]}
    assert [refused(mail(tenant="", org=one), settings=by_domain) for one in ("corp.onmicrosoft.com", "x.example")] == [
        "", "tenant",
    ]  # fmt: skip


def test_of_google_the_secret_alone_tells() -> None:
    assert refused(mail(tenant="", org=""), settings=GOOGLE) == ""
    assert refused(mail(tenant="", org="", secret=OLD), settings=GOOGLE) == "secret"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"provider": "microsoft", "secret": NEW}, "add tenants"),
        ({"provider": "microsoft", "tenants": [ID]}, "add secret_file"),
        ({"provider": "google", "secret": NEW, "tenants": [ID]}, "take tenants away"),
        ({**MICROSOFT, "tenants": ["corp"]}, "is no tenant"),
        ({**MICROSOFT, "tenants": [ID + "0"]}, "is no tenant"),
        ({**MICROSOFT, "tenants": [7]}, "is no tenant"),
        ({**MICROSOFT, "provider": "yahoo"}, "microsoft"),
    ],
)
def test_half_a_lock_is_no_lock(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LockSettings.model_validate(settings)


# --- what is kept ---------------------------------------------------------------------------------


def spool(raw: bytes) -> Spool:
    return Spool(bytearray(raw), hashlib.sha256(raw).digest())


def test_the_secrets_are_taken_out_and_nothing_else_is() -> None:
    before = mail("x-MAILGUARD-secret:\r\n folded", f"X-Mailguard-Return: {OLD}", "X-Mailguard-Secrets: no", " folded")
    kept = without_secrets(spool(before))
    assert bytes(kept.raw) == mail("X-Mailguard-Secrets: no", " folded", secret="")
    assert kept.digest == hashlib.sha256(kept.raw).digest()
    assert kept.message.get("subject") == "Hello"


def test_a_mail_without_them_is_the_same_object() -> None:
    plain = spool(mail(secret=""))
    assert without_secrets(plain) is plain


def test_what_a_body_says_is_not_looked_at() -> None:
    raw = mail(secret="") + b"X-Mailguard-Secret: a word\r\n"
    assert bytes(without_secrets(spool(raw)).raw) == raw


# --- in a session ---------------------------------------------------------------------------------

LOCKED = {"bind": "127.0.0.1:0", "mode": "connector", "tls": "starttls", "lock": MICROSOFT}
PLAIN = {"bind": "127.0.0.1:0", "tls": "none", "auth": "none"}


async def deliver(serve: Serve, connect: Connect, trust: ssl.SSLContext, raw: bytes, listener: dict[str, Any]) -> str:
    client = await connect(await serve(listener))
    if listener["tls"] == "starttls":
        await client.starttls(trust)
        await client.say("EHLO outbound.example")
    await client.envelope(ANN)
    return str(await client.data(raw))


async def test_who_opens_it_is_taken_and_the_secret_stays_outside(
    serve: Serve, connect: Connect, trust: ssl.SSLContext, intake: Intake, watch: Watch
) -> None:
    assert (await deliver(serve, connect, trust, mail(), LOCKED)).startswith("250 ")
    ((_, raw, session),) = intake.mails
    assert raw == mail(secret="")
    assert session.identity.address == ANN
    assert watch.locked == []


@pytest.mark.parametrize(
    ("raw", "reason", "words"),
    [
        (mail(tenant=FOREIGN), "tenant", "not in lock.tenants"),
        (mail(secret=""), "secret", "the mail has no X-Mailguard-Secret"),
        (mail(author=KIM), "sender", "nobody of us is in From"),
        (mail(author="mailguard@corp.example"), "sender", "reserved for this server's own notices"),
    ],
)
async def test_who_does_not_is_refused_and_told_of(
    serve: Serve, connect: Connect, trust: ssl.SSLContext, intake: Intake, watch: Watch, raw: bytes, reason: str,
    words: str,
) -> None:  # fmt: skip
    reply = await deliver(serve, connect, trust, raw, LOCKED)
    assert reply.startswith("550 5.7.1 ")
    assert words in reply
    assert intake.mails == []
    assert [found for found, _ in watch.locked] == [reason]
    assert NEW not in str(watch)


@pytest.mark.parametrize("listener", [LOCKED, PLAIN], ids=["locked", "without a lock"])
@pytest.mark.parametrize("octets", [10, 200_000])
async def test_no_listener_keeps_a_secret(
    serve: Serve, connect: Connect, trust: ssl.SSLContext, intake: Intake, listener: dict[str, Any], octets: int
) -> None:
    text = b"\r\n".join([b"x" * 70] * (octets // 72)) + b"\r\n"
    assert (await deliver(serve, connect, trust, mail() + text, listener)).startswith("250 ")
    (kept,) = intake.spools
    assert NEW.encode() not in kept.raw
    assert kept.digest == hashlib.sha256(kept.raw).digest()


async def test_a_header_without_end_opens_nothing(
    serve: Serve, connect: Connect, trust: ssl.SSLContext, watch: Watch
) -> None:
    raw = mail(*(f"X-{at}: {'y' * 900}" for at in range(300)))
    assert (await deliver(serve, connect, trust, raw, LOCKED)).startswith("552 5.3.4")
    assert watch.locked == []
