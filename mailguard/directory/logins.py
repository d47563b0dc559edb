"""Whether a login is right, by the directory: it lets that person in. Blocks, so it has a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from mailguard.directory.client import Session, session
from mailguard.directory.entry import Entry
from mailguard.directory.mapping import written
from mailguard.directory.settings import LdapLogins, LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.errors import PermanentFailure
from mailguard.mail import address as addresses

_SPECIAL = set(',+"<>;=\\#')


LogIn = Callable[[LdapLogins, str, str], Awaitable[tuple[str, ...] | None]]


def asker(settings: LdapSettings | None, monotonic: Callable[[], float]) -> LogIn | None:
    """(how, name, password) → the person's addresses, the main one first, or None: not let in. Raises NoAnswer when
    nobody can tell. None without a directory.
    """
    if settings is None:
        return None

    async def log_in(how: LdapLogins, name: str, password: str) -> tuple[str, ...] | None:
        """In a thread that nobody waits for at the end: a hanging server never keeps the service from stopping."""
        if not (name and password):
            return None
        answer: Future[tuple[str, ...] | None] = Future()
        answer.set_running_or_notify_cancel()
        work = (answer, _addresses, settings, how, name, password, monotonic)
        threading.Thread(target=_into, args=work, name="ldap login", daemon=True).start()
        return await asyncio.wrap_future(answer)

    return log_in


def _into(answer: Future[Any], work: Callable[..., Any], *arguments: Any) -> None:
    try:
        answer.set_result(work(*arguments))
    except BaseException as error:
        answer.set_exception(error)


def _addresses(
    settings: LdapSettings, how: LdapLogins, name: str, password: str, monotonic: Callable[[], float]
) -> tuple[str, ...] | None:
    with session(settings, monotonic) as asking:
        entry = _let_in(asking, settings, how, name, password)
    if entry is None:
        return None
    good = (one for one in written(entry, settings.attributes) if _sound(one))
    return tuple({addresses.key(one): one for one in good}.values())


def _let_in(asking: Session, settings: LdapSettings, how: LdapLogins, name: str, password: str) -> Entry | None:
    asked = (settings.attributes.address, settings.attributes.aliases)
    if how.dn is not None:
        dn = how.dn.replace("{name}", in_dn(name))
        return next(iter(asking.entry(dn, asked)), Entry(dn, {})) if asking.lets_in(dn, password) else None
    entries = asking.whose(how.match, name, asked)
    if len(entries) > 1:
        raise NoAnswer(f"{len(entries)} people log in as {name!r}", "narrow smtp.users.ldap.match", mistake=True)
    return entries[0] if entries and asking.lets_in(entries[0].dn, password) else None


def in_dn(value: str) -> str:
    """As a value within a DN (RFC 4514 §2.4): what could end it, or be taken for something else, as its octets."""
    last = len(value) - 1
    special = (c in _SPECIAL or not c.isprintable() or (c == " " and at in (0, last)) for at, c in enumerate(value))
    return "".join(
        "".join(f"\\{octet:02x}" for octet in c.encode()) if escaped else c
        for c, escaped in zip(value, special, strict=True)
    )


def _sound(text: str) -> bool:
    try:
        return bool(addresses.check(text, smtputf8=True))
    except PermanentFailure:
        return False
