"""Who may send as whom: checked on the envelope and on every From and Sender of the header."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mailguard.errors import PermanentFailure
from mailguard.mail import address, charset, mailboxes
from mailguard.mail.envelope import Identity, Proof
from mailguard.mail.message import Message
from mailguard.notices import reply
from mailguard.smtpd.auth import User

NULL = "<>"
_AUTHORS = ("from", "resent-from")
_POSTERS = ("sender", "resent-sender")
_NAMES = (*_AUTHORS, *_POSTERS)
_LETTER = r"[^\s\"'<>()\[\],;:@\\]"
_ADDRESS = re.compile(rf"(?<!{_LETTER}){_LETTER}++@{_LETTER}++")
_ANGLED = re.compile(rf"<\s*+({_LETTER}++@{_LETTER}++)\s*+>")
_LEADING = re.compile(rf"[\s\"'<(\[]*+({_LETTER}++@{_LETTER}++)")
_WRITTEN = rb"(?:[A-Za-z0-9_+\-]{1,64}\.){0,9}[A-Za-z0-9_+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){0,9}[A-Za-z0-9\-]{1,63}"
# What nearly every From is: one address, behind a name of plain words or alone. There is only one way to read it.
_PLAIN = re.compile(rb"[ \t\r\n]{0,99}+(?:%b|(?:[A-Za-z0-9\-]{1,50} ){0,9}<%b>)[ \t\r\n]{0,99}+" % (_WRITTEN, _WRITTEN))


@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    domains = tuple(pattern[2:] for pattern in patterns if pattern.startswith("*@"))
    return frozenset(address.key(p) for p in patterns if not p.startswith("*@")), domains


def permits(patterns: tuple[str, ...], sender: str) -> bool:
    """Whether a non-null address is one of the patterns: an address, `*@domain` or `*@*.domain`."""
    exact, domains = _compiled(patterns)
    if address.key(sender) in exact:
        return True
    host = address.domain(sender)
    return any(address.within(host, domain) for domain in domains)


def owner(patterns: tuple[str, ...], sender: str, verp: tuple[str, ...]) -> str:
    """Whose address a sender is that a program made of it, so that it knows which mail comes back (VERP, BATV).

    One of the addresses among the patterns, of which `verp` makes this sender; else the sender itself.
    """
    exact, _ = _compiled(patterns)
    local, _, domain = address.key(sender).rpartition("@")
    for known in exact:
        name, _, home = known.rpartition("@")
        if home == domain and any(_made(pattern, name).fullmatch(local) for pattern in verp):
            return known
    return sender


@lru_cache(maxsize=4096)
def _made(pattern: str, local: str) -> re.Pattern[str]:
    parts = re.split(r"(\{local\}|\*)", pattern.lower())
    return re.compile("".join({"{local}": re.escape(local), "*": ".+"}.get(part, re.escape(part)) for part in parts))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one listener. `senders` is for those who don't log in; empty: `internal` addresses and `<>`.

    `verp`: how programs make other senders of an address, like `{local}+*`.
    """

    internal: Callable[[str], bool]
    notices_sender: str
    senders: tuple[str, ...] = ()
    verp: tuple[str, ...] = ()

    def check_envelope(self, user: User | None, sender: str) -> None:
        """PermanentFailure 550 5.7.1. The null sender of a login waits for the header to say who it is."""
        if sender:
            self._check_reserved(sender)
            self._check(user, self._owner(user, sender), "send as")
        elif user is None and not self._null_allowed():
            raise _refuse("the null sender <> is not accepted here")

    def identity(self, user: User | None, sender: str, message: Message) -> Identity:
        """Who is behind this mail, as far as rules and notices are concerned. PermanentFailure 550 5.7.1."""
        authors = [box.address for box in message.mailboxes("from")]
        posters = [box.address for box in message.mailboxes("resent-from", *_POSTERS)]
        if user is None and not sender:
            # A trusted machine's bounce: its From, if it has one, must be a permitted one like any other.
            self._check_header(user, message, authors, posters)
            return Identity(self._mailbox(authors), Proof.NETWORK)
        if len(authors) < max(1, len(message.raw_fields("from"))) or not all("@" in found for found in authors):
            raise _refuse("the mail has no From header with an address: add one, like From: ann@corp.example")
        self._check_header(user, message, authors, posters)
        if user is None:
            resent = [box.address for box in message.mailboxes("resent-from")]  # the last who did stands first
            return Identity(self._mailbox([*resent, *authors]) or self._owner(None, sender), Proof.NETWORK)
        return Identity(_own_mailbox(user, authors[0]), Proof.LOGIN, user.name)

    def _check_header(self, user: User | None, message: Message, authors: list[str], posters: list[str]) -> None:
        if not message.torn.isdisjoint(_NAMES):
            raise _refuse("a line in the header is no field, and a From or Sender follows it: take that line away")
        for found in authors:
            self._check(user, found, "write From")
        for found in posters:
            self._check(user, found, "write Sender")
        for found in filter(self.internal, shown(message)):
            self._check(user, found, "write a name that reads")

    def _owner(self, user: User | None, sender: str) -> str:
        return owner(self.senders if user is None else user.send_as, sender, self.verp) if self.verp else sender

    def _mailbox(self, authors: list[str]) -> str:
        return next((found for found in authors if self.internal(found)), "")

    def _null_allowed(self) -> bool:
        return not self.senders or NULL in self.senders

    def _check(self, user: User | None, found: str, doing: str) -> None:
        self._check_reserved(found)
        if user is not None:
            if not permits(user.send_as, found):
                raise _refuse(f"{user.name} may not {doing} {found}: ask your administrator to add it to send_as")
        elif not (permits(self.senders, found) if self.senders else self.internal(found)):
            raise _refuse(f"nobody may {doing} {found} from this network")

    def _check_reserved(self, found: str) -> None:
        """Mail that looks like ours, or like an answer's address, would make people press links that aren't."""
        if reply.token(self.notices_sender, found) is not None:
            raise _refuse(f"{found} is reserved for this server's own notices")


def shown(message: Message) -> set[str]:
    """Addresses a reader may show as the author that are no mailbox there: where it gives up on broken syntax and
    takes any address it sees, or any in angle brackets, or shows nothing but a name, and that begins with one.
    """
    names = [name for name in _NAMES if not all(map(_PLAIN.fullmatch, message.raw_fields(name)))]
    return _seen(message, names) if names else set()


def _seen(message: Message, names: list[str]) -> set[str]:
    bare = [mailboxes.bare(charset.decode(data)) for name in names for data in message.raw_fields(name)]
    texts = [text for name in names for text in message.all(name)]
    leading = map(_LEADING.match, (*texts, *(box.name for box in message.mailboxes(*names))))
    found = [each[1] for each in leading if each]
    found += [each for text in bare for each in _ADDRESS.findall(text)]
    found += [each for text in texts for each in _ANGLED.findall(text)]
    return {shown.rstrip(".") for shown in found}


def _own_mailbox(user: User, author: str) -> str:
    """Where whoever logged in reads mail: who acted, not whom they wrote as (surface: Notices)."""
    if "@" in user.name and permits(user.send_as, user.name):
        return user.name
    return next((found for found in user.send_as if "*" not in found and found != NULL), author)


def _refuse(why: str) -> PermanentFailure:
    return PermanentFailure(why, code=550, enhanced="5.7.1")
