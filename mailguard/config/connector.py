"""What the way to a mail provider and back needs: a lock, where others share its addresses, and good secrets."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from mailguard.config.checks import Remark
from mailguard.config.files import Loc, open_to_others
from mailguard.config.settings import Settings
from mailguard.courier.settings import Hop
from mailguard.document.units import Section
from mailguard.document.wording import Finding
from mailguard.smtpd.settings import Listener, ListenerMode

SHARED = {4: 24, 6: 64}  # prefix length, by IP version: a wider network in the internet is hardly one organization's
_STRONG = re.compile(r"[!-~]{32,200}")  # fits into a header field as it is
_MAKE = "make one with: openssl rand -hex 32"


def connectors(settings: Settings) -> Iterator[Remark]:
    """Listeners for a provider, the way back to it, and who can read their secrets."""
    for number, listener in enumerate(settings.smtp.listeners):
        yield from _unlocked(listener, ("smtp", "listeners", number))
    hops: dict[Loc, Hop] = {("next_hop",): settings.next_hop.default}
    hops |= {("next_hop", "routes", name): hop for name, hop in settings.next_hop.routes.items()}
    keyed = settings.smtp.stamp.key is not None or settings.smtp.stamp.key_file is not None
    for loc, hop in hops.items():
        if hop.stamp and not keyed:
            yield _error((*loc, "stamp"), "there is no key for stamps", f"name smtp.stamp.key_file, and {_MAKE}")
    locked = next((n for n, one in enumerate(settings.smtp.listeners) if one.lock), None)
    if locked is not None and not any(hop.stamp for hop in hops.values()):
        how = "write stamp: true at the next hop that is the provider, and name smtp.stamp.key_file"
        words = "nothing tells mail that comes back from the provider in a loop from new mail"
        yield Remark(Finding(("smtp", "listeners", locked, "lock"), "MG406", words, how), "warning")
    for loc, _, path in _secrets(settings):
        if path is not None and open_to_others(path):
            how = f"chmod o-r {path}"
            yield Remark(Finding(loc, "MG403", f"every user of this machine can read {path}", how), "warning")


def weak_secrets(settings: Settings) -> Iterator[Remark]:
    """Of settings whose secrets are read."""
    for loc, secret, _ in _secrets(settings):
        if secret is not None and not _STRONG.fullmatch(secret.get_secret_value()):
            words = "such a secret has 32 to 200 letters, digits and signs of ASCII, without blanks"
            yield Remark(Finding(loc, "MG402", words, _MAKE))


def _unlocked(listener: Listener, loc: Loc) -> Iterator[Remark]:
    if listener.mode is not ListenerMode.CONNECTOR or listener.lock is not None:
        return
    for at, network in enumerate(listener.networks):
        if not network.is_private and network.prefixlen < SHARED[network.version]:
            how = (
                "for a provider add lock: {provider: microsoft, tenants: [your tenant's id], secret_file: FILE}, or "
                "provider: google; of your own name the mail servers alone"
            )
            words = f"others send from {network} as well, and {listener.bind} would take their mail"
            yield _error((*loc, "networks", at), words, how)


def _secrets(settings: Settings) -> Iterator[tuple[Loc, SecretStr | None, Path | None]]:
    sections: list[tuple[Loc, Section, tuple[str, ...]]] = [
        (("smtp", "stamp"), settings.smtp.stamp, ("key", "old_key")),
        (("next_hop",), settings.next_hop, ("return_secret",)),
    ]
    sections += [
        (("next_hop", "routes", name), hop, ("return_secret",)) for name, hop in settings.next_hop.routes.items()
    ]
    sections += [
        (("smtp", "listeners", number, "lock"), listener.lock, ("secret", "old_secret"))
        for number, listener in enumerate(settings.smtp.listeners)
        if listener.lock is not None
    ]
    for loc, section, names in sections:
        for name in names:
            path = getattr(section, f"{name}_file")
            yield (*loc, f"{name}_file" if path else name), getattr(section, name), path


def _error(loc: Loc, message: str, how: str) -> Remark:
    return Remark(Finding(loc, "MG404", message, how))
