"""What a library or server says when it refuses, in the words of whoever can put it right."""

import ssl
from typing import Any

from mailguard.directory.settings import LdapSettings
from mailguard.errors import MailguardError

# LDAP result codes (RFC 4511, appendix A): what it means, and what to do.
_RESULTS = {
    3: ("the server's time limit was reached", "narrow the filters, or raise the limit for this account there"),
    4: (
        "the server gives this account no more than a part of its entries (size limit)",
        "raise the limit for this account there: in OpenLDAP olcLimits with size.prtotal=unlimited",
    ),
    8: ("the server wants a stronger way to log in", "write ldaps://, or starttls: true"),
    10: ("the server knows base only as another server's", "name that server in directory.ldap.url"),
    11: ("a limit that an administrator of the server set was reached", "raise it for this account there"),
    13: ("the server wants TLS first", "write ldaps://, or starttls: true"),
    32: ("there is no entry of the name that base says", "check directory.ldap.base and groups.base"),
    34: ("bind or base is not a DN", "write it like dc=corp,dc=example"),
    48: ("the server does not let this account log in", "check directory.ldap.bind and its password"),
    49: ("the server does not accept bind and password", "check directory.ldap.bind and its password"),
    50: ("this account may not read there", "let it read people and groups, or ask with another account"),
    53: ("the server is not willing", "see its log: it may want TLS, or a login"),
}
_PASSING = {3, 51, 52}  # not for good: time limit, busy, unavailable


class NoAnswer(MailguardError):
    """A directory gave no answer that could be used. `mistake`: asking again will not help, somebody must act."""

    def __init__(self, why: str, help: str = "", *, mistake: bool = False) -> None:  # noqa: A002
        super().__init__(why)
        self.help = help
        self.mistake = mistake


def worded(error: Exception, settings: LdapSettings) -> NoAnswer:
    """Never with what the library says of the connection: that may hold more than anybody should read."""
    place = f"{settings.host}:{settings.port}"
    number = getattr(error, "result", None)
    if isinstance(number, int):
        said, how = _RESULTS.get(number, (f"the server answers {_description(error)} ({number})", "see its log"))
        return NoAnswer(said, how, mistake=number not in _PASSING)
    name, text = type(error).__name__, str(error)
    if _is_about_certificate(error, text):
        how = "check its name and authority; directory.ldap.ca_file names another authority"
        return NoAnswer(f"the certificate of {place} is not accepted: {_reason(text)}", how, mistake=True)
    if "Filter" in name:
        how = "write it like (objectClass=person)"
        return NoAnswer("filter or groups.filter is not an LDAP filter", how, mistake=True)
    if "StartTLS" in name:
        return NoAnswer(f"{place} does not do STARTTLS", "write ldaps:// without starttls", mistake=True)
    if not name.startswith("LDAP") and not isinstance(error, OSError):
        return NoAnswer(f"{place} answers what is not LDAP, or not as it must be ({name})", "see its log")
    how = "check that it runs and can be reached from here"
    return NoAnswer(f"{place} does not answer ({_cause(error, text)})", how)


def _description(error: Any) -> str:
    return str(getattr(error, "description", "") or "something else")[:60]


def _is_about_certificate(error: Exception, text: str) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text


def _reason(text: str) -> str:
    """`[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, … (_ssl.c:1006)` → the middle."""
    said = text.rpartition("verify failed: ")[2] or text
    return said.partition(" (_ssl")[0].rstrip(".").replace("\\'", "")[:150]


def _cause(error: Exception, text: str) -> str:
    """The last and plainest part of a nested message."""
    said = text.rpartition("] ")[2] or text
    return said.strip("()' ")[:80] or type(error).__name__
