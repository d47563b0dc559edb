"""The parameters of MAIL and RCPT: values kept exactly as the client wrote them, case and all.

RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 (RET ENVID NOTIFY ORCPT), 4954 (AUTH=),
4865 (HOLDFOR HOLDUNTIL).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailguard.errors import PermanentFailure

ENVID_OCTETS = 100  # RFC 3461 §4.4
ORCPT_OCTETS = 500  # RFC 3461 §4.2
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]))*")  # encodes printable ASCII only
_UTF8_XTEXT = re.compile(r"(?:[!-*,-<>-~\u00a0-\U0010ffff]|\+(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]))*")  # RFC 6533 §3
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What followed `MAIL FROM:<…>`."""

    size: int = 0
    smtputf8: bool = False
    eightbit: bool = False
    ret: str | None = None
    envid: str | None = None
    hold_until: datetime | None = None
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class RcptParameters:
    """What followed `RCPT TO:<…>`."""

    notify: tuple[str, ...] = ()
    orcpt: str | None = None


_NO_MAIL, _NO_RCPT = MailParameters(), RcptParameters()


def mail_parameters(
    text: str, now: Callable[[], datetime], longest: timedelta, *, secure: bool = False
) -> MailParameters:
    """PermanentFailure: 501 5.5.4 for a bad value, 555 5.5.4 for what is not offered.

    `longest` is how far ahead FUTURERELEASE may ask; zero: it is not offered. REQUIRETLS is if the session is `secure`.
    """
    if not text:
        return _NO_MAIL
    known = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "HOLDFOR", "HOLDUNTIL"}
    given = _split(text, known | ({"REQUIRETLS"} if secure else set()))
    for flag in ("SMTPUTF8", "REQUIRETLS"):
        if given.get(flag):
            raise _bad(f"{flag} takes no value")
    if "AUTH" in given:
        _mailbox_xtext(given["AUTH"])
    return MailParameters(
        size=_size(given["SIZE"]) if "SIZE" in given else 0,
        smtputf8="SMTPUTF8" in given,
        eightbit=_one_of("BODY", given["BODY"], ("7BIT", "8BITMIME")) == "8BITMIME" if "BODY" in given else False,
        ret=_one_of("RET", given["RET"], ("FULL", "HDRS")) if "RET" in given else None,
        envid=_envid(given["ENVID"]) if "ENVID" in given else None,
        hold_until=_hold_until(given, now, longest),
        require_tls="REQUIRETLS" in given,
    )


def rcpt_parameters(text: str) -> RcptParameters:
    """PermanentFailure as `mail_parameters`."""
    if not text:
        return _NO_RCPT
    given = _split(text, {"NOTIFY", "ORCPT"})
    return RcptParameters(
        notify=_notify(given["NOTIFY"]) if "NOTIFY" in given else (),
        orcpt=_orcpt(given["ORCPT"]) if "ORCPT" in given else None,
    )


def _split(text: str, known: set[str]) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        keyword = name.upper()
        if not _KEYWORD.fullmatch(name) or (equals and not value):
            raise _bad("parameters are written KEYWORD=value")
        if keyword not in known:
            raise PermanentFailure(f"parameter {keyword[:40]} is not offered here", code=555, enhanced="5.5.4")
        if keyword in given:
            raise _bad(f"{keyword} is there twice")
        given[keyword] = value if equals else None
    return given


def _size(value: str | None) -> int:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 20:  # noqa: PLR2004 - RFC 1870 §3
        raise _bad("SIZE is a number of octets")
    return int(value)


def _one_of(name: str, value: str | None, choices: tuple[str, ...]) -> str:
    if (value or "").upper() not in choices:
        raise _bad(f"{name} is one of {', '.join(choices)}")
    return (value or "").upper()


def _envid(value: str | None) -> str:
    if not value or len(value) > ENVID_OCTETS or not _XTEXT.fullmatch(value):
        raise _bad(f"ENVID is xtext of at most {ENVID_OCTETS} characters (RFC 3461 section 4.4)")
    return value


def _notify(value: str | None) -> tuple[str, ...]:
    words = tuple((value or "").upper().split(","))
    if len(set(words)) != len(words) or not (words == ("NEVER",) or set(words) <= {"SUCCESS", "FAILURE", "DELAY"}):
        raise _bad("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")
    return words


def _orcpt(value: str | None) -> str:
    kind, semicolon, encoded = (value or "").partition(";")
    form = _UTF8_XTEXT if kind.lower() == "utf-8" else _XTEXT
    sound = semicolon and encoded and _ADDRESS_TYPE.fullmatch(kind) and form.fullmatch(encoded)
    if value is None or not sound or len(value.encode()) > ORCPT_OCTETS:
        raise _bad("ORCPT is TYPE;ADDRESS with the address as xtext (RFC 3461 section 4.2)")
    return value


def _mailbox_xtext(value: str | None) -> None:
    """Checked and forgotten: whoever is behind a mail is whoever logged in here."""
    if not value or (value != "<>" and not _UTF8_XTEXT.fullmatch(value)):
        raise _bad("AUTH= is <> or an address as xtext (RFC 4954 section 5)")


def _hold_until(given: dict[str, str | None], now: Callable[[], datetime], longest: timedelta) -> datetime | None:
    """RFC 4865 §4; past instants are as good as none."""
    if "HOLDFOR" not in given and "HOLDUNTIL" not in given:
        return None
    if not longest:
        raise PermanentFailure("FUTURERELEASE is not offered here", code=555, enhanced="5.5.4")
    if "HOLDFOR" in given and "HOLDUNTIL" in given:
        raise _bad("say HOLDFOR or HOLDUNTIL, not both")
    present = now()
    until = _after(given["HOLDFOR"], present) if "HOLDFOR" in given else _instant(given["HOLDUNTIL"])
    if until > present + longest:
        raise _bad(f"mail is kept for {int(longest.total_seconds())} seconds at most")
    return until if until > present else None


def _after(value: str | None, present: datetime) -> datetime:
    if not value or not re.fullmatch(r"[0-9]{1,9}", value):
        raise _bad("HOLDFOR is a number of seconds")
    return present + timedelta(seconds=int(value))


def _instant(value: str | None) -> datetime:
    try:
        if value and _UTC_TIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad("HOLDUNTIL is an instant like 2026-11-30T08:00:00Z")


def _bad(why: str) -> PermanentFailure:
    return PermanentFailure(why, code=501, enhanced="5.5.4")
