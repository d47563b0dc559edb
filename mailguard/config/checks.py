"""What no room can see alone: sections that contradict each other, files that are missing, doubtful set-ups."""

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from mailguard.config.files import Loc, Unusable, inline_secrets, open_to_others
from mailguard.config.settings import Settings
from mailguard.config.signing import key as key_of
from mailguard.courier.settings import Hop
from mailguard.courier.settings import Tls as HopTls
from mailguard.document.units import host_port, short
from mailguard.document.wording import Finding
from mailguard.intake.resends import LASTS as RESENDS_LAST
from mailguard.mail.address import a_label, key
from mailguard.people.hours import OFFICE
from mailguard.records import EVERYBODY
from mailguard.smtpd.settings import Auth
from mailguard.store.settings import is_postgres

WIDEST = {4: 16, 6: 32}  # prefix length, by IP version: what a listener without a login may trust at most
_SMALL = 64 << 10  # bytes: a size without its unit, most likely
_SOCKET_PATH = 107  # bytes that fit into sockaddr_un (unix(7))


@dataclass(frozen=True)
class Remark:
    """A finding and how serious it is."""

    finding: Finding
    severity: Literal["error", "warning"] = "error"


def check(settings: Settings, path: Path) -> Iterator[Remark]:
    """Everything about settings whose paths are absolute already; `path` is their file."""
    parts: tuple[Callable[[Settings], Iterator[Remark]], ...] = (
        _addresses, _legal_hold, _listeners, _ports, _web, _sign_in, _ways, _signing, _directory, _store, _files,
        _rules, _limits,
    )  # fmt: skip
    for part in parts:
        yield from part(settings)
    if open_to_others(path):
        for loc in inline_secrets(settings):
            how = f"chmod o-r {path}, or keep the secret in a file of its own with {loc[-1]}_file"
            yield _warn(loc, "every user of this machine can read this secret", how, code="MG403")


def loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _addresses(settings: Settings) -> Iterator[Remark]:
    owns, own = settings.organization.owns, ", ".join(settings.organization.domains)
    sender, fallback = settings.notices.sender, settings.holds.fallback
    if settings.holds.calendar == OFFICE and settings.organization.office is None:
        how = 'write calendar: {hours: "Mon-Fri 08:00-18:00"} under organization'
        yield _error(("holds", "calendar"), "office: nobody said when that is", how)
    for loc, address in ((("notices", "sender"), sender), (("holds", "fallback"), fallback)):
        if not owns(address):
            how = f"use an address in {own}: what mailguard says stays inside"
            yield _error(loc, f"{address} is outside organization.domains", how)
    if key(sender) == key(fallback):
        how = "name a person's mailbox: notices would be sent to the address they come from"
        yield _error(("holds", "fallback"), f"{fallback} is notices.sender too", how)


def _legal_hold(settings: Settings) -> Iterator[Remark]:
    for number, person in enumerate(settings.legal_hold):
        if person != EVERYBODY and "@" not in person.strip("@"):
            how = "write addresses, like [ann@corp.example], or legal_hold: all"
            yield _error(("legal_hold", number), f"{person!r} is no mail address", how)


def _listeners(settings: Settings) -> Iterator[Remark]:
    for number, listener in enumerate(settings.smtp.listeners):
        loc: Loc = ("smtp", "listeners", number)
        here = loopback(host_port(listener.bind)[0])
        for at, network in enumerate(listener.proxy_from):
            if network.prefixlen < WIDEST[network.version] and not network.is_loopback:
                how = f"name the proxies themselves, or networks of them, each /{WIDEST[network.version]} or narrower"
                message = f"{network} is too many machines to be believed whom they speak for"
                yield _error((*loc, "proxy_from", at), message, how)
        if listener.auth is Auth.REQUIRED or here:
            continue
        if not listener.networks:
            how = "add networks: [10.0.20.0/24] with the machines that may send here"
            yield _warn(loc, f"{listener.bind} asks for no login and trusts only this machine", how)
        for at, network in enumerate(listener.networks):
            if network.prefixlen == 0:
                how = "name the networks of your own machines"
                message = f"everybody could send mail through {listener.bind}: {network} is the whole internet"
                yield _error((*loc, "networks", at), message, how)
            elif network.prefixlen < WIDEST[network.version] and not network.is_loopback and listener.lock is None:
                how = f"name the networks of your own machines, each /{WIDEST[network.version]} or narrower"
                message = f"{listener.bind} asks for no login, and {network} is too many machines to trust"
                yield _error((*loc, "networks", at), message, how)
    if settings.smtp.hostname == "localhost" and not _all_local(settings):
        how = "write the server's own name, like mail.corp.example"
        yield _warn(("smtp", "hostname"), "smtp.hostname is localhost, which other servers may refuse", how)


def _all_local(settings: Settings) -> bool:
    binds = [listener.bind for listener in settings.smtp.listeners]
    hops = [settings.next_hop.smarthost or "mx:25"]
    return all(loopback(host_port(place)[0]) for place in binds + hops)


def _ports(settings: Settings) -> Iterator[Remark]:
    taken: dict[str, str] = {}
    places: list[tuple[Loc, str | None]] = [
        (("smtp", "listeners", number, "bind"), listener.bind)
        for number, listener in enumerate(settings.smtp.listeners)
    ]
    places += [(("web", "bind"), settings.web.bind), (("metrics", "bind"), settings.metrics.bind)]
    for loc, bind in places:
        if bind is None or bind.endswith(":0"):
            continue
        name = ".".join(str(step) for step in loc if isinstance(step, str))
        other = taken.setdefault(bind, name)
        if other != name:
            yield _error(loc, f"{name} and {other} both listen on {bind}", "give each a port of its own")


def _web(settings: Settings) -> Iterator[Remark]:
    host = urlsplit(settings.web.url).hostname or ""
    local_mail = all(loopback(host_port(listener.bind)[0]) for listener in settings.smtp.listeners)
    if not loopback(host) and not settings.web.secure:
        how = "put a TLS proxy in front and write https://…"
        yield _warn(("web", "url"), "links and codes would cross the network in cleartext", how)
    if loopback(host) and not local_mail:
        how = "write what people's browsers can open, like https://mailguard.corp.example"
        yield _warn(("web", "url"), f"{settings.web.url} opens on this machine only, but mail comes from others", how)


def _sign_in(settings: Settings) -> Iterator[Remark]:
    web, access = settings.web, settings.access
    if web.oidc is not None and find_spec("authlib") is None:
        how = "pip install 'mailguard[oidc]', in the environment that mailguard runs in"
        message = "signing in at an OpenID provider needs a library that is not installed"
        yield Remark(Finding(("web", "oidc"), "MG407", message, how, key=True))
    users = settings.smtp.users
    if users is not None and users.oauth is not None and find_spec("joserfc") is None:
        how = "pip install 'mailguard[oidc]', in the environment that mailguard runs in"
        message = "tokens of an OpenID provider need a library that is not installed"
        yield Remark(Finding(("smtp", "users", "oauth"), "MG407", message, how, key=True))
    if web.passwords and not (users is not None and users.passwords):
        how = "add users: {file: users.yaml} under smtp, or leave passwords out"
        yield _error(("web", "passwords"), "there are no logins whose passwords could be asked for", how)
    if access.second_factor and not (web.passwords or web.oidc):
        how = "add web: {passwords: true} or web: {oidc: …}, or leave second_factor out"
        yield _error(
            ("access", "second_factor"), "nobody can sign in with a second factor, so nobody has the role", how
        )
    if access.claims() and (web.oidc is None or web.oidc.groups is None):
        how = "add web: {oidc: {groups: roles}}, with the claim that the provider names them in"
        yield _error(("access",), "access names a claim, and no OpenID provider is asked for any", how)


def _ways(settings: Settings) -> Iterator[Remark]:
    own = {host_port(listener.bind) for listener in settings.smtp.listeners}
    for loc, hop in _hops(settings):
        if hop.smarthost is None:
            continue
        host, port = host_port(hop.smarthost)
        local = loopback(host)
        if port and any(port == mine and (host == bind or (local and _everywhere_or_here(bind))) for bind, mine in own):
            how = "name the server that mail goes to next"
            yield _error((*loc, "smarthost"), f"{hop.smarthost} is mailguard itself: mail would go in circles", how)
        if hop.tls is HopTls.NONE and not local:
            how = "use tls: starttls or tls: implicit where the server can"
            yield _warn((*loc, "tls"), f"mail to {hop.smarthost} crosses the network in cleartext", how)


def _signing(settings: Settings) -> Iterator[Remark]:
    places: dict[tuple[str, str], int] = {}
    algorithms: dict[str, dict[str, Loc]] = {}
    for number, named in enumerate(settings.dkim):
        loc: Loc = ("dkim", number)
        if find_spec("cryptography") is None:
            how = "pip install 'mailguard[dkim]', in the environment that mailguard runs in"
            yield Remark(Finding(loc, "MG407", "signing needs a library that is not installed", how, key=True))
            return
        if places.setdefault((named.domain, named.selector), number) != number:
            how = "give each key a selector of its own"
            yield _error(loc, f"two keys are {named.selector} of {named.domain}", how)
        if not settings.organization.owns(f"postmaster@{named.domain}"):
            how = f"add {named.domain} to organization.domains, if it is ours"
            yield _warn((*loc, "domain"), f"{named.domain} is outside organization.domains: who may send from it?", how)
        try:
            algorithms.setdefault(named.domain, {})[key_of(named).algorithm] = loc
        except Unusable as error:
            yield Remark(Finding((*loc, "key_file"), "MG402", str(error), error.how))
    for domain, known in algorithms.items():
        if list(known) == ["ed25519-sha256"]:
            how = f"mailguard dkim new-key {domain} SELECTOR makes an RSA key to stand beside it"
            yield _warn(known["ed25519-sha256"], f"{domain} signs by Ed25519 alone, which many do not verify", how)
    yield from _unsigned(settings)


def _unsigned(settings: Settings) -> Iterator[Remark]:
    """Strangers' servers judge mail by its domain's signature; only a smarthost may be left to make it."""
    signed = {named.domain for named in settings.dkim}
    own = dict.fromkeys(a_label(name.removeprefix("*.")) for name in settings.organization.domains)
    bare = [one for one in own if not any(f".{one}".endswith(f".{name}") for name in signed)]
    words = f"mail from {', '.join(bare)} would reach strangers without a DKIM signature"
    for loc, hop in _hops(settings):
        if hop.mx and bare and not hop.unsigned:
            how = f"mailguard dkim new-key {bare[0]} SELECTOR makes a key for dkim: […]; or say unsigned: true"
            yield _error((*loc, "mx"), words, how)


def _hops(settings: Settings) -> Iterator[tuple[Loc, Hop]]:
    yield ("next_hop",), settings.next_hop
    for name, hop in settings.next_hop.routes.items():
        yield ("next_hop", "routes", name), hop


def _directory(settings: Settings) -> Iterator[Remark]:
    if settings.directory.ldap is not None and find_spec("ldap3") is None:
        how = "pip install 'mailguard[ldap]', in the environment that mailguard runs in"
        message = "asking an LDAP server needs a library that is not installed"
        yield Remark(Finding(("directory", "ldap"), "MG407", message, how, key=True))
    users, ldap = settings.smtp.users, settings.directory.ldap
    if users is None or users.ldap is None:
        return
    loc = ("smtp", "users", "ldap")
    if ldap is None:
        yield _error(loc, "no directory that could know logins is named", "add directory: {ldap: {url: ldaps://…}}")
    elif not ldap.private:
        how = "write ldaps:// as directory.ldap.url, or starttls: true"
        yield _error(loc, f"people's passwords would go to {ldap.url} in cleartext", how)


def _store(settings: Settings) -> Iterator[Remark]:
    if is_postgres(settings.store) and not (find_spec("asyncpg") and find_spec("greenlet")):
        how = "pip install 'mailguard[postgres]', in the environment that mailguard runs in"
        message = "a store in PostgreSQL needs a library that is not installed"
        yield Remark(Finding(("store",), "MG407", message, how, key=True))


def _everywhere_or_here(bind: str) -> bool:
    return bind in {"0.0.0.0", "::"} or loopback(bind)  # noqa: S104 - compared, not bound


def _files(settings: Settings) -> Iterator[Remark]:
    tls, users = settings.smtp.tls, settings.smtp.users
    wanted: list[tuple[Loc, Path | None]] = [(("people",), settings.people)]
    if tls is not None:
        wanted += [(("smtp", "tls", "certificate"), tls.certificate), (("smtp", "tls", "key"), tls.key)]
    hops = _hops(settings)
    wanted += [((*loc, name), getattr(hop, name)) for loc, hop in hops for name in ("ca_file", "certificate", "key")]
    wanted += [((*loc, "oauth", "ca_file"), hop.oauth.ca_file) for loc, hop in _hops(settings) if hop.oauth]
    ldap = settings.directory.ldap
    wanted += [(("directory", "ldap", "ca_file"), ldap.ca_file)] if ldap is not None else []
    oidc = settings.web.oidc
    wanted += [(("web", "oidc", "ca_file"), oidc.ca_file)] if oidc is not None else []
    bearer = users.oauth if users is not None else None
    wanted += [(("smtp", "users", "oauth", "ca_file"), bearer.ca_file)] if bearer is not None else []
    sent = settings.sent_folder
    wanted += [(("sent_folder", "ca_file"), sent.ca_file)] if sent is not None else []
    for loc, path in wanted:
        if path is not None and not os.access(path, os.R_OK):
            message = f"there is no file {path}" if not path.exists() else f"{path} cannot be read"
            yield Remark(Finding(loc, "MG405", message, "check the path, and who may read it"))
    secrets = [((*loc, "password_file"), hop.password_file) for loc, hop in _hops(settings)]
    tokens = [((*loc, "oauth"), hop.oauth) for loc, hop in _hops(settings) if hop.oauth]
    files = ("client_secret_file", "refresh_token_file")
    secrets += [((*loc, name), getattr(oauth, name)) for loc, oauth in tokens for name in files]
    secrets += [((*loc, "key"), hop.key) for loc, hop in _hops(settings)]
    stored = settings.encryption
    secrets += [(("encryption", "key_file"), stored.key_file)]
    secrets += [(("encryption", "old", at, "key_file"), one.key_file) for at, one in enumerate(stored.old)]
    secrets += [(("smtp", "tls", "key"), tls.key)] if tls is not None else []
    secrets += [(("dkim", at, "key_file"), named.key_file) for at, named in enumerate(settings.dkim)]
    secrets += [(("directory", "ldap", "password_file"), ldap.password_file)] if ldap is not None else []
    secrets += [(("web", "oidc", "client_secret_file"), oidc.client_secret_file)] if oidc is not None else []
    secrets += [(("sent_folder", "password_file"), sent.password_file)] if sent is not None else []
    secrets += [(("webhooks", at, "secret_file"), hook.secret_file) for at, hook in enumerate(settings.webhooks)]
    for loc, path in secrets:
        if path is not None and open_to_others(path):
            yield _warn(loc, f"every user of this machine can read {path}", f"chmod o-r {path}", code="MG403")
    logins = any(listener.auth is Auth.REQUIRED for listener in settings.smtp.listeners)
    if logins and users is not None and users.file is not None and not users.file.is_file():
        how = "mailguard user add NAME --send-as ADDRESS writes it"
        yield _warn(("smtp", "users", "file"), f"{users.file} is not there: nobody can log in", how, code="MG405")


def _rules(settings: Settings) -> Iterator[Remark]:
    """No rules because `rules: []` says so is a choice; no rules because of a path is a mistake."""
    if not settings.rules:
        yield _warn(("rules",), "no rules: all mail passes at once", "for example rules: [rules/*.yaml]")
    empty = [number for number, pattern in enumerate(settings.rules) if not glob.glob(pattern, recursive=True)]  # noqa: PTH207
    for number in empty:
        pattern, loc = settings.rules[number], ("rules", number)
        if len(empty) == len(settings.rules) or not glob.has_magic(pattern):
            message = f"there is no rule file {pattern}"
            yield Remark(Finding(loc, "MG405", message, "check the path; rules: [] says that none are wanted"))
        else:
            yield _warn(loc, f"{pattern} matches no file", "check the path, or remove it")


def _limits(settings: Settings) -> Iterator[Remark]:
    if settings.smtp.limits.size < _SMALL:
        words = f"no mail over {settings.smtp.limits.size} bytes is taken: that is hardly any mail"
        yield _warn(("smtp", "limits", "size"), words, "write a unit, like 35MB")
    socket = settings.admin.socket
    if len(os.fsencode(socket)) > _SOCKET_PATH:
        how = "choose a shorter one, like /run/mailguard/admin.sock"
        yield _error(("admin", "socket"), f"the socket's path is longer than {_SOCKET_PATH} bytes", how)
    urls = [hook.url for hook in settings.webhooks]
    for at, url in enumerate(urls):
        if url in urls[:at]:
            how = "keep one, with all its events: each is told once"
            yield _error(("webhooks", at, "url"), "two webhooks have this address", how)
    zero = {
        ("holds", "expires"): settings.holds.expires,
        ("retry", "give_up"): settings.retry.give_up,
        ("smtp", "limits", "decide"): settings.smtp.limits.decide,
    }
    for loc, span in zero.items():
        if not span:
            yield _error(loc, f"{'.'.join(loc)} can't be nothing", "write a time like 10s or 72h")
    if settings.retention.decisions < RESENDS_LAST:
        words = f"a mail would be forgotten while its client may still send it again ({short(RESENDS_LAST)})"
        yield _error(
            ("retention", "decisions"), words, "write a longer time, like 400d: bodies go earlier by themselves"
        )


def _error(loc: Loc, message: str, how: str) -> Remark:
    return Remark(Finding(loc, "MG404", message, how))


def _warn(loc: Loc, message: str, how: str, *, code: str = "MG406") -> Remark:
    return Remark(Finding(loc, code, message, how), "warning")
