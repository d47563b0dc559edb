"""The path of MAIL and RCPT, against the grammar of RFC 5321 read one letter at a time."""

from ipaddress import IPv4Address, IPv6Address
from unicodedata import category

from mailguard.errors import PermanentFailure
from mailguard.mail import address
from tests.fuzz.target import target

_ATEXT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.")
_LABEL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@target(
    "paths",
    "what follows MAIL FROM is an address, byte for byte, or refused",
    [
        b"<", b">", b"@", b'"', b"\\", b".", b"a", b"corp.example", b"<a@b.example>", b"[192.0.2.1]", b"[IPv6:::1]",
        b"@a,@b:", b"=?utf-8?q?x=0d=0a?=", b" SIZE=1", b"\xc5\xbc", b"\xe2\x80\x8b", b"xn--", b"-", b"postmaster",
        b"\r\n", b"x" * 60, b"\xef\xbc\x8e", b"\xc2\xad",
    ],
)  # fmt: skip
def paths(data: bytes) -> None:
    text = data.decode(errors="ignore")
    try:
        found, rest = address.parse_path(text, smtputf8=True)
    except PermanentFailure as refusal:
        assert refusal.code in (501, 553)
        assert refusal.line.isprintable()
        found = rest = ""
        assert not _well_formed(text[1:-1]) or text[:1] + text[-1:] != "<>", "a good address is refused"
    if not found:
        return
    assert found in text, "nothing is decoded"
    unseen = [c for c in found if not c.isprintable() and c not in "\u200c\u200d"]
    assert all(category(c) == "Cn" for c in unseen), "not even Unicode knows what that is"
    assert len(found.encode()) <= address.PATH_OCTETS
    assert address.parse_path(f"<{found}> {rest}", smtputf8=True) == (found, rest)
    assert address.check(found, smtputf8=True) == found
    assert _well_formed(found) or not found.isascii(), "a bad address is taken"
    same = address.key(found)
    assert address.key(same) == same
    assert address.domain(found) == address.domain(same)
    assert address.within(address.domain(found), address.domain(found))


def _well_formed(mailbox: str) -> bool:
    """Whether an ASCII text is a Mailbox of RFC 5321 §4.1.2, with the underscore in names that DNS has."""
    if not mailbox.isascii() or len(mailbox) + 2 > address.PATH_OCTETS:
        return False
    end = _quoted_end(mailbox) if mailbox.startswith('"') else mailbox.find("@")
    local, domain = mailbox[:end], mailbox[end + 1 :]
    if end < 1 or mailbox[end : end + 1] != "@" or len(local) > address.LOCAL_OCTETS:
        return False
    if not local.startswith('"') and not (set(local) <= _ATEXT and all(local.split("."))):
        return False
    return _is_literal(domain) if domain.startswith("[") else _is_domain(domain)


def _quoted_end(mailbox: str) -> int:
    """Behind the closing quote, 0 when there is none or something may not stand before it."""
    at = 1
    while at < len(mailbox) and " " <= mailbox[at] <= "~":
        if mailbox[at] == '"':
            return at + 1
        at += 1
        if mailbox[at - 1] == "\\":
            if not " " <= mailbox[at : at + 1] <= "~":
                return 0
            at += 1
    return 0


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    fit = all(0 < len(one) < 64 and set(one) <= _LABEL and "-" not in (one[0], one[-1]) for one in labels)
    return fit and len(domain) <= address.DOMAIN_OCTETS


def _is_literal(domain: str) -> bool:
    if not domain.endswith("]"):
        return False
    inner = domain[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            IPv6Address(inner[5:])
            return "%" not in inner
        IPv4Address(inner)
    except ValueError:
        return False
    return True
