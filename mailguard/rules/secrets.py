"""Keys, tokens and passwords in text: only what is hardly ever anything else, and never shown whole."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from typing import Literal

from mailguard.locale.sayings import saying

SecretKind = Literal["private_key", "token", "password"]

_ALONE_BEFORE, _ALONE_AFTER = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_BITS = 3.0  # of entropy a character: below that it is a placeholder like xxxxxxxx or 12345678
_EXAMPLE = re.compile(r"example|sample|dummy|placeholder|your[_-]|x{6,}|0{8,}|1234567|abcdef", re.IGNORECASE)
_KEY = 200  # characters of a private key that tell it from others
_SHOWN = 4  # characters of a token that are shown: its vendor's prefix, nothing secret


@dataclass(frozen=True, slots=True)
class Secret:
    """Something found: its kind and what may be said of it."""

    kind: SecretKind
    said: str
    number: int  # tells one from another without keeping it


def _token(said: str, written: str) -> tuple[str, re.Pattern[str]]:
    return said, re.compile(_ALONE_BEFORE + written + _ALONE_AFTER)


_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]: ?ss"
)
_TOKENS = (
    _token("AWS access key", r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    (
        "AWS secret key",
        re.compile(r"(?i)aws.{0,20}?secret.{0,20}?[=:]\s{0,3}[\"']?(?P<v>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"),
    ),
    _token("Google API key", r"AIza[A-Za-z0-9_\-]{35}"),
    _token("Google OAuth secret", r"GOCSPX-[A-Za-z0-9_\-]{28}"),
    _token("GitHub token", r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})"),
    _token("GitLab token", r"gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_\-]{20,60}"),
    _token("Slack token", r"xox[abeoprs]-[0-9]{8,14}-[A-Za-z0-9\-]{12,200}"),
    (
        "Slack webhook",
        re.compile(r"https://hooks\.slack\.com/services/(?P<v>T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,40})"),
    ),
    _token("Stripe key", r"[rs]k_live_[A-Za-z0-9]{16,200}"),
    _token("SendGrid key", r"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}"),
    _token("OpenAI key", r"sk-(?:proj-|svcacct-|ant-[a-z0-9]{3,8}-)?[A-Za-z0-9_\-]{32,200}"),
    _token("npm token", r"npm_[A-Za-z0-9]{36}"),
    _token("PyPI token", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,300}"),
    ("Azure storage key", re.compile(r"AccountKey=(?P<v>[A-Za-z0-9+/]{86}==)")),
    _token("JSON web token", r"eyJ[A-Za-z0-9_\-]{10,4000}\.eyJ[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{20,4000}"),
)
_BEFORE_ONE = (
    r"password|passwd|pwd|passphrase|has[łl]o|passwort|kennwort|mot de passe|mdp|contraseña|clave de acceso"
    r"|パスワード|wachtwoord|senha|client[_ ]secret|api[_ ]?key|secret[_ ]key"
)
_AFTER_ITS_NAME = re.compile(
    rf"(?i)(?<![^\W_])(?<![?&/#;])(?:{_BEFORE_ONE})(?: (?:is|to|ist|lautet|est|es|brzmi))?[\"']?"
    r"[ \t]{0,4}[:=：][ \t]{0,4}[\"'`]?(?P<v>[^\s\"'`]{6,100})"
)
_LINK = re.compile(r"(?i)(?<![a-z0-9+.\-])[a-z][a-z0-9+.\-]{1,15}://[^\s:/@]{1,80}:(?P<v>[^\s:/@]{4,100})@[a-z0-9]")
_CLASSES = tuple(re.compile(each) for each in (r"[^\W\d_A-Z]", r"[A-Z]", r"\d", r"[\W_]"))
_MIXED = 3  # kinds of characters in what somebody types after "password:" and is one
_NO_PASSWORD = re.compile(r"https?://|www\.|[<\[({*•.…_\-]|\$\{|%[A-Za-z]|[^@]+@[^@]+\.[a-z]{2,}$")


def find(text: str, kinds: frozenset[str]) -> Iterator[Secret]:
    """Those of these kinds in a legible text, in no particular order."""
    if "private_key" in kinds:
        for found in _PRIVATE_KEY.finditer(text):
            yield Secret("private_key", saying("a private key"), hash(text[found.start() : found.start() + _KEY]))
    if "token" in kinds:
        for said, written in _TOKENS:
            for found in written.finditer(text):
                value = found["v"] if "v" in found.re.groupindex else found[0]
                if _random(value):
                    shown = "" if value != found[0] else f" {value[:_SHOWN]}…"
                    yield Secret("token", said + shown, hash(value))
    if "password" in kinds:
        for written in (_AFTER_ITS_NAME, _LINK):
            for found in written.finditer(text):
                if _typed(found["v"]) or (written is _LINK and not _EXAMPLE.search(found["v"])):
                    yield Secret("password", saying("a password"), hash(found["v"]))


def _random(value: str) -> bool:
    if _EXAMPLE.search(value):
        return False
    count = len(value)
    return -sum(n / count * log2(n / count) for n in Counter(value).values()) >= _BITS


def _typed(value: str) -> bool:
    """Whether it looks like a password and not like the sentence going on: several kinds of characters."""
    value = value.rstrip(".,;:!?)")
    if len(value) < 6 or _NO_PASSWORD.match(value) or _EXAMPLE.search(value):  # noqa: PLR2004 - shorter is a word
        return False
    return sum(each.search(value) is not None for each in _CLASSES) >= _MIXED
