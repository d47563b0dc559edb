"""Asking an LDAP server: the only place that speaks LDAP. Everything here blocks and belongs into a thread."""

import contextlib
import ssl
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mailguard.directory.entry import Answer, Entry, Names, is_dn
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer, worded

PAGE = 500  # entries a page; Active Directory gives 1000 at most
LOOKUPS = 2000  # members that are looked up one by one, in one reading
CHAINS = 500  # groups that Active Directory is asked to follow, in one reading
SPANS = 30  # a whole reading may take this many times the time-out

_PAGED = "1.2.840.113556.1.4.319"
_ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"  # among supportedCapabilities
_IN_CHAIN = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_IN_CHAIN
# The password is wrong, or the account does not exist, has none, or is locked (RFC 4511, appendix A).
_NOT_LET_IN = {19, 32, 34, 48, 49, 53}
_NONE = "1.1"  # no attributes (RFC 4511 §4.5.1.8)


def ask(settings: LdapSettings, monotonic: Callable[[], float]) -> Answer:
    """Everybody and every group, whole or not at all. Raises NoAnswer."""
    with session(settings, monotonic) as asking:
        return asking.read()


@contextlib.contextmanager
def session(settings: LdapSettings, monotonic: Callable[[], float]) -> Iterator["Session"]:
    """A connection, bound as the settings say. Raises NoAnswer, also for what goes wrong while it is used."""
    try:
        made = Session(_library(), settings, monotonic)
        try:
            yield made
        finally:
            made.close()
    except NoAnswer:
        raise
    except Exception as error:  # whatever a library makes of bytes from the network, it is no answer
        raise worded(error, settings) from error


def _library() -> Any:
    """ldap3, imported only where a directory is configured: it comes with an extra."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # ldap3 2.9 uses old names of pyasn1 0.6
        import ldap3
    return ldap3


class Session:
    """One connection, from its bind to its last page."""

    def __init__(self, library: Any, settings: LdapSettings, monotonic: Callable[[], float]) -> None:
        self._settings, self._monotonic = settings, monotonic
        self._deadline = monotonic() + SPANS * settings.timeout.total_seconds()
        seconds = max(1, round(settings.timeout.total_seconds()))
        server = library.Server(
            settings.host, settings.port, use_ssl=settings.tls, tls=_tls(library, settings), get_info=library.NONE,
            connect_timeout=seconds,
        )  # fmt: skip
        password = settings.password.get_secret_value() if settings.password else None
        self._library = library
        self._link = library.Connection(
            server, settings.bind, password, receive_timeout=seconds, auto_referrals=False, check_names=False,
            raise_exceptions=True, read_only=True, return_empty_attributes=False,
        )  # fmt: skip
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._link.open(read_server_info=False)
        if self._settings.starttls:
            self._link.start_tls(read_server_info=False)
        self._link.bind(read_server_info=False)

    def close(self) -> None:
        """Also a socket that was never quite open."""
        socket = self._link.socket
        with contextlib.suppress(self._library.core.exceptions.LDAPException, OSError):
            self._link.unbind()
        if socket is not None:
            socket.close()

    def read(self) -> Answer:
        settings = self._settings
        groups = settings.groups
        people = tuple(self._search(settings.base, settings.filter, settings.attributes.all))
        room = settings.limit - len(people)
        found = tuple(self._search(groups.base or settings.base, groups.filter, groups.all, room))
        names = Names()
        known = {names[entry.dn] for entry in (*people, *found)}
        inside = self._chains(found, known, names) if self._is_active_directory() else {}
        others, unasked = self._others([g for g in found if g.dn not in inside], known, names)
        return Answer(people, found, tuple(others), inside, unasked)

    def lets_in(self, dn: str, password: str) -> bool:
        """Whether the server takes this password for this DN; if so, whatever follows is asked by that person.

        Never asked without a password: a server takes that for nobody in particular, and says yes (RFC 4513 §5.1.2).
        """
        link, errors = self._link, self._library.core.exceptions
        if not (dn and password):
            return False
        if link.closed:  # ldap3 would open another, and that without STARTTLS
            raise NoAnswer("the server hung up", "see its log")
        # As octets: ldap3 prepares text (RFC 4013), and some passwords, like one of soft hyphens, are nothing then.
        link.authentication, link.user, link.password = self._library.SIMPLE, dn, password.encode()
        try:
            return bool(link.bind(read_server_info=False))
        except errors.LDAPOperationResult as error:
            if error.result in _NOT_LET_IN:
                return False
            raise

    def whose(self, attributes: Sequence[str], name: str, asked: tuple[str, ...]) -> list[Entry]:
        """People of whom one of these attributes is the name."""
        value = self._escaped(name)
        wanted = "".join(f"({attribute}={value})" for attribute in attributes)
        return self._page(self._settings.base, f"(&{self._settings.filter}(|{wanted}))", asked, self._library.SUBTREE)[
            0
        ]

    def _others(self, groups: Sequence[Entry], known: set[str], names: Names) -> tuple[list[Entry], int]:
        """Members that the two searches did not find, and theirs in turn; lists first, whose mail may go outside."""
        attributes = tuple(dict.fromkeys((*self._settings.groups.all, self._settings.attributes.address)))
        ordered = sorted(groups, key=lambda group: not group.first(self._settings.groups.address))
        waiting = [dn for group in ordered for dn in self._members(group)]
        asked, found, unasked = set(known), list[Entry](), 0
        for dn in waiting:  # grows on the way
            if names[dn] in asked:
                continue
            asked.add(names[dn])
            if len(asked) - len(known) > LOOKUPS:
                unasked += 1
                continue
            for entry in self.entry(dn, attributes):
                found.append(entry)
                waiting += self._members(entry)
        return found, unasked

    def _members(self, group: Entry) -> list[str]:
        return [one for attribute in self._settings.groups.members for one in group.all(attribute) if is_dn(one)]

    def _chains(self, groups: Sequence[Entry], known: set[str], names: Names) -> dict[str, tuple[str, ...]]:
        """Active Directory follows groups within groups itself: for those without an address that is all we need."""
        found: dict[str, tuple[str, ...]] = {}
        for group in groups:
            if len(found) == CHAINS:
                break  # what is left is looked up as anywhere else
            strange = any(names[dn] not in known for dn in self._members(group))
            if strange and not group.first(self._settings.groups.address):
                wanted = f"(&{self._settings.filter}(memberOf:{_IN_CHAIN}:={self._escaped(group.dn)}))"
                entries = self._search(self._settings.base, wanted, (_NONE,))
                found[group.dn] = tuple(entry.dn for entry in entries)
        return found

    def _escaped(self, value: str) -> str:
        """As a value within a filter (RFC 4515)."""
        return str(self._library.utils.conv.escape_filter_chars(value))

    def _is_active_directory(self) -> bool:
        entries = self.entry("", ("supportedCapabilities",))
        return any(_ACTIVE_DIRECTORY in entry.all("supportedCapabilities") for entry in entries)

    def entry(self, dn: str, attributes: tuple[str, ...]) -> list[Entry]:
        """The entry of this name, or none: a name may lead nowhere, or be none at all."""
        errors = self._library.core.exceptions
        nowhere = (
            errors.LDAPNoSuchObjectResult, errors.LDAPInvalidDNSyntaxResult, errors.LDAPInvalidDnError,
            errors.LDAPInsufficientAccessRightsResult, errors.LDAPReferralResult,
        )  # fmt: skip
        try:
            return self._page(dn, "(objectClass=*)", attributes, self._library.BASE)[0]
        except nowhere:
            return []

    def _search(self, base: str, wanted: str, attributes: Sequence[str], room: int | None = None) -> Iterator[Entry]:
        """All entries below the base, by pages. Raises NoAnswer when there are more than `room` (`limit`)."""
        left = self._settings.limit if room is None else room
        cookie: bytes | None = b""
        while cookie is not None:
            entries, cookie = self._page(base, wanted, attributes, self._library.SUBTREE, cookie)
            left -= len(entries)
            if left < 0:
                how = "narrow filter or groups.filter, or raise directory.ldap.limit"
                raise NoAnswer(f"more than {self._settings.limit} people and groups", how, mistake=True)
            yield from entries

    def _page(
        self, base: str, wanted: str, attributes: Sequence[str], scope: str, cookie: bytes | None = None
    ) -> tuple[list[Entry], bytes | None]:
        """References to other servers are passed over. None: that was the last page."""
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise NoAnswer("the answer took too long", "narrow the filters, or raise directory.ldap.timeout")
        link = self._link
        link.search(
            base, wanted, scope, attributes=list(attributes), paged_size=None if cookie is None else PAGE,
            paged_cookie=cookie or None,
        )  # fmt: skip
        if link.result["result"] != 0:  # ldap3 raises none for a size or time limit: a part would look like the whole
            raise self._library.core.exceptions.LDAPOperationResult(**_told(link.result))
        entries = [_entry(found) for found in link.response if found["type"] == "searchResEntry"]
        control = (link.result.get("controls") or {}).get(_PAGED) or {}
        following = control.get("value", {}).get("cookie")
        return entries, following or None


def _told(result: Any) -> dict[str, Any]:
    return {name: result[name] for name in ("result", "description", "dn", "message")}


def _entry(found: Any) -> Entry:
    values = {
        str(name).partition(";")[0].lower(): tuple(value.decode("utf-8", "replace") for value in several)
        for name, several in found["raw_attributes"].items()
    }
    return Entry(found["dn"], values)


def _tls(library: Any, settings: LdapSettings) -> Any:
    """The standard library's own checks of a certificate and its names, instead of ldap3's older ones."""

    class Checked(library.Tls):  # type: ignore[misc]
        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002
            context = ssl.create_default_context(cafile=settings.ca_file)
            connection.socket = context.wrap_socket(connection.socket, server_hostname=settings.host)

    return Checked(validate=ssl.CERT_REQUIRED) if settings.tls or settings.starttls else None
