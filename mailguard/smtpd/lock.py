"""The lock of a listener whose mail comes from a provider that many organizations share (decision 42).

Its addresses and certificates are those of all its tenants, and anybody who does not come from there can write what it
says of a tenant in the header. So a mail must come over TLS (and from the listener's networks, which the session sees
to), from a tenant that is listed, with a secret that only this tenant's rule knows, and be from one of us.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from mailguard.errors import PermanentFailure
from mailguard.mail import headers
from mailguard.mail.headers import Remove
from mailguard.mail.message import Message
from mailguard.records import Spool
from mailguard.smtpd.settings import LockSettings, Provider, tenant_id
from mailguard.stamp import RETURN

FIELD = "X-Mailguard-Secret"  # the tenant's rule writes it
_KEPT_OUT = frozenset({FIELD.lower(), RETURN.lower()})
_ID, _DOMAIN = "X-MS-Exchange-CrossTenant-Id", "X-OriginatorOrg"
_SHOWN = re.compile(r"[A-Za-z0-9.-]{1,64}")  # what a provider writes; what else there is stays out of the log
_FORWARDED = re.compile(
    r"\+(?:SRS[01]?|caf_)=", re.IGNORECASE
)  # Microsoft's and Google's MAIL FROM of a forwarded mail

Reason = Literal["tls", "tenant", "secret", "sender"]


class LockedOut(PermanentFailure):
    """550 5.7.1: not from where this listener takes mail. `tenant`: what the mail says of it, for the log."""

    def __init__(self, reason: Reason, message: str, tenant: str = "") -> None:
        super().__init__(message)
        self.reason, self.tenant = reason, tenant


@dataclass(frozen=True, slots=True)
class Lock:
    """Of one listener."""

    settings: LockSettings
    internal: Callable[[str], bool]

    def check(self, message: Message, sender: str, *, secure: bool) -> None:
        """LockedOut with what to do about it, for whoever sets the connector up. `sender`: MAIL FROM."""
        if not secure:
            raise LockedOut("tls", "locked: mail comes in over TLS here: require it in the provider's connector")
        if self.settings.provider is Provider.MICROSOFT:
            self._check_tenant(message)
        given = [value.strip() for value in message.raw_fields(FIELD)]
        if not any(hmac.compare_digest(mine, value) for mine in self._secrets() for value in given):
            said = f"{FIELD} is another listener's, or an old one" if given else f"the mail has no {FIELD}"
            how = "let the rule that sends mail here set it to this listener's secret"
            raise LockedOut("secret", f"locked: {said}: {how}", _tenant(message))
        if not (any(map(self.internal, _addresses(message, "from", "sender"))) or self._forwarded(message, sender)):
            how = "let the rule send mail here that people inside wrote, and no other"
            raise LockedOut("sender", f"locked: nobody of us is in From: {how}", _tenant(message))

    def _check_tenant(self, message: Message) -> None:
        listed = self.settings.tenants
        ids, domains = frozenset(filter(tenant_id, listed)), frozenset(one for one in listed if not tenant_id(one))
        for name, allowed in ((_ID, ids), (_DOMAIN, domains)):
            said = [value.strip().lower() for value in message.all(name)]
            if allowed and not (said and allowed.issuperset(said)):  # of several fields each must be listed
                what = f"the tenant in {name} is not in lock.tenants" if said else f"the mail has no {name}"
                raise LockedOut("tenant", f"locked: {what}: mail of other tenants is not taken", _tenant(message))

    def _secrets(self) -> Iterator[bytes]:
        for secret in (self.settings.secret, self.settings.old_secret):
            if secret is not None:
                yield secret.get_secret_value().encode()

    def _forwarded(self, message: Message, sender: str) -> bool:
        """From outside, and sent on by somebody of us: that is for `Connector` to sort out."""
        resent = _addresses(message, "resent-from", "resent-sender")
        return any(map(self.internal, resent)) or (self.internal(sender) and _FORWARDED.search(sender) is not None)


def has_secrets(message: Message) -> bool:
    """Whether it holds what must not be kept."""
    return not _KEPT_OUT.isdisjoint(message.names)


def without_secrets(spool: Spool) -> Spool:
    """The mail as it may be kept: what the provider and we tell each other in secret is in nothing that is stored.

    Every other byte stays. At every listener: a rule may send its mail to the wrong one.
    """
    if not has_secrets(spool.message):
        return spool
    cut = spool.message.head_size
    head = headers.apply(bytes(spool.raw[:cut]), [Remove(name) for name in (FIELD, RETURN)])
    raw = head + spool.raw[cut:]
    return Spool(raw, hashlib.sha256(raw).digest())


def _addresses(message: Message, *names: str) -> list[str]:
    return [box.address for box in message.mailboxes(*names) if "@" in box.address]


def _tenant(message: Message) -> str:
    """What it says of the tenant it comes from, if that looks like one."""
    said = (message.get(name) or "" for name in (_ID, _DOMAIN))
    return next((found[0] for found in map(_SHOWN.fullmatch, said) if found), "")
